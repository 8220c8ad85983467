package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/openweir/weir/gateway/yamljson"
)

// addOperations adds the routes for operators: health, metrics, OpenAPI.
func (g *gateway) addOperations() error {
	// Converting a document of this size takes a while, and is seldom needed.
	yaml := sync.OnceValues(func() ([]byte, error) { return yamljson.AppendYAML(nil, g.config.OpenAPI) })
	var problems []error
	get := func(path string, serve func(*responseWriter, *http.Request)) {
		problems = append(problems, g.handle(&route{method: http.MethodGet, template: path, pattern: path},
			func(rw *responseWriter, r *http.Request, _ map[string]string) { serve(rw, r) }))
	}
	get("/healthz", func(rw *responseWriter, _ *http.Request) { rw.text("ok\n") })
	get("/readyz", g.readyz)
	get("/openapi.json", func(rw *responseWriter, _ *http.Request) {
		rw.document(formatJSON.contentType, g.config.OpenAPI)
	})
	get("/openapi", func(rw *responseWriter, _ *http.Request) {
		if !rw.format.yaml {
			rw.document(formatJSON.contentType, g.config.OpenAPI)
			return
		}
		document, err := yaml()
		if err != nil {
			rw.log.Error("the OpenAPI document cannot be written as YAML", "request", rw.id, "error", err)
			rw.fail(http.StatusInternalServerError, internalMessage)
			return
		}
		rw.document(rw.format.contentType, document)
	})
	if g.config.Metrics != nil {
		get("/metrics", func(rw *responseWriter, r *http.Request) { g.config.Metrics.ServeHTTP(rw, r) })
	}
	return errors.Join(problems...)
}

// readyz reports whether requests can be served. The reason why not, and warnings,
// are only shown with ?verbose.
func (g *gateway) readyz(rw *responseWriter, r *http.Request) {
	verbose := queryHas(r.URL, "verbose")
	err := g.config.Ready(r.Context())
	switch {
	case err == nil && verbose:
		body := "[+]control plane ok\n"
		for _, warning := range g.config.Warnings() {
			body += "[!]" + warning + "\n"
		}
		rw.text(body + "readyz check passed\n")
	case err == nil:
		rw.text("ok\n")
	case verbose:
		rw.fail(http.StatusServiceUnavailable, fmt.Sprintf("Not ready: %v.", err))
	default:
		rw.fail(http.StatusServiceUnavailable, "Not ready.")
	}
}

func queryHas(u *url.URL, name string) bool { return u.RawQuery != "" && u.Query().Has(name) }

func (rw *responseWriter) text(body string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.finish(http.StatusOK, []byte(body))
}

func (rw *responseWriter) document(contentType string, body []byte) {
	h := rw.Header()
	h.Set("Content-Type", contentType)
	h["Cache-Control"] = revalidate
	rw.finish(http.StatusOK, body)
}
