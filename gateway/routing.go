package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// routes are all routes of the mux, by method and pattern.
type routes map[string]*route

// openEnd is the variable for any number of segments at the end of a template.
const openEnd = "path"

func (rs routes) add(rt *route) error {
	key := rt.method + " " + strings.NewReplacer("=**}", "=**}", "}", "=*}").Replace(rt.template)
	if rs[key] != nil {
		return fmt.Errorf("%s %s is served twice", rt.method, rt.template)
	}
	for _, segment := range strings.Split(rt.template, "/")[1:] {
		if segment != "{"+openEnd+"=**}" {
			rt.variables = append(rt.variables, strings.HasPrefix(segment, "{"))
		}
	}
	rs[key] = rt
	return nil
}

// handle adds a route that is not one of the API.
func (g *gateway) handle(rt *route, handler func(*responseWriter, *http.Request, map[string]string)) error {
	return errors.Join(g.routes.add(rt), g.mux.HandlePath(rt.method, rt.template,
		func(w http.ResponseWriter, r *http.Request, values map[string]string) {
			handler(w.(*responseWriter), r, values)
		}))
}

// addOptions adds the routes of OPTIONS, which also respond to the methods that
// a path does not have.
func (g *gateway) addOptions() (err error) {
	methods := map[string][]string{}
	for _, rt := range g.routes {
		methods[rt.template] = append(methods[rt.template], rt.method)
		if rt.method == http.MethodGet {
			methods[rt.template] = append(methods[rt.template], http.MethodHead)
		}
	}
	for template, of := range methods {
		slices.Sort(of)
		allow := strings.Join(append(of, http.MethodOptions), ", ")
		rt := &route{method: http.MethodOptions, template: template}
		err = errors.Join(err, g.handle(rt, func(rw *responseWriter, _ *http.Request, values map[string]string) {
			rw.Header().Set("Allow", allow)
			method, path := rw.request.Method, rt.path(values)
			if method != http.MethodOptions {
				rw.fail(http.StatusMethodNotAllowed, fmt.Sprintf("Method %s is not allowed for [%s]; allowed are %s.", method, path[1:], allow))
				return
			}
			if _, webUI := values[openEnd]; webUI {
				guardWebUI(rw.Header(), rw.request, path)
			}
			rw.finish(http.StatusNoContent, nil)
		}))
	}
	return err
}

// routingError responds where the mux has no handler.
func (g *gateway) routingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, status int) {
	if status != http.StatusMethodNotAllowed || r.Method == http.MethodOptions {
		w.(*responseWriter).notFound()
		return
	}
	r = r.WithContext(r.Context())
	r.Method = http.MethodOptions
	g.mux.ServeHTTP(w, r)
}

// middleware surrounds the handler of every route.
func (g *gateway) middleware(next runtime.HandlerFunc) runtime.HandlerFunc {
	// The pattern of a handler is known once the mux calls it.
	var find sync.Once
	var rt *route
	return func(w http.ResponseWriter, r *http.Request, values map[string]string) {
		find.Do(func() {
			pattern, _ := runtime.HTTPPattern(r.Context())
			rt = g.routes[r.Method+" "+pattern.String()]
		})
		rw := w.(*responseWriter)
		rest, ok := rt.match(sentPath(rw.request.URL), values)
		if !ok {
			rw.notFound()
			return
		}
		if rt.method == http.MethodOptions {
			next(rw, r, values)
			return
		}
		if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
			span.SetName(rw.request.Method + " " + rt.pattern)
			span.SetAttributes(attribute.String("http.route", rt.pattern))
		}
		if g.crossOrigin.Check(rw.request) != nil {
			rw.fail(http.StatusForbidden, "Cross-origin requests that change anything are not allowed.")
			return
		}
		rw.route, rw.pattern, rw.rest = rt, rt.pattern, rest
		if rt.parameters == nil { // not one of the API
			next(rw, r, values)
			return
		}
		g.serveAPI(rw, r, values, next)
	}
}

// path is the path that the values make of the template, decoded, without its
// open end.
func (rt *route) path(values map[string]string) string {
	var path strings.Builder
	for i, segment := range strings.Split(rt.template, "/")[1:][:len(rt.variables)] {
		if rt.variables[i] {
			segment = values[strings.Trim(segment, "{}")]
		}
		path.WriteString("/" + segment)
	}
	return path.String()
}
