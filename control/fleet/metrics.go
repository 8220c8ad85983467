package fleet

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// metrics is what is counted of the sessions of this replica.
type metrics struct {
	// ends are by reason, all of which are there from the start.
	ends   map[string]*atomic.Int64
	drifts atomic.Int64

	propagation metric.Float64Histogram
}

func newMetrics() *metrics {
	m := &metrics{ends: map[string]*atomic.Int64{endClosed: {}, endLost: {}}, propagation: noop.Float64Histogram{}}
	for _, reason := range reasons {
		m.ends[reason.name] = &atomic.Int64{}
	}
	return m
}

// States of sessions, as metrics call them.
const (
	stateSyncing        = "syncing"
	stateSynced         = "synced"
	stateDecommissioned = "decommissioned"
)

// propagationSeconds are the bounds of the histogram of propagation, in seconds.
var propagationSeconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

// registerMetrics registers what is measured of agents. Labels are names of
// clusters, of which there are few, and words of fixed sets.
func (f *Fleet) registerMetrics(meters metric.MeterProvider) error {
	meter := meters.Meter("github.com/openweir/weir/control/fleet")
	var failed []error
	gauge := func(name, description string, observe func(metric.Int64Observer)) {
		_, err := meter.Int64ObservableGauge(name, metric.WithDescription(description),
			metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
				observe(observer)
				return nil
			}))
		failed = append(failed, err)
	}
	counter := func(name, description string, observe func(metric.Int64Observer)) {
		_, err := meter.Int64ObservableCounter(name, metric.WithDescription(description),
			metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
				observe(observer)
				return nil
			}))
		failed = append(failed, err)
	}
	gauge("weir.orphans", "Objects on a workload cluster that belong to Weir and to none of its resources.",
		f.observePerCluster(func(at store.Reader, cluster string) int { return f.Ownership.Orphans.In(at).Count(cluster) }))
	gauge("weir.deletions", "Objects on a workload cluster that are being deleted or released.",
		f.observePerCluster(func(at store.Reader, cluster string) int { return f.Ownership.Tombstones.In(at).Count(cluster) }))
	gauge("weir.cluster.ahead", "Objects on a workload cluster that are newer than their resource, which was restored from a backup. Only the replica that the agent is connected to counts them.",
		f.observePerCluster(func(_ store.Reader, cluster string) int { return f.Sessions.ahead(cluster) }))
	gauge("weir.cluster.connected", "1 while the agent of a cluster is connected to a replica, else 0. Decommissioned clusters are left out.", f.observeClusters)
	gauge("weir.sessions", "Sessions of agents with this replica.", f.observeSessions)
	gauge("weir.outbox.depth", "What waits to be sent to the agents of this replica: changed resources and messages.", func(observer metric.Int64Observer) {
		observer.Observe(f.sumOverSessions(func(s *session) int64 { return int64(s.out.depth()) }))
	})
	gauge("weir.reports.waiting", "Objects whose reports from the agents of this replica wait to be stored.", func(observer metric.Int64Observer) {
		observer.Observe(int64(f.reports.depth()))
	})
	gauge("weir.unrendered", "Resources on the clusters of this replica's agents whose objects cannot be rendered.", func(observer metric.Int64Observer) {
		observer.Observe(f.sumOverSessions(func(s *session) int64 { return s.progress.unrendered.Load() }))
	})
	counter("weir.session.ends", "Sessions of agents with this replica that have ended.", func(observer metric.Int64Observer) {
		for reason, count := range f.metrics.ends {
			observer.Observe(count.Load(), metric.WithAttributes(attribute.String("reason", reason)))
		}
	})
	counter("weir.drift.repairs", "Changes by other clients that the agents of this replica have reverted.", func(observer metric.Int64Observer) {
		observer.Observe(f.metrics.drifts.Load())
	})
	propagation, err := meter.Float64Histogram("weir.propagation.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from when this replica learns of a changed resource until the agent of its cluster reports that its object is applied."),
		metric.WithExplicitBucketBoundaries(propagationSeconds...))
	if err == nil {
		f.metrics.propagation = propagation
	}
	return errors.Join(append(failed, err)...)
}

// isLoaded is true once the store can be read.
func (f *Fleet) isLoaded() bool {
	select {
	case <-f.Store.Ready():
		return true
	default:
		return false
	}
}

func ofCluster(name string) metric.ObserveOption {
	return metric.WithAttributes(attribute.String("cluster", name))
}

// observePerCluster observes a count for each cluster.
func (f *Fleet) observePerCluster(count func(at store.Reader, cluster string) int) func(metric.Int64Observer) {
	return func(observer metric.Int64Observer) {
		if !f.isLoaded() {
			return
		}
		at := f.Store.Cached()
		for record := range f.Clusters.Records.In(at).Under("") {
			observer.Observe(int64(count(at, record.Key)), ofCluster(record.Value().GetMetadata().GetName()))
		}
	}
}

func (f *Fleet) observeClusters(observer metric.Int64Observer) {
	if !f.isLoaded() {
		return
	}
	at := f.Store.Cached()
	for record := range f.Clusters.Records.In(at).Under("") {
		if cluster.Decommissioned(record.Value()) {
			continue
		}
		connected := int64(0)
		if f.Clusters.Sessions.In(at).Get(record.Key) != nil {
			connected = 1
		}
		observer.Observe(connected, ofCluster(record.Value().GetMetadata().GetName()))
	}
}

func (f *Fleet) observeSessions(observer metric.Int64Observer) {
	counts := map[string]int64{stateSyncing: 0, stateSynced: 0, stateDecommissioned: 0}
	for _, s := range f.Sessions.all() {
		counts[s.progress.state(s.idle.Load())]++
	}
	for state, count := range counts {
		observer.Observe(count, metric.WithAttributes(attribute.String("state", state)))
	}
}

func (f *Fleet) sumOverSessions(of func(*session) int64) (sum int64) {
	for _, s := range f.Sessions.all() {
		sum += of(s)
	}
	return sum
}

// acknowledged measures a change that the agent has applied.
func (s *session) acknowledged(ctx context.Context, ack *agentv1.Ack) {
	if ack.GetOutcome() != agentv1.Outcome_OUTCOME_APPLIED {
		return
	}
	if took, ok := s.progress.applied(ack); ok {
		s.fleet.metrics.propagation.Record(ctx, took.Seconds())
	}
}
