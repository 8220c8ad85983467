package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// gateway serves requests. Nothing in it changes after New.
type gateway struct {
	config  Config
	root    *node
	metrics *requestMetrics
	// crossOrigin keeps pages of other origins from changing anything in the
	// name of whoever looks at them, the sandboxed web UIs of jobs among them.
	crossOrigin *http.CrossOriginProtection
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
	g := &gateway{config: config, root: &node{}, metrics: metrics, crossOrigin: http.NewCrossOriginProtection()}
	if err := errors.Join(g.addAPI(), g.addFlinkWebUIs(), g.addOperations()); err != nil {
		return nil, fmt.Errorf("make the gateway's routes: %w", err)
	}
	if config.TracerProvider == nil {
		return g, nil
	}
	// The instrumentation's own metrics have a label for the Host header, which
	// clients choose; ours take their place.
	return otelhttp.NewHandler(g, "",
		otelhttp.WithTracerProvider(config.TracerProvider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithSpanNameFormatter(g.spanName),
	), nil
}

// addAPI makes the routes of the API known.
func (g *gateway) addAPI() error {
	mux := newMux()
	if err := cmfv1.RegisterHandlers(context.Background(), mux, g.config.Conn); err != nil {
		return fmt.Errorf("register the handlers of the API: %w", err)
	}
	routes, err := apiRoutes()
	if err != nil {
		return err
	}
	for _, rt := range routes {
		rt.mux = mux
		e := endpoint{pattern: rt.pattern, serve: func(ex *exchange, r *http.Request) { g.serve(ex, r, rt) }}
		if err := g.root.add(rt.method, e); err != nil {
			return err
		}
	}
	return nil
}

// serve answers a request of the API.
func (g *gateway) serve(ex *exchange, r *http.Request, rt *route) {
	switch watch, err := rt.watch.asked(r); {
	case err != nil:
		ex.fail(http.StatusBadRequest, err.Error())
	case watch:
		g.watch(ex, r, rt.watch)
	default:
		g.call(ex, r, rt)
	}
}

func newMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, bridge{}),
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithForwardResponseOption(answer),
		runtime.WithErrorHandler(answerError),
		runtime.WithMetadata(callMetadata),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
	)
}

// ServeHTTP answers one request.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ex := g.begin(w, r)
	defer g.end(ex, r)

	n, path, rest := g.root.find(r.URL)
	if n == nil {
		ex.fail(http.StatusNotFound, notFoundMessage(r))
		return
	}
	ex.path, ex.rest = path, rest
	e, ok := n.methods[r.Method]
	switch {
	case ok && g.crossOrigin.Check(r) != nil:
		ex.fail(http.StatusForbidden, "A page of another origin must not change anything here.")
	case ok:
		ex.pattern = e.pattern
		e.serve(ex, r)
	case r.Method == http.MethodOptions:
		ex.Header().Set("Allow", n.allow)
		if n.open {
			guardWebUI(ex.Header(), r, path)
		}
		ex.finish(http.StatusNoContent, nil)
	default:
		ex.Header().Set("Allow", n.allow)
		ex.fail(http.StatusMethodNotAllowed,
			fmt.Sprintf("Method %s is not allowed for [%s]; allowed are %s.", r.Method, path[1:], n.allow))
	}
}
