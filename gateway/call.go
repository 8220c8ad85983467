package gateway

import (
	"context"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// call answers a request of the API by the RPC behind it.
func (g *gateway) call(ex *exchange, r *http.Request, rt *route) {
	ex.route = rt
	ex.ifNoneMatch = joined(r.Header["If-None-Match"])
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("http.route", rt.pattern))

	values, violations := rt.parameters.parse(r.URL.RawQuery)
	in := input{ReadCloser: http.NoBody}
	if rt.body != nil {
		message, unknown, problem := readBody(r, rt.body, g.config.MaxBodyBytes)
		switch {
		case problem == nil:
		case problem.status != http.StatusBadRequest:
			if problem.close {
				ex.Header().Set("Connection", "close")
			}
			ex.fail(problem.status, problem.messages...)
			return
		default:
			violations = append(violations, problem.messages...)
		}
		in.message = message
		warnOfUnknown(ex.Header(), unknown)
	}
	if len(violations) > 0 {
		ex.fail(http.StatusBadRequest, violations...)
		return
	}

	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	rt.mux.ServeHTTP(ex, forwarded(r.WithContext(ctx), ex, values, in))
}

// forwarded makes the request that the generated handlers see: the path in its
// plainest spelling, checked parameters, the decoded body, and of the headers
// those alone that the control plane may know of. A client has no way to set
// gRPC metadata or timeouts.
func forwarded(r *http.Request, ex *exchange, values url.Values, in input) *http.Request {
	header := http.Header{"X-Request-Id": {ex.id}}
	for _, name := range []string{"Authorization", "X-Forwarded-For", "X-Forwarded-Host"} {
		if v, ok := r.Header[name]; ok {
			header[name] = v
		}
	}
	r.Method = ex.route.method
	r.Header = header
	r.URL = &url.URL{Path: ex.path}
	r.Body = in
	r.Form, r.PostForm = values, url.Values{}
	return r
}
