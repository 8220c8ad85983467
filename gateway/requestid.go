package gateway

import (
	"net/http"

	"github.com/google/uuid"
)

// maxRequestID is how long a client's own request id may be, in bytes.
const maxRequestID = 128

// requestID takes the id that the client, or a proxy before us, gave the
// request, if it can go into headers and logs as it is, and makes one if not.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); isRequestID(id) {
		return id
	}
	return uuid.NewString()
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
