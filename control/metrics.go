package control

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

func (c *Control) registerMetrics(meters metric.MeterProvider) error {
	_, err := meters.Meter("github.com/openweir/weir/control").Int64ObservableGauge("weir.serving",
		metric.WithDescription("1 while this replica can serve consistent reads, else 0."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			serving := int64(0)
			if c.serving.Load() {
				serving = 1
			}
			observer.Observe(serving)
			return nil
		}))
	return err
}
