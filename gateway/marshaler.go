package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/yamljson"
)

// marshaler is a format as the generated handlers use it.
type marshaler struct {
	format
	// fragments is nil where messages are not known to stay as they are.
	fragments *codec.Fragments
}

// marshalers registers all formats. Both formats of a request are negotiated
// before, so that its handler is given one media type for each.
func marshalers(fragments *codec.Fragments) []runtime.ServeMuxOption {
	options := []runtime.ServeMuxOption{runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{formatJSON, fragments})}
	for _, f := range formats {
		options = append(options, runtime.WithMarshalerOption(f.contentType, marshaler{f, fragments}))
	}
	return options
}

// ContentType is the media type of the format.
func (m marshaler) ContentType(any) string { return m.contentType }

// NewDecoder decodes a requestBody.
func (m marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, ok := r.(*requestBody)
		if !ok {
			return fmt.Errorf("decode a %T: %w", r, errors.ErrUnsupported)
		}
		return body.decode(m.format, v)
	})
}

// responseBody is the message of a success, and the response it is for.
type responseBody struct {
	rw      *responseWriter
	message proto.Message
}

// forwardResponse chooses the status of a success, and gives the marshaler the
// message, unless the response has no body.
func forwardResponse(ctx context.Context, message proto.Message) (any, error) {
	rw, ok := ctx.Value(responseWriterKey{}).(*responseWriter)
	if !ok {
		return nil, errors.New("the context has no response")
	}
	warnOfService(ctx, rw.Header())
	rw.version = returnedVersion(ctx)
	if status, chosen := rw.chosenStatus(ctx); chosen {
		// The contract gives such responses (202, 304) no body.
		rw.success = status
		return nil, nil
	}
	rw.success = rw.route.success
	if rw.route.hasNoBody() {
		return nil, nil
	}
	return responseBody{rw, message}, nil
}

// Marshal encodes a responseBody into the buffer of its response.
func (m marshaler) Marshal(v any) ([]byte, error) {
	body, ok := v.(responseBody)
	if !ok {
		return nil, nil
	}
	buffer := body.rw.newBuffer()
	json, err := m.append(buffer.AvailableBuffer(), body.message)
	if err == nil && m.yaml {
		json, err = yamljson.AppendYAML(nil, json)
	}
	if err != nil {
		return nil, fmt.Errorf("encode the response: %w", err)
	}
	buffer.Write(json) // costs nothing where json still lies in the buffer
	return buffer.Bytes(), nil
}

func (m marshaler) append(dst []byte, message proto.Message) ([]byte, error) {
	if m.fragments == nil {
		return codec.Append(dst, message)
	}
	return m.fragments.Append(dst, message)
}

// Unmarshal is not used by the handlers of unary RPCs.
func (marshaler) Unmarshal([]byte, any) error { return errors.ErrUnsupported }

// NewEncoder is not used by the handlers of unary RPCs.
func (marshaler) NewEncoder(io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(any) error { return errors.ErrUnsupported })
}
