package gateway

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// requestMetrics are the metrics of requests, by OpenTelemetry's conventions.
// Their labels are patterns, known methods and codes, so that no client can
// make more series than there are routes.
type requestMetrics struct {
	duration metric.Float64Histogram
	options  sync.Map // labels → metric.MeasurementOption
}

// labels are those of one time series.
type labels struct {
	pattern string
	method  string
	status  int
}

func newRequestMetrics(provider metric.MeterProvider) (*requestMetrics, error) {
	duration, err := provider.Meter("github.com/openweir/weir/gateway").Float64Histogram(
		"http.server.request.duration",
		metric.WithUnit("s"),
		metric.WithDescription("Duration of REST requests."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
	)
	if err != nil {
		return nil, fmt.Errorf("make the histogram of request durations: %w", err)
	}
	return &requestMetrics{duration: duration}, nil
}

// observe records a request that has its response.
func (g *gateway) observe(rw *responseWriter) {
	option := g.metrics.option(labels{pattern: rw.pattern, method: knownMethod(rw.request.Method), status: rw.status})
	g.metrics.duration.Record(rw.request.Context(), time.Since(rw.started).Seconds(), option)
}

func (m *requestMetrics) option(l labels) metric.MeasurementOption {
	if option, ok := m.options.Load(l); ok {
		return option.(metric.MeasurementOption)
	}
	option := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("http.route", l.pattern),
		attribute.String("http.request.method", l.method),
		attribute.Int("http.response.status_code", l.status),
	))
	m.options.Store(l, option)
	return option
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "_OTHER"
}
