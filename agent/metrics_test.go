package agent

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"k8s.io/client-go/rest"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestMetricsOfTheAgent(t *testing.T) {
	a, err := New(Config{
		ControlPlane: "127.0.0.1:1", Cluster: "edge", Kubernetes: &rest.Config{Host: "127.0.0.1:1"},
		Identity: Identity{Token: "token", Insecure: true}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	reader := sdk.NewManualReader()
	unregister, err := a.registerMetrics(sdk.NewMeterProvider(sdk.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range []agentv1.Outcome{agentv1.Outcome_OUTCOME_APPLIED, agentv1.Outcome_OUTCOME_APPLIED, agentv1.Outcome_OUTCOME_REFUSED} {
		a.outbox.Ack(&agentv1.Ack{Outcome: outcome}) // all of one object, so that one report waits
	}
	a.outbox.Event(&agentv1.EventReport{Id: "1"})
	answers := a.requests.count(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/away" {
			return nil, errors.New("connection refused")
		}
		return &http.Response{StatusCode: http.StatusConflict, Body: http.NoBody}, nil
	}))
	for _, path := range []string{"/here", "/here", "/away"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := answers.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}

	read := func() map[string]int64 {
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				var points []metricdata.DataPoint[int64]
				switch data := m.Data.(type) {
				case metricdata.Gauge[int64]:
					points = data.DataPoints
				case metricdata.Sum[int64]:
					points = data.DataPoints
				}
				for _, point := range points {
					series := m.Name
					for _, kv := range point.Attributes.ToSlice() {
						series += " " + kv.Value.AsString()
					}
					got[series] = point.Value
				}
			}
		}
		return got
	}
	want := map[string]int64{
		"weir.agent.connected edge":               0,
		"weir.agent.reports.waiting edge":         2,
		"weir.agent.acks edge applied":            2,
		"weir.agent.acks edge deleted":            0,
		"weir.agent.acks edge retrying":           0,
		"weir.agent.acks edge refused":            1,
		"weir.agent.drift.repairs edge":           0,
		"weir.agent.events.dropped edge":          0,
		"weir.agent.kubernetes.requests edge 0":   1,
		"weir.agent.kubernetes.requests edge 409": 2,
	}
	// Attributes are in the order of their names.
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	unregister()
	if got := read(); len(got) > 0 {
		t.Errorf("after the end of the agent there are %v", got)
	}
}
