package gateway

import (
	"net/http"
	"testing"
	"unicode/utf8"
)

// HTTP permits any bytes in headers, which would break a message for the agent.
func TestHeadersForFlinkAreUTF8(t *testing.T) {
	headers := webUIRequestHeaders(http.Header{"Accept": {"text/html;\xff"}, "Range": {"bytes=0-1"}})
	if len(headers) != 2 {
		t.Fatalf("got %v", headers)
	}
	for _, h := range headers {
		if !utf8.ValidString(h.GetValue()) {
			t.Errorf("%s: %q", h.GetName(), h.GetValue())
		}
	}
}
