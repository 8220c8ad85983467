package gateway_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/openweir/weir/gateway"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// TestLabelsAreBounded: however many names, paths, methods and hosts clients
// come up with, the series are those of routes.
func TestLabelsAreBounded(t *testing.T) {
	reader := metric.NewManualReader()
	spans := tracetest.NewSpanRecorder()
	s := start(t, newControl().returns("GetEnvironment", &cmfv1.Environment{}), func(c *gateway.Config) {
		c.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
		c.TracerProvider = trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	})
	for i := range 20 {
		s.do(t, "GET", fmt.Sprintf("/cmf/api/v1/environments/test%d", i), "")
		s.do(t, "GET", fmt.Sprintf("/hello%d", i), "", fmt.Sprintf("Host: host%d", i))
		s.do(t, fmt.Sprintf("VERB%d", i), "/cmf/api/v1/environments", "")
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				attributes := map[string]any{}
				for _, kv := range point.Attributes.ToSlice() {
					attributes[string(kv.Key)] = kv.Value.AsInterface()
				}
				got[fmt.Sprint(m.Name, attributes)] = point.Count
			}
		}
	}
	series := func(method, route string, code int) string {
		return fmt.Sprint("http.server.request.duration", map[string]any{
			"http.request.method": method, "http.route": route, "http.response.status_code": code,
		})
	}
	want := map[string]uint64{
		series("GET", "/cmf/api/v1/environments/{envName}", 200): 20,
		series("GET", "", 404):    20,
		series("_OTHER", "", 405): 20,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	names := map[string]int{}
	for _, span := range spans.Ended() {
		names[span.Name()]++
	}
	wantNames := map[string]int{"GET /cmf/api/v1/environments/{envName}": 20, "GET": 20, "_OTHER": 20}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}
