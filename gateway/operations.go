package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/openweir/weir/gateway/yamljson"
)

// addOperations makes the paths known that serve whoever runs the gateway.
func (g *gateway) addOperations() error {
	// Of the size of this document YAML takes a while, and few ask for it.
	yaml := sync.OnceValues(func() ([]byte, error) { return yamljson.AppendYAML(nil, g.config.OpenAPI) })
	var problems []error
	get := func(pattern string, serve func(*exchange, *http.Request)) {
		problems = append(problems, g.root.add(http.MethodGet, endpoint{pattern: pattern, serve: serve}))
	}
	get("/healthz", func(ex *exchange, _ *http.Request) { ex.text("ok\n") })
	get("/readyz", g.readyz)
	get("/openapi.json", func(ex *exchange, _ *http.Request) {
		ex.document(formatJSON.contentType, g.config.OpenAPI)
	})
	get("/openapi", func(ex *exchange, _ *http.Request) {
		if !ex.format.yaml {
			ex.document(formatJSON.contentType, g.config.OpenAPI)
			return
		}
		document, err := yaml()
		if err != nil {
			ex.log.Error("the OpenAPI document cannot be written as YAML", "request", ex.id, "error", err)
			ex.fail(http.StatusInternalServerError, internalMessage)
			return
		}
		ex.document(ex.format.contentType, document)
	})
	if g.config.Metrics != nil {
		get("/metrics", func(ex *exchange, r *http.Request) { g.config.Metrics.ServeHTTP(ex, r) })
	}
	return errors.Join(problems...)
}

// readyz tells whether requests can be served. The reason why not is for
// people, and only shown to those who ask for it.
func (g *gateway) readyz(ex *exchange, r *http.Request) {
	verbose := queryHas(r.URL, "verbose")
	err := g.config.Ready(r.Context())
	switch {
	case err == nil && verbose:
		ex.text("[+]control plane ok\nreadyz check passed\n")
	case err == nil:
		ex.text("ok\n")
	case verbose:
		ex.fail(http.StatusServiceUnavailable, fmt.Sprintf("Not ready: %v.", err))
	default:
		ex.fail(http.StatusServiceUnavailable, "Not ready.")
	}
}

func queryHas(u *url.URL, name string) bool { return u.RawQuery != "" && u.Query().Has(name) }

func (ex *exchange) text(body string) {
	ex.Header().Set("Content-Type", "text/plain; charset=utf-8")
	ex.finish(http.StatusOK, []byte(body))
}

func (ex *exchange) document(contentType string, body []byte) {
	h := ex.Header()
	h.Set("Content-Type", contentType)
	h["Cache-Control"] = revalidate
	ex.finish(http.StatusOK, body)
}
