package resource

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/openweir/weir/control/store"
)

// countInterval is how old counts of resources may be when metrics are read: to
// count 100,000 applications by state takes about 90 ms of processor time.
const countInterval = 30 * time.Second

// counts is how many resources there are.
type counts struct {
	resources []resourceCount
	// oldest is when the oldest of the tombstones was made; zero where there is none.
	oldest time.Time
}

type resourceCount struct {
	kind, state string
	count       int64
}

// RegisterMetrics registers how many resources there are, and the age of deletions.
// Labels are kinds and their states.
func RegisterMetrics(meters metric.MeterProvider, s *store.Store, registry *Registry, ownership *Ownership) error {
	meter := meters.Meter("github.com/openweir/weir/control/resource")
	resources, errResources := meter.Int64ObservableGauge("weir.resources",
		metric.WithDescription("Resources by kind and, for kinds that have one, state. They are counted every 30 s."))
	age, errAge := meter.Float64ObservableGauge("weir.deletions.oldest.age", metric.WithUnit("s"),
		metric.WithDescription("Time since the oldest deletion that is not complete began; 0 where there is none."))
	if err := errors.Join(errResources, errAge); err != nil {
		return err
	}
	current := atMostEvery(countInterval, func() counts { return count(s.Cached(), registry, ownership) })
	_, err := meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		select {
		case <-s.Ready():
		default:
			return nil
		}
		now := current()
		for _, r := range now.resources {
			observer.ObserveInt64(resources, r.count, metric.WithAttributes(attribute.String("kind", r.kind), attribute.String("state", r.state)))
		}
		oldest := time.Duration(0)
		if !now.oldest.IsZero() {
			oldest = time.Since(now.oldest)
		}
		observer.ObserveFloat64(age, oldest.Seconds())
		return nil
	}, resources, age)
	return err
}

func count(at store.Reader, registry *Registry, ownership *Ownership) counts {
	var all counts
	for _, kind := range registry.kinds {
		for state, count := range kind.states(at) {
			all.resources = append(all.resources, resourceCount{kind.collection, state, count})
		}
	}
	for tombstone := range ownership.Tombstones.In(at).Under("") {
		if created := tombstone.Value().GetCreated().AsTime(); all.oldest.IsZero() || created.Before(all.oldest) {
			all.oldest = created
		}
	}
	return all
}

// countStates counts the resources by state; those of a kind without states have
// the empty one.
func (k *Kind[R, V]) countStates(at store.Reader) map[string]int64 {
	records := k.Records.In(at)
	if k.State == nil {
		return map[string]int64{"": int64(records.Count(""))}
	}
	states := map[string]int64{}
	for o := range records.Under("") {
		states[k.State(k.ItemOf(at, o))]++
	}
	return states
}

// atMostEvery makes of a costly measurement one that is made at most once in an
// interval; in between it gives the last result.
func atMostEvery[T any](interval time.Duration, measure func() T) func() T {
	var (
		mu   sync.Mutex
		last T
		at   time.Time
	)
	return func() T {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) >= interval {
			last, at = measure(), time.Now()
		}
		return last
	}
}
