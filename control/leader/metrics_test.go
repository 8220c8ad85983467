package leader

import (
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestTermsAreMeasured(t *testing.T) {
	var terms terms
	reader := sdk.NewManualReader()
	if err := terms.registerMetrics(sdk.NewMeterProvider(sdk.WithReader(reader))); err != nil {
		t.Fatal(err)
	}
	expect := func(leading, begun int64) {
		t.Helper()
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		for _, m := range all.ScopeMetrics[0].Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				if got := data.DataPoints[0].Value; got != leading {
					t.Errorf("%s is %d, want %d", m.Name, got, leading)
				}
			case metricdata.Sum[int64]:
				if got := data.DataPoints[0].Value; got != begun {
					t.Errorf("%s is %d, want %d", m.Name, got, begun)
				}
			}
		}
	}
	expect(0, 0)
	end := terms.begin()
	expect(1, 1)
	end()
	expect(0, 1)
	terms.begin()
	expect(1, 2)
}
