package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/yamljson"
)

// problem is why a request cannot be served.
type problem struct {
	status   int
	messages []string
	close    bool // what is left of the body is not worth reading
}

func badRequest(messages ...string) *problem {
	return &problem{status: http.StatusBadRequest, messages: messages}
}

// buffers hold bodies while they are worked on.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBuffer bounds what a pooled buffer may hold on to, in bytes.
const keepBuffer = 1 << 20

func releaseBuffer(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// readBody reads and decodes a request body; message is nil where there is
// none. unknown lists fields that were ignored.
func readBody(r *http.Request, rule *bodyRule, limit int64) (message proto.Message, unknown []string, p *problem) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil, missingBody(rule)
	}
	f, known := requestFormat(r.Header)
	if !known {
		return nil, nil, &problem{status: http.StatusUnsupportedMediaType, messages: []string{
			fmt.Sprintf("Content-Type %s is not supported; use application/json or application/yaml.", r.Header.Get("Content-Type")),
		}}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, nil, &problem{status: http.StatusUnsupportedMediaType, messages: []string{
			fmt.Sprintf("Content-Encoding %s is not supported; send the body as it is.", encoding),
		}}
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer releaseBuffer(buffer)
	if p := fill(buffer, r, limit); p != nil {
		return nil, nil, p
	}
	text := bytes.TrimPrefix(buffer.Bytes(), []byte("\ufeff"))
	if f.yaml {
		json := buffers.Get().(*bytes.Buffer)
		defer releaseBuffer(json)
		converted, err := yamljson.AppendJSON(json.AvailableBuffer(), text, yamljson.DefaultLimits)
		if err != nil {
			return nil, nil, badRequest(err.Error())
		}
		json.Write(converted)
		text = json.Bytes()
	}
	return decodeBody(text, rule)
}

func missingBody(rule *bodyRule) *problem {
	if rule.required {
		return badRequest("A request body is required.")
	}
	return nil
}

// fill reads the whole body, up to the limit.
func fill(buffer *bytes.Buffer, r *http.Request, limit int64) *problem {
	tooLarge := &problem{
		status:   http.StatusRequestEntityTooLarge,
		messages: []string{fmt.Sprintf("The request body is larger than %d bytes.", limit)},
		close:    true,
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
		return &problem{status: http.StatusRequestTimeout, messages: []string{"The request body took too long."}, close: true}
	case err != nil:
		p := badRequest("The request body could not be read to its end.")
		p.close = true
		return p
	}
	return nil
}

func decodeBody(json []byte, rule *bodyRule) (proto.Message, []string, *problem) {
	if trimmed := bytes.TrimSpace(json); len(trimmed) == 0 || string(trimmed) == "null" {
		return nil, nil, missingBody(rule)
	}
	message := rule.message.New().Interface()
	unknown, err := codec.Unmarshal(json, message)
	var invalid *codec.Error
	switch {
	case errors.As(err, &invalid):
		return nil, nil, badRequest(invalid.Messages...)
	case err != nil:
		return nil, nil, &problem{status: http.StatusInternalServerError, messages: []string{internalMessage}}
	}
	return message, unknown, nil
}
