package fleet

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/openweir/weir/control/store"
)

// registerMetrics registers what is measured when metrics are read. Its labels are
// names of clusters, of which there are few.
func (f *Fleet) registerMetrics(meters metric.MeterProvider) error {
	meter := meters.Meter("github.com/openweir/weir/control/fleet")
	gauge := func(name, description string, count func(at store.Reader, cluster string) int) error {
		_, err := meter.Int64ObservableGauge(name, metric.WithDescription(description),
			metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
				f.observe(observer, count)
				return nil
			}))
		return err
	}
	return errors.Join(
		gauge("weir.orphans", "Objects on a workload cluster that belong to Weir and to none of its resources.",
			func(at store.Reader, cluster string) int { return f.Ownership.Orphans.In(at).Count(cluster) }),
		gauge("weir.deletions", "Objects on a workload cluster that are being deleted or released.",
			func(at store.Reader, cluster string) int { return f.Ownership.Tombstones.In(at).Count(cluster) }),
	)
}

// observe observes a count for each cluster.
func (f *Fleet) observe(observer metric.Int64Observer, count func(at store.Reader, cluster string) int) {
	select {
	case <-f.Store.Ready():
	default:
		return
	}
	at := f.Store.Cached()
	for cluster := range f.Clusters.Records.In(at).Under("") {
		observer.Observe(int64(count(at, cluster.Key)), metric.WithAttributes(attribute.String("cluster", cluster.Value().GetMetadata().GetName())))
	}
}
