package fleet

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// registerMetrics registers what is measured when metrics are read. Its labels are
// names of clusters, of which there are few.
func (f *Fleet) registerMetrics(meters metric.MeterProvider) error {
	_, err := meters.Meter("github.com/openweir/weir/control/fleet").Int64ObservableGauge(
		"weir.orphans",
		metric.WithDescription("Objects on a workload cluster that belong to Weir and to none of its resources."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			f.observeOrphans(observer)
			return nil
		}),
	)
	return err
}

func (f *Fleet) observeOrphans(observer metric.Int64Observer) {
	select {
	case <-f.Store.Ready():
	default:
		return
	}
	at := f.Store.Cached()
	for cluster := range f.Clusters.Records.In(at).Under("") {
		orphans := f.Ownership.Orphans.In(at).Count(cluster.Key)
		observer.Observe(int64(orphans), metric.WithAttributes(attribute.String("cluster", cluster.Value().GetMetadata().GetName())))
	}
}
