package leader

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
)

// terms is what is counted of the terms of a replica.
type terms struct {
	begun   atomic.Int64
	leading atomic.Bool
}

// begin notes that a term begins. What it returns notes the end.
func (t *terms) begin() (end func()) {
	t.begun.Add(1)
	t.leading.Store(true)
	return func() { t.leading.Store(false) }
}

func (t *terms) registerMetrics(meters metric.MeterProvider) error {
	meter := meters.Meter("github.com/openweir/weir/control/leader")
	_, leading := meter.Int64ObservableGauge("weir.leader",
		metric.WithDescription("1 while this replica is the leader, else 0."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			value := int64(0)
			if t.leading.Load() {
				value = 1
			}
			observer.Observe(value)
			return nil
		}))
	_, begun := meter.Int64ObservableCounter("weir.leader.terms",
		metric.WithDescription("How often this replica has become the leader."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			observer.Observe(t.begun.Load())
			return nil
		}))
	return errors.Join(leading, begun)
}
