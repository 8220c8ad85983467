package fleet

import (
	"maps"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

func TestOrphansAndDeletionsAreCountedByCluster(t *testing.T) {
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
		f.Ownership.Remove(tx, "cluster-b", ref, "three", false)
	})
	f.view()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, gauge := range all.ScopeMetrics[0].Metrics {
		for _, point := range gauge.Data.(metricdata.Gauge[int64]).DataPoints {
			cluster, _ := point.Attributes.Value("cluster")
			got[gauge.Name+" of "+cluster.AsString()] = point.Value
		}
	}
	want := map[string]int64{
		"weir.orphans of cluster-a": 2, "weir.orphans of cluster-b": 0, "weir.deletions of cluster-a": 0, "weir.deletions of cluster-b": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
