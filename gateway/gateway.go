package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// gateway serves requests. Nothing in it changes after New.
type gateway struct {
	config  Config
	mux     *runtime.ServeMux
	routes  routes
	metrics *requestMetrics
	// crossOrigin keeps pages of other origins, sandboxed web UIs of jobs among
	// them, from changing anything with the credentials of their users.
	crossOrigin *http.CrossOriginProtection
	// logins has an element for each login that is under way.
	logins chan struct{}
}

// New makes the handler that serves REST.
func New(config Config) (http.Handler, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("configure the gateway: %w", err)
	}
	metrics, err := newRequestMetrics(config.MeterProvider)
	if err != nil {
		return nil, fmt.Errorf("make the gateway's metrics: %w", err)
	}
	g := &gateway{config: config, routes: routes{}, metrics: metrics, crossOrigin: http.NewCrossOriginProtection(), logins: make(chan struct{}, maxLogins)}
	var fragments *codec.Fragments
	if config.SharedReplies {
		fragments = &codec.Fragments{}
	}
	g.mux = runtime.NewServeMux(append(marshalers(fragments),
		runtime.WithMiddlewares(g.middleware),
		runtime.WithRoutingErrorHandler(g.routingError),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithIncomingHeaderMatcher(incomingHeader),
		runtime.WithMetadata(g.clientCertificate),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithForwardResponseRewriter(forwardResponse),
		runtime.WithErrorHandler(handleError),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
	)...)
	// The mux looks at the routes registered last first: those of the API.
	if err := errors.Join(
		g.addOperations(),
		g.addLogin(),
		g.addFlinkWebUIs(),
		g.routes.addAPI(),
		//nolint:forbidigo // the context is for handlers that dial, and ends nothing of these
		cmfv1.RegisterHandlers(context.Background(), g.mux, config.Conn),
		g.addOptions(),
	); err != nil {
		return nil, fmt.Errorf("make the gateway's routes: %w", err)
	}
	if config.TracerProvider == nil {
		return g, nil
	}
	// The instrumentation's own metrics have a label for the Host header, which
	// clients choose; requestMetrics replaces them.
	return otelhttp.NewHandler(g, "",
		otelhttp.WithTracerProvider(config.TracerProvider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return knownMethod(r.Method) }),
	), nil
}

// ServeHTTP serves one request.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withClientCertificate(r)
	rw := g.begin(w, r)
	defer g.end(rw)
	if headerBytes(r) > maxHeaderBytes {
		rw.fail(http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("The headers of the request are larger than %d bytes.", maxHeaderBytes))
		return
	}
	if u := normalize(r.URL); u != r.URL || r.Method == http.MethodHead {
		r = r.WithContext(r.Context())
		r.URL = u
		if r.Method == http.MethodHead {
			r.Method = http.MethodGet // net/http sends no body
		}
	}
	g.mux.ServeHTTP(rw, r)
}

// headerOverhead is what HTTP/2 adds to the size of each header.
const headerOverhead = 32

// headerBytes is the size of the headers of a request and its target.
func headerBytes(r *http.Request) int {
	size := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + headerOverhead
		}
	}
	return size
}
