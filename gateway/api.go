package gateway

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// serveAPI serves a request of a route of the API: by its Watch where that is
// asked for, and by the generated handler otherwise.
func (g *gateway) serveAPI(rw *responseWriter, r *http.Request, values map[string]string, handler runtime.HandlerFunc) {
	switch watch, err := rw.route.watch.requested(rw.request); {
	case err != nil:
		rw.fail(http.StatusBadRequest, err.Error())
	case watch:
		g.watch(rw, r, values)
	default:
		g.call(rw, r, values, handler)
	}
}

// call has the generated handler call the RPC.
func (g *gateway) call(rw *responseWriter, r *http.Request, values map[string]string, handler runtime.HandlerFunc) {
	query, violations := rw.route.parameters.parse(rw.request.URL.RawQuery)
	if rw.route.method != http.MethodGet {
		version, err := precondition(rw.request.Header)
		switch {
		case err != nil:
			violations = append(violations, err.Error())
		case version == "":
		case rw.route.conditional:
			query.Set(versionParameter, version)
		case version != noVersion:
			rw.fail(http.StatusPreconditionFailed, "If-Match: a resource that is yet to be created has no version.")
			return
		}
	}
	body := &requestBody{ReadCloser: http.NoBody, rw: rw}
	header := rw.forwardedHeader()
	if rw.route.hasBody && hasBody(rw.request) {
		buffer := buffers.Get().(*bytes.Buffer)
		defer releaseBuffer(buffer)
		f, p := readBody(buffer, rw.request, g.config.MaxBodyBytes)
		switch {
		case p == nil:
		case p.status == http.StatusBadRequest:
			rw.fail(p.status, append(violations, p.message)...)
			return
		default:
			if p.close {
				rw.Header().Set("Connection", "close")
			}
			rw.fail(p.status, p.message)
			return
		}
		header["Content-Type"] = []string{f.contentType}
		body.text = buffer.Bytes()
	}
	if len(violations) > 0 && !rw.route.hasBody {
		rw.fail(http.StatusBadRequest, violations...)
		return
	}
	rw.violations = violations // what is wrong with the body comes after it

	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), responseWriterKey{}, rw), g.config.Timeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header, r.Body = header, body
	r.Form, r.PostForm = query, url.Values{}
	handler(rw, r, values)
}

// forwardedHeader is all of a request's header that handlers see. A client has
// no way to set gRPC metadata or timeouts.
func (rw *responseWriter) forwardedHeader() http.Header {
	header := http.Header{"X-Request-Id": {rw.id}, "Accept": {rw.format.contentType}}
	for _, name := range []string{"Authorization", "X-Forwarded-For", "X-Forwarded-Host"} {
		if v, ok := rw.request.Header[name]; ok {
			header[name] = v
		}
	}
	return header
}

// incomingHeader says which of a forwardedHeader becomes metadata beside
// Authorization and the client's address.
func incomingHeader(name string) (string, bool) { return "x-request-id", name == "X-Request-Id" }

// rpcContext is the context of an RPC that no generated handler calls.
func (g *gateway) rpcContext(ctx context.Context, rw *responseWriter, rpc string) (context.Context, error) {
	r := rw.request.WithContext(ctx)
	r.Header = rw.forwardedHeader()
	return runtime.AnnotateContext(ctx, g.mux, r, rpc)
}
