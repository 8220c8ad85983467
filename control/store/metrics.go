package store

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// metrics is what is measured of the store. Counters are kept here and read when
// metrics are, so that they are there before anything was counted.
type metrics struct {
	restarts, reloads, conflicts atomic.Int64

	requests metric.Float64Histogram
}

// Operations of requests to etcd that are measured.
var (
	operationCommit = operation("commit")
	operationRead   = operation("read")
)

func operation(name string) metric.RecordOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("operation", name)))
}

// requestSeconds are the bounds of the histogram of requests, in seconds: from a
// member that answers from memory to operationTimeout.
var requestSeconds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

func newMetrics() *metrics { return &metrics{requests: noop.Float64Histogram{}} }

func (m *metrics) observeRequest(ctx context.Context, operation metric.RecordOption, began time.Time) {
	m.requests.Record(ctx, time.Since(began).Seconds(), operation)
}

// registerMetrics registers the metrics of the store. Labels are words of fixed sets
// and the endpoints of etcd, of which there are few.
func (s *Store) registerMetrics(meters metric.MeterProvider) error {
	meter := meters.Meter("github.com/openweir/weir/control/store")
	return errors.Join(s.metrics.register(meter), s.registerAge(meter), s.registerSpace(meter))
}

func (m *metrics) register(meter metric.Meter) error {
	counter := func(name, description string, count *atomic.Int64) error {
		_, err := meter.Int64ObservableCounter(name, metric.WithDescription(description),
			metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
				observer.Observe(count.Load())
				return nil
			}))
		return err
	}
	requests, err := meter.Float64Histogram("weir.etcd.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of requests to etcd: commits, and the questions for its revision that consistent reads wait for."),
		metric.WithExplicitBucketBoundaries(requestSeconds...))
	if err == nil {
		m.requests = requests
	}
	return errors.Join(err,
		counter("weir.store.watch.restarts", "How often the watch of etcd broke and was begun again.", &m.restarts),
		counter("weir.store.reloads", "How often the cache was filled from etcd, including the first time.", &m.reloads),
		counter("weir.store.conflicts", "Commits that were rejected because what they were based on had changed. They are tried again.", &m.conflicts),
	)
}

func (s *Store) registerAge(meter metric.Meter) error {
	_, err := meter.Float64ObservableGauge("weir.store.cache.age", metric.WithUnit("s"),
		metric.WithDescription("Time since the cache was last known to be as etcd was. It is checked every 5 s, and whenever someone reads."),
		metric.WithFloat64Callback(func(_ context.Context, observer metric.Float64Observer) error {
			observer.Observe(s.barriers.age().Seconds())
			return nil
		}))
	return err
}

func (s *Store) registerSpace(meter metric.Meter) error {
	gauge := func(name, unit, description string) (metric.Int64ObservableGauge, error) {
		return meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	}
	size, errSize := gauge("weir.etcd.database.size", "By", "Size of the database file of a member of etcd.")
	inUse, errInUse := gauge("weir.etcd.database.in_use", "By", "The part of the database file that is in use; the rest is free and returned by defragmentation.")
	quota, errQuota := gauge("weir.etcd.database.quota", "By", "Size of the database file beyond which etcd rejects writes.")
	exhausted, errExhausted := gauge("weir.etcd.space.exhausted", "", "1 while etcd rejects writes because its space quota is used up, else 0.")
	reachable, errReachable := gauge("weir.etcd.reachable", "", "1 if a member of etcd answered when it was last asked for its status, else 0. It is asked every 10 s.")
	if err := errors.Join(errSize, errInUse, errQuota, errExhausted, errReachable); err != nil {
		return err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		now := s.Space()
		for _, member := range now.Members {
			endpoint := ofEndpoint(member.Endpoint)
			observer.ObserveInt64(size, member.Size, endpoint)
			observer.ObserveInt64(inUse, member.InUse, endpoint)
			if member.Quota > 0 {
				observer.ObserveInt64(quota, member.Quota, endpoint)
			}
			if !slices.Contains(now.Unreachable, member.Endpoint) {
				observer.ObserveInt64(reachable, 1, endpoint)
			}
		}
		for _, endpoint := range now.Unreachable {
			observer.ObserveInt64(reachable, 0, ofEndpoint(endpoint))
		}
		raised := int64(0)
		if now.Exhausted {
			raised = 1
		}
		observer.ObserveInt64(exhausted, raised)
		return nil
	}, size, inUse, quota, exhausted, reachable)
	return err
}

func ofEndpoint(endpoint string) metric.ObserveOption {
	return metric.WithAttributes(attribute.String("endpoint", endpoint))
}
