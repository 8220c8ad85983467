package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/yamljson"
)

// statusHeader is the gRPC response header by which a service chooses among
// the codes that cmf.v1.rest lists under also.
const statusHeader = "weir-http-status"

// responseWriter is the ResponseWriter that all handlers see. It makes sure of
// one response, with a body that the client can read, and holds what is known
// of the request.
type responseWriter struct {
	http.ResponseWriter
	request *http.Request // as it was received
	log     *slog.Logger
	id      string // of the request
	format  format // of the response
	started time.Time

	route   *route // nil while there is none
	pattern string // for metrics; empty while there is no route
	rest    string // what comes after the segments of the route, as it was sent

	violations []string      // what is wrong with a request of the API
	success    int           // the status of an RPC that succeeded
	version    string        // of the resource that the RPC returned; empty if it returned none
	buffer     *bytes.Buffer // for the body; released at the end
	status     int           // of the response; 0 while there is none
}

// responseWriterKey is the key of the responseWriter in the context of an RPC.
type responseWriterKey struct{}

// begin takes a request in and sets the headers that all responses have.
func (g *gateway) begin(w http.ResponseWriter, r *http.Request) *responseWriter {
	rw := &responseWriter{
		ResponseWriter: w,
		request:        r,
		log:            g.config.Log,
		id:             requestID(r.Header),
		format:         responseFormat(r.Header),
		started:        time.Now(),
	}
	h := w.Header()
	h["X-Request-Id"] = []string{rw.id}
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
	h["Vary"] = varyAccept
	return rw
}

// Shared header values. They are never changed.
var (
	noSniff    = []string{"nosniff"}
	noStore    = []string{"no-store"}
	revalidate = []string{"private, no-cache"}
	varyAccept = []string{"Accept"}
)

// end responds for a handler that panicked, and records what happened.
func (g *gateway) end(rw *responseWriter) {
	if cause := recover(); cause != nil {
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
		rw.log.Error("a request panicked", "request", rw.id, "method", rw.request.Method, "path", rw.request.URL.Path,
			"panic", cause, "stack", string(debug.Stack()))
		if rw.status != 0 {
			panic(http.ErrAbortHandler) // too late for an error; the client must not take half a response for whole
		}
		rw.fail(http.StatusInternalServerError, internalMessage)
	}
	if rw.buffer != nil {
		releaseBuffer(rw.buffer)
	}
	g.observe(rw)
}

// newBuffer is a buffer for the body of the response.
func (rw *responseWriter) newBuffer() *bytes.Buffer {
	rw.buffer = buffers.Get().(*bytes.Buffer)
	return rw.buffer
}

// Unwrap gives http.ResponseController the way to the connection.
func (rw *responseWriter) Unwrap() http.ResponseWriter { return rw.ResponseWriter }

// retryAfter is when to try again what is not available, in seconds.
var retryAfter = []string{"2"}

// WriteHeader notes the status. Whatever is not available says when to try again.
func (rw *responseWriter) WriteHeader(status int) {
	if rw.status == 0 {
		rw.status = status
		if h := rw.Header(); status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
			h["Retry-After"] = retryAfter
		}
		rw.ResponseWriter.WriteHeader(status)
	}
}

// Write writes a piece of the body. Of an RPC that succeeded it is the whole
// body, which may be empty.
func (rw *responseWriter) Write(b []byte) (int, error) {
	switch {
	case rw.success != 0:
		rw.succeed(b)
		return len(b), nil
	case rw.status == 0:
		rw.WriteHeader(http.StatusOK)
	}
	return rw.ResponseWriter.Write(b)
}

// succeed responds with the message of an RPC.
func (rw *responseWriter) succeed(body []byte) {
	if len(body) > 0 && (rw.route.etag || rw.version != "") {
		rw.Header()["Etag"] = []string{entityTag(rw.version, body)}
	}
	if rw.route.etag && len(body) > 0 {
		h := rw.Header()
		h["Cache-Control"] = revalidate
		if matches(joined(rw.request.Header["If-None-Match"]), h["Etag"][0]) {
			rw.finish(http.StatusNotModified, nil)
			return
		}
	}
	rw.finish(rw.success, body)
}

// chosenStatus is the code that the service chose. One that the contract does
// not have is a bug, and is not passed on.
func (rw *responseWriter) chosenStatus(ctx context.Context) (int, bool) {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	chosen := md.HeaderMD.Get(statusHeader)
	if len(chosen) == 0 {
		return 0, false
	}
	status, err := strconv.Atoi(chosen[0])
	if err != nil || !slices.Contains(rw.route.also, status) {
		rw.log.Error("a service selected a status code that its method does not declare",
			"request", rw.id, "rpc", rw.route.rpc, "status", chosen[0])
		return 0, false
	}
	return status, true
}

// finish responds with a body whose Content-Type is set, or with none.
func (rw *responseWriter) finish(status int, body []byte) {
	if rw.status != 0 {
		return
	}
	h := rw.Header()
	if len(body) == 0 {
		delete(h, "Content-Type")
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	rw.WriteHeader(status)
	if len(body) > 0 {
		// This fails only where the client has disconnected.
		_, _ = rw.ResponseWriter.Write(body)
	}
}

// fail responds with the contract's error body.
func (rw *responseWriter) fail(status int, messages ...string) {
	if rw.status != 0 {
		return
	}
	body := appendErrors(nil, messages)
	contentType := formatJSON.contentType
	if rw.format.yaml {
		if yaml, err := yamljson.AppendYAML(nil, body); err == nil {
			body, contentType = yaml, rw.format.contentType
		}
	}
	h := rw.Header()
	h.Set("Content-Type", contentType)
	h["Cache-Control"] = noStore
	h.Del("ETag")
	rw.finish(status, body)
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
