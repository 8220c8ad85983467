package fleet

import (
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

func TestOrphansAreCountedByCluster(t *testing.T) {
	f := newFixture(t)
	reader := sdk.NewManualReader()
	if err := f.registerMetrics(sdk.NewMeterProvider(sdk.WithReader(reader))); err != nil {
		t.Fatal(err)
	}
	f.update(func(tx *store.Tx) {
		for _, name := range []string{"cluster-a", "cluster-b"} {
			f.Clusters.Records.Put(tx, store.Key(name), cluster.NewRecord(name, nil, resource.Now()))
		}
		for _, owner := range []string{"one", "two"} {
			f.Ownership.Orphans.Put(tx, resource.TombstoneKey("cluster-a", ref, owner), &storev1.OrphanRecord{OwnerUid: owner})
		}
	})
	f.view()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, point := range all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints {
		name, _ := point.Attributes.Value("cluster")
		got[name.AsString()] = point.Value
	}
	if len(got) != 2 || got["cluster-a"] != 2 || got["cluster-b"] != 0 {
		t.Errorf("got %v, want 2 orphans of cluster-a and none of cluster-b", got)
	}
}
