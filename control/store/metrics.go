package store

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// registerMetrics registers what is measured when metrics are read. The labels are
// the endpoints of etcd, of which there are few.
func (s *Store) registerMetrics(meters metric.MeterProvider) error {
	meter := meters.Meter("github.com/openweir/weir/control/store")
	gauge := func(name, unit, description string) (metric.Int64ObservableGauge, error) {
		return meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	}
	size, err := gauge("weir.etcd.database.size", "By", "Size of the database file of a member of etcd.")
	if err != nil {
		return err
	}
	inUse, err := gauge("weir.etcd.database.in_use", "By", "The part of the database file that is in use; the rest is free and returned by defragmentation.")
	if err != nil {
		return err
	}
	quota, err := gauge("weir.etcd.database.quota", "By", "Size of the database file beyond which etcd rejects writes.")
	if err != nil {
		return err
	}
	exhausted, err := gauge("weir.etcd.space.exhausted", "", "1 while etcd rejects writes because its space quota is used up, else 0.")
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		now := s.Space()
		for _, member := range now.Members {
			endpoint := metric.WithAttributes(attribute.String("endpoint", member.Endpoint))
			observer.ObserveInt64(size, member.Size, endpoint)
			observer.ObserveInt64(inUse, member.InUse, endpoint)
			if member.Quota > 0 {
				observer.ObserveInt64(quota, member.Quota, endpoint)
			}
		}
		raised := int64(0)
		if now.Exhausted {
			raised = 1
		}
		observer.ObserveInt64(exhausted, raised)
		return nil
	}, size, inUse, quota, exhausted)
	return err
}
