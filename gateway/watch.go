package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// watchWriteTimeout is how long one event may take to reach the client.
const watchWriteTimeout = 30 * time.Second

// watch responds to a request of a list's path with everything that changes in
// it, until the client leaves, the control plane ends it, or the server stops.
func (g *gateway) watch(rw *responseWriter, r *http.Request, values map[string]string) {
	rt := rw.route.watch
	rw.pattern += "?" + watchParameter + "=true"
	format, known := watchFormatOf(rw.request.Header)
	if !known {
		rw.fail(http.StatusBadRequest, "Accept: a watch supports only application/x-ndjson and text/event-stream")
		return
	}
	request, violations := rt.read(rw.request, values)
	if len(violations) > 0 {
		rw.fail(http.StatusBadRequest, violations...)
		return
	}

	// The first response has to come within the time of any other call.
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer onStopping(r.Context(), func() { cancel(errStopping) })()
	late := time.AfterFunc(g.config.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()

	events, err := g.openWatch(ctx, rw, rt, request)
	first := rt.response.New()
	if err == nil {
		err = events.RecvMsg(first.Interface())
	}
	if err != nil || !late.Stop() {
		status, messages := watchFailure(ctx, err)
		if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
			rw.log.Error("a watch failed", "request", rw.id, "rpc", rt.rpc, "status", status, "error", err)
		}
		rw.setRetryAfter(err)
		rw.fail(status, messages...)
		return
	}
	out := beginWatch(rw, format)
	for next := first; ; next = rt.response.New() {
		if next != first {
			if err := events.RecvMsg(next.Interface()); err != nil {
				status, messages := watchFailure(ctx, err)
				out.write(format.appendError(nil, status, messages))
				return
			}
		}
		line, err := format.append(nil, rt, next)
		if err != nil {
			rw.log.Error("a watch cannot be written", "request", rw.id, "rpc", rt.rpc, "error", err)
			out.write(format.appendError(nil, http.StatusInternalServerError, []string{internalMessage}))
			return
		}
		if !out.write(line) {
			return
		}
	}
}

// openWatch begins the RPC.
func (g *gateway) openWatch(ctx context.Context, rw *responseWriter, rt *watchRoute, request proto.Message) (grpc.ClientStream, error) {
	ctx, err := g.rpcContext(ctx, rw, rt.rpc)
	if err != nil {
		return nil, fmt.Errorf("metadata of the watch: %w", err)
	}
	events, err := g.config.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, rt.rpc)
	if err != nil {
		return nil, err
	}
	if err := events.SendMsg(request); err != nil {
		return nil, err
	}
	return events, events.CloseSend()
}

// watchFailure is failureOf for a watch, whose end may be of the gateway's own
// making.
func watchFailure(ctx context.Context, err error) (status int, messages []string) {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errStopping):
		return http.StatusServiceUnavailable, []string{"This gateway is stopping. Resume from the last resourceVersion on another one."}
	case errors.Is(cause, context.DeadlineExceeded):
		return failureOf(cause)
	}
	return failureOf(err)
}

// watchWriter writes events to the client, each at once.
type watchWriter struct {
	rw         *responseWriter
	controller *http.ResponseController
}

// beginWatch sends the headers, and lifts the server's limits, which are meant
// for requests that end.
func beginWatch(rw *responseWriter, format watchFormat) watchWriter {
	out := watchWriter{rw: rw, controller: http.NewResponseController(rw)}
	// A connection whose deadlines cannot be changed has none.
	_ = out.controller.SetReadDeadline(time.Time{})
	h := rw.Header()
	h["Content-Type"] = []string{format.contentType}
	h["X-Accel-Buffering"] = []string{"no"} // for proxies that would buffer events
	rw.WriteHeader(http.StatusOK)
	return out
}

// write is false where the client has disconnected or takes too long.
func (w watchWriter) write(event []byte) bool {
	_ = w.controller.SetWriteDeadline(time.Now().Add(watchWriteTimeout))
	if _, err := w.rw.Write(event); err != nil {
		return false
	}
	return w.controller.Flush() == nil
}
