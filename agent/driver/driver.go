// Package driver keeps the objects of a workload cluster in the state that the
// control plane desires. It applies and deletes objects, repairs their drift,
// and reports their status, their Kubernetes events and the repairs.
//
// The driver keeps no state across restarts other than the marks on the
// objects. It reconciles many objects at once, each by one worker at a time and
// always from its current state, so lost, repeated or reordered messages and
// watch events do no harm.
package driver

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"github.com/openweir/weir/flink/podsecurity"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Reporter takes what the driver reports to the control plane. Its methods
// never block.
type Reporter interface {
	Ack(*agentv1.Ack)
	Status(*agentv1.StatusReport)
	Event(*agentv1.EventReport)
	Namespaces(*agentv1.NamespacesReport)
	// Renew requests a new session, whose Hello describes the cluster again.
	Renew(reason string)
}

// Config is what a Driver needs.
type Config struct {
	// Cluster is the name of the workload cluster.
	Cluster string
	// Version is the release of the agent.
	Version string
	// Kubernetes is how to reach the API server.
	Kubernetes *rest.Config
	// Namespaces restricts the driver to these namespaces. Empty means all.
	Namespaces []string
	// PodSecurity is the level of the Pod Security Standards that Flink clusters are
	// held to, whatever the control plane allows.
	PodSecurity podsecurity.Level
	// Policies are those of the agent; nil for none.
	Policies Policies
	// Fence says whether a newer session of the cluster has begun. The sessions of
	// the driver are made known to it by the caller.
	Fence   Fence
	Reports Reporter
	Log     *slog.Logger
	Timing  Timing
}

// Fence is a record on the cluster of its newest session.
type Fence interface {
	// Claim records the session before its first write.
	Claim(ctx context.Context) error
	// Check fails with a fence.SupersededError if a newer session has begun.
	Check(ctx context.Context) error
}

// workers is the number of objects that are reconciled at once.
const workers = 8

// Driver drives one workload cluster.
type Driver struct {
	config  Config
	cluster *cluster
	explain explainer
	log     *slog.Logger
	timing  Timing

	retries  workqueue.TypedRateLimiter[key]
	running  sync.WaitGroup
	started  chan struct{}                         // closed when Run has begun
	ctx      context.Context                       //nolint:containedctx // Run's, which watches that begin later belong to; not to be read before started is closed
	queue    workqueue.TypedDelayingInterface[key] // created by Run, as ctx is
	probeNow chan struct{}                         // holds a token when a probe is requested

	repairs    atomic.Int64 // of drift
	health     health
	namespaces namespaces
	deleted    deletedOwners

	mu       sync.Mutex
	session  session
	records  map[key]*record
	orphans  map[key]string // the owners of what the control plane has no record of
	present  map[*kind]bool // the custom kinds that the cluster has
	watches  map[scope]*objectWatch
	events   map[scope]*eventWatch
	stopping bool // no further watch may be started
}

// New makes a driver. It sends nothing before Run or Describe.
func New(config Config) (*Driver, error) {
	timing := config.Timing.withDefaults()
	cluster, err := newCluster(config.Kubernetes, config.Version, timing.Request)
	if err != nil {
		return nil, err
	}
	return &Driver{
		config:   config,
		cluster:  cluster,
		explain:  explainer{cluster: config.Cluster},
		log:      config.Log,
		timing:   timing,
		retries:  workqueue.NewTypedItemExponentialFailureRateLimiter[key](timing.RetryMin, timing.RetryMax),
		started:  make(chan struct{}),
		probeNow: make(chan struct{}, 1),
		deleted:  newDeletedOwners(deletedLimit),
		records:  make(map[key]*record),
		orphans:  make(map[key]string),
		present:  make(map[*kind]bool),
		watches:  make(map[scope]*objectWatch),
		events:   make(map[scope]*eventWatch),
	}, nil
}

// Run works until ctx ends.
func (d *Driver) Run(ctx context.Context) {
	d.ctx = ctx
	d.queue = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{})
	for range workers {
		d.running.Go(func() { d.runWorker(ctx) })
	}
	d.watchNamespaces(ctx)
	close(d.started)
	d.probeUntil(ctx)

	d.mu.Lock()
	d.stopping = true
	d.mu.Unlock()
	d.queue.ShutDown()
	d.running.Wait()
}

// Repairs is the number of changes by other clients that were reverted.
func (d *Driver) Repairs() int64 { return d.repairs.Load() }

// requeueAll reconciles every object again. The caller holds d.mu.
func (d *Driver) requeueAll() {
	for k := range d.records {
		d.queue.Add(k)
	}
}

// isActive reports whether the driver may change the cluster and report on it.
func (d *Driver) isActive() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session.mode == active
}

// allowed reports whether the driver may work in a namespace.
func (d *Driver) allowed(namespace string) bool {
	return len(d.config.Namespaces) == 0 || slices.Contains(d.config.Namespaces, namespace)
}

// namespaceScopes returns the namespaces to list and watch in; "" is all.
func (d *Driver) namespaceScopes() []string {
	if len(d.config.Namespaces) == 0 {
		return []string{""}
	}
	return d.config.Namespaces
}
