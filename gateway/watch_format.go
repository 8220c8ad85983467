package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/gateway/codec"
)

// watchFormat is a way to write events one after the other.
type watchFormat struct {
	contentType string
	events      bool // server-sent ones
}

// watchFormats are by the media type that a client accepts, preferred ones
// first. Who accepts JSON can read a line of it.
var watchFormats = []struct {
	accepted string
	format   watchFormat
}{
	{"application/x-ndjson", watchFormat{contentType: "application/x-ndjson"}},
	{"application/json", watchFormat{contentType: "application/x-ndjson"}},
	{"text/event-stream", watchFormat{contentType: "text/event-stream", events: true}},
}

// watchFormatOf picks the format that the client prefers, as responseFormat
// does. known is false where it accepts none.
func watchFormatOf(h http.Header) (format watchFormat, known bool) {
	accept := h["Accept"]
	if len(accept) == 0 {
		return watchFormats[0].format, true
	}
	ranges := mediaRanges(accept)
	bestQ, bestPrecision := 0.0, -1
	for _, f := range watchFormats {
		q, precision := quality(f.accepted, ranges)
		if q > bestQ || q == bestQ && q > 0 && precision > bestPrecision {
			format, bestQ, bestPrecision = f.format, q, precision
		}
	}
	return format, bestQ > 0
}

const bookmark = "BOOKMARK"

// append writes a response of a Watch.
func (f watchFormat) append(dst []byte, w *watchRoute, response protoreflect.Message) ([]byte, error) {
	kind, version := w.kindOf(response), response.Get(w.reached).String()
	if f.events && kind == bookmark {
		// Browsers note the id and raise no event.
		return append(dst, ": bookmark\nid: "+version+"\n\n"...), nil
	}
	line := append([]byte(nil), `{"type":"`+kind+`"`...)
	if response.Has(w.object) {
		var err error
		line, err = codec.AppendItem(append(line, `,"object":`...), response.Get(w.object).Message().Interface())
		if err != nil {
			return dst, fmt.Errorf("encode an event: %w", err)
		}
	}
	if version != "" {
		line = codec.AppendString(append(line, `,"`+versionParameter+`":`...), version)
	}
	return f.frame(dst, version, append(line, '}')), nil
}

// kindOf is the type of an event without the enumeration's prefix.
func (w *watchRoute) kindOf(response protoreflect.Message) string {
	number := response.Get(w.kind).Enum()
	value := w.kind.Enum().Values().ByNumber(number)
	if value == nil {
		return strconv.Itoa(int(number)) // of a control plane that is newer than this gateway
	}
	return strings.TrimPrefix(string(value.Name()), "WATCH_EVENT_TYPE_")
}

// appendError writes the last event of a watch that failed, with the status
// that it would have had at its beginning.
func (f watchFormat) appendError(dst []byte, status int, messages []string) []byte {
	line := append([]byte(nil), `{"type":"ERROR","status":`+strconv.Itoa(status)+`,"object":`...)
	return f.frame(dst, "", append(appendErrors(line, messages), '}'))
}

// frame ends a line, or makes a server-sent event of it. Encoded JSON holds no
// line break.
func (f watchFormat) frame(dst []byte, version string, line []byte) []byte {
	if !f.events {
		return append(append(dst, line...), '\n')
	}
	if version != "" {
		dst = append(dst, "id: "+version+"\n"...)
	}
	return append(append(append(dst, "data: "...), line...), "\n\n"...)
}
