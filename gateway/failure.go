package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const internalMessage = "Internal error."

// failure is what a gRPC code is in REST.
type failure struct {
	status int
	// message replaces the error's own text, which may reveal internals. Empty
	// where the text is meant for the client.
	message string
}

// statusClientGone is what nginx logs for a client that did not wait. Nobody
// receives it.
const statusClientGone = 499

// failures is by code; what is missing is internal.
var failures = map[codes.Code]failure{
	codes.Canceled:           {statusClientGone, "The request was cancelled."},
	codes.InvalidArgument:    {status: http.StatusBadRequest},
	codes.OutOfRange:         {status: http.StatusBadRequest},
	codes.DeadlineExceeded:   {http.StatusGatewayTimeout, "The request took too long."},
	codes.NotFound:           {status: http.StatusNotFound},
	codes.AlreadyExists:      {status: http.StatusConflict},
	codes.Aborted:            {status: http.StatusConflict},
	codes.FailedPrecondition: {status: http.StatusConflict},
	codes.PermissionDenied:   {status: http.StatusForbidden},
	codes.Unauthenticated:    {status: http.StatusUnauthorized},
	// Of a message that is too large for gRPC. What the control plane refuses with this
	// code says its own status.
	codes.ResourceExhausted: {http.StatusRequestEntityTooLarge, "The request or its response is too large."},
	codes.Unimplemented:     {http.StatusNotImplemented, "This operation is not implemented."},
	codes.Unavailable:       {http.StatusServiceUnavailable, "The control plane is not available."},
}

// handleError responds where a generated handler fails.
func handleError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	rw := w.(*responseWriter)
	if len(rw.violations) > 0 {
		rw.fail(http.StatusBadRequest, rw.violations...)
		return
	}
	rw.failWith(err)
}

// failWith responds with the failure of an RPC.
func (rw *responseWriter) failWith(err error) {
	code, messages := failureOf(err)
	if code >= http.StatusInternalServerError && code != http.StatusNotImplemented {
		rw.log.Error("a request failed", "request", rw.id, "rpc", rw.route.rpc, "status", code, "error", err)
	}
	if code == http.StatusUnauthorized {
		rw.Header().Set("WWW-Authenticate", "Bearer")
	}
	rw.setRetryAfter(err)
	rw.fail(code, messages...)
}

// setRetryAfter says when to try again, if the control plane has said it.
func (rw *responseWriter) setRetryAfter(err error) {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			seconds := math.Ceil(retry.GetRetryDelay().AsDuration().Seconds())
			rw.Header().Set("Retry-After", strconv.Itoa(max(1, int(seconds))))
		}
	}
}

// failureOf gives status and messages of an error. Details that the control
// plane attached go before what the code implies.
func failureOf(err error) (code int, messages []string) {
	st, ok := status.FromError(err)
	if !ok {
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			st = status.FromContextError(err)
		default:
			return http.StatusInternalServerError, []string{internalMessage}
		}
	}
	f, ok := failures[st.Code()]
	if !ok {
		f = failure{http.StatusInternalServerError, internalMessage}
	}
	code = f.status
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *cmfv1.HttpStatus:
			if d.GetCode() >= 400 && d.GetCode() <= 599 {
				code = int(d.GetCode())
			}
		case *cmfv1.RestError:
			for _, e := range d.GetErrors() {
				messages = append(messages, e.GetMessage())
			}
		}
	}
	if len(messages) > 0 {
		return code, messages
	}
	if f.message == "" {
		f.message = st.Message()
	}
	if f.message == "" {
		f.message = http.StatusText(code) + "."
	}
	return code, []string{f.message}
}

// notFound names the path as the contract does: without its first slash.
func (rw *responseWriter) notFound() {
	rw.fail(http.StatusNotFound, "Resource not found: ["+strings.TrimPrefix(rw.request.URL.Path, "/")+"]")
}
