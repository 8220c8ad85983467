package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// bridge is the marshaler that the generated handlers use. They give a
// marshaler neither the request nor the answer's writer, so that the work is
// done around it: the body was decoded before the handler began, and the
// answer was written when Marshal is asked for it.
type bridge struct{}

var _ runtime.Marshaler = bridge{}

// input is a request body that was decoded.
type input struct {
	io.ReadCloser
	message proto.Message // nil where there is no body
}

// NewDecoder hands out what the input holds.
func (bridge) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		in, ok := r.(input)
		if !ok {
			return errors.New("the body was not decoded")
		}
		if in.message == nil {
			return io.EOF // how a handler is told that there is none
		}
		target := reflect.ValueOf(v).Elem() // a field of the RPC's request
		if message := reflect.ValueOf(in.message); message.Type().AssignableTo(target.Type()) {
			target.Set(message)
			return nil
		}
		return fmt.Errorf("the body was decoded as %T, not as %s", in.message, target.Type())
	})
}

// Marshal returns nothing: see answer.
func (bridge) Marshal(any) ([]byte, error) { return nil, nil }

// NewEncoder writes nothing: see answer.
func (bridge) NewEncoder(io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(any) error { return nil })
}

// Unmarshal is not used by the handlers of unary RPCs.
func (bridge) Unmarshal([]byte, any) error { return errors.ErrUnsupported }

// ContentType is set with the answer.
func (bridge) ContentType(any) string { return "" }

// callMetadata is what the control plane is told of a request, next to the
// Authorization header and the client's address.
func callMetadata(_ context.Context, r *http.Request) metadata.MD {
	return metadata.Pairs("x-request-id", r.Header.Get("X-Request-Id"))
}
