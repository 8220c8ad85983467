package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/yamljson"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// problem is why a request body cannot be read.
type problem struct {
	status  int
	message string
	close   bool // what is left of the body is not worth reading
}

// buffers are for bodies while they are read or written.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBuffer bounds the capacity of a pooled buffer, in bytes.
const keepBuffer = 1 << 20

func releaseBuffer(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// hasBody reports whether a request has a body.
func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// readBody reads a body into a buffer, and returns its format.
func readBody(buffer *bytes.Buffer, r *http.Request, limit int64) (format, *problem) {
	f, known := requestFormat(r.Header)
	if !known {
		return f, &problem{status: http.StatusUnsupportedMediaType,
			message: fmt.Sprintf("Content-Type %s is not supported; use application/json or application/yaml.", r.Header.Get("Content-Type"))}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return f, &problem{status: http.StatusUnsupportedMediaType,
			message: fmt.Sprintf("Content-Encoding %s is not supported; send the body without an encoding.", encoding)}
	}
	return f, fill(buffer, r, limit)
}

// fill reads the whole body, up to the limit.
func fill(buffer *bytes.Buffer, r *http.Request, limit int64) *problem {
	tooLarge := &problem{
		status:  http.StatusRequestEntityTooLarge,
		message: fmt.Sprintf("The request body is larger than %d bytes.", limit),
		close:   true,
	}
	if r.ContentLength > limit {
		return tooLarge
	}
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(io.LimitReader(r.Body, limit+1))
	switch {
	case err == nil && int64(buffer.Len()) > limit:
		return tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{status: http.StatusRequestTimeout, message: "The request body took too long.", close: true}
	case err != nil:
		return &problem{status: http.StatusBadRequest, message: "The request body could not be read completely."}
	}
	return nil
}

// requestBody is a body that was read, which a marshaler decodes.
type requestBody struct {
	io.ReadCloser // at its end
	text          []byte
	rw            *responseWriter
}

// errInvalid ends a request whose violations are noted.
var errInvalid = errors.New("the request is invalid")

// decode makes the message that v points to. The error is io.EOF where there
// is none, and errInvalid where the request has violations.
func (b *requestBody) decode(f format, v any) error {
	message, violations := b.message(f, reflect.TypeOf(v).Elem().Elem())
	b.rw.violations = append(b.rw.violations, violations...)
	switch {
	case len(b.rw.violations) > 0:
		return errInvalid
	case !message.IsValid():
		return io.EOF
	}
	reflect.ValueOf(v).Elem().Set(message)
	return nil
}

// message decodes a message of a type, and warns of fields that it does not
// have. The value is not valid if there is no message.
func (b *requestBody) message(f format, of reflect.Type) (message reflect.Value, violations []string) {
	text := bytes.TrimPrefix(b.text, []byte("\ufeff"))
	if f.yaml {
		var err error
		if text, err = yamljson.AppendJSON(nil, text, yamljson.DefaultLimits); err != nil {
			return message, []string{err.Error()}
		}
	}
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || string(trimmed) == "null" {
		if b.rw.route.bodyRequired {
			violations = []string{"A request body is required."}
		}
		return message, violations
	}
	message = reflect.New(of)
	unknown, err := codec.Unmarshal(text, message.Interface().(proto.Message))
	var invalid *codec.Error
	switch {
	case errors.As(err, &invalid):
		return message, invalid.Messages
	case err != nil:
		panic(err) // routeOf checked that the codec knows the message
	}
	if len(unknown) > 0 && strict(message.Interface().(proto.Message)) {
		for _, field := range unknown {
			violations = append(violations, field+": is not a field of this resource")
		}
		return message, violations
	}
	warnOfUnknown(b.rw.Header(), unknown)
	return message, nil
}

// strict is true for resources of which unknown fields are errors: they say who may do
// what or what is allowed, and without a field that is misspelt, such as the environment
// of a role binding, they would allow more.
func strict(message proto.Message) bool {
	switch message.(type) {
	case *cmfv1.RoleBinding, *cmfv1.AgentToken, *cmfv1.AgentBan, *cmfv1.MachineToken, *cmfv1.Policy, *cmfv1.ServiceAccountAllowlistEntry:
		return true
	}
	return false
}
