package gateway

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/yamljson"
)

// exchange is one request on its way to its answer. It is the ResponseWriter
// that all handlers see, and makes sure of one answer, with a body that the
// client can read.
type exchange struct {
	http.ResponseWriter
	log     *slog.Logger
	id      string // of the request
	format  format // of the answer
	path    string // plainest spelling, where the path is known
	rest    string // what comes after path where its end is open, as it was sent
	pattern string // of the path, where one is known
	route   *route // where it is one of the API
	started time.Time
	// ifNoneMatch is the request's header, all values joined.
	ifNoneMatch string
	status      int // of the answer; 0 while there is none
}

// begin takes a request in and sets the headers that all answers have.
func (g *gateway) begin(w http.ResponseWriter, r *http.Request) *exchange {
	ex := &exchange{
		ResponseWriter: w,
		log:            g.config.Log,
		id:             requestID(r.Header),
		format:         answerFormat(r.Header),
		started:        time.Now(),
	}
	h := w.Header()
	h["X-Request-Id"] = []string{ex.id}
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
	h["Vary"] = varyAccept
	return ex
}

// Shared header values. They are never changed.
var (
	noSniff    = []string{"nosniff"}
	noStore    = []string{"no-store"}
	revalidate = []string{"private, no-cache"}
	varyAccept = []string{"Accept"}
)

// end answers for a handler that panicked, and records what happened.
func (g *gateway) end(ex *exchange, r *http.Request) {
	if cause := recover(); cause != nil {
		if cause == http.ErrAbortHandler {
			panic(cause)
		}
		ex.log.Error("a request panicked", "request", ex.id, "method", r.Method, "path", r.URL.Path,
			"panic", cause, "stack", string(debug.Stack()))
		if ex.status != 0 {
			panic(http.ErrAbortHandler) // too late for an answer; the client must not take half of one for whole
		}
		ex.fail(http.StatusInternalServerError, internalMessage)
	}
	g.observe(ex, r)
}

// Unwrap gives http.ResponseController the way to the connection.
func (ex *exchange) Unwrap() http.ResponseWriter { return ex.ResponseWriter }

// WriteHeader notes the status.
func (ex *exchange) WriteHeader(status int) {
	if ex.status == 0 {
		ex.status = status
		ex.ResponseWriter.WriteHeader(status)
	}
}

// Write writes a piece of the answer.
func (ex *exchange) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil // grpc-gateway ends with this after the answer was made
	}
	if ex.status == 0 {
		ex.WriteHeader(http.StatusOK)
	}
	return ex.ResponseWriter.Write(b)
}

// finish answers with a body whose Content-Type is set, or with none.
func (ex *exchange) finish(status int, body []byte) {
	if ex.status != 0 {
		return
	}
	h := ex.Header()
	if len(body) == 0 {
		delete(h, "Content-Type")
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	ex.WriteHeader(status)
	if len(body) > 0 {
		// The client is gone where this fails, and there is nobody to tell.
		_, _ = ex.ResponseWriter.Write(body)
	}
}

// fail answers with the contract's error body.
func (ex *exchange) fail(status int, messages ...string) {
	if ex.status != 0 {
		return
	}
	body := appendErrors(nil, messages)
	contentType := formatJSON.contentType
	if ex.format.yaml {
		if yaml, err := yamljson.AppendYAML(nil, body); err == nil {
			body, contentType = yaml, ex.format.contentType
		}
	}
	h := ex.Header()
	h.Set("Content-Type", contentType)
	h["Cache-Control"] = noStore
	h.Del("ETag")
	ex.finish(status, body)
}

// appendErrors writes the contract's error body as JSON.
func appendErrors(dst []byte, messages []string) []byte {
	dst = append(dst, `{"errors":[`...)
	for i, m := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"message":`...)
		dst = append(codec.AppendString(dst, m), '}')
	}
	return append(dst, `]}`...)
}
