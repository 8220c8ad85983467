package gateway

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/yamljson"
)

// statusHeader is the gRPC response header by which a service chooses among
// the codes that cmf.v1.rest lists under also.
const statusHeader = "weir-http-status"

// answer writes the success of an RPC.
func answer(ctx context.Context, w http.ResponseWriter, response proto.Message) error {
	ex, ok := w.(*exchange)
	if !ok {
		return fmt.Errorf("answer to a %T, not an exchange", w)
	}
	rt := ex.route
	if status, ok := ex.chosenStatus(ctx); ok {
		// The contract gives such answers (202, 304) no body.
		ex.finish(status, nil)
		return nil
	}
	if rt.emptyBody || rt.success == http.StatusNoContent {
		ex.finish(rt.success, nil)
		return nil
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer releaseBuffer(buffer)
	if err := ex.encode(buffer, response); err != nil {
		return err
	}
	h := ex.Header()
	if rt.etag {
		tag := entityTag(buffer.Bytes())
		h["Etag"] = []string{tag}
		h["Cache-Control"] = revalidate
		if matches(ex.ifNoneMatch, tag) {
			ex.finish(http.StatusNotModified, nil)
			return nil
		}
	}
	h["Content-Type"] = []string{ex.format.contentType}
	ex.finish(rt.success, buffer.Bytes())
	return nil
}

// encode writes a message in the format of the answer.
func (ex *exchange) encode(buffer *bytes.Buffer, message proto.Message) error {
	json, err := codec.Append(buffer.AvailableBuffer(), message)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	if ex.format.yaml {
		if json, err = yamljson.AppendYAML(nil, json); err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
	}
	buffer.Write(json) // costs nothing where json still lies in the buffer
	return nil
}

// chosenStatus is the code that the service chose. One that the contract does
// not have is a mistake of ours, not to be passed on.
func (ex *exchange) chosenStatus(ctx context.Context) (int, bool) {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	chosen := md.HeaderMD.Get(statusHeader)
	if len(chosen) == 0 {
		return 0, false
	}
	status, err := strconv.Atoi(chosen[0])
	if err != nil || !slices.Contains(ex.route.also, status) {
		ex.log.Error("a service chose a status that its method does not have",
			"request", ex.id, "rpc", ex.route.rpc, "status", chosen[0])
		return 0, false
	}
	return status, true
}
