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
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

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
	Reports    Reporter
	Log        *slog.Logger
	Timing     Timing
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
	ctx      context.Context                       // Run's; not to be read before started is closed
	queue    workqueue.TypedDelayingInterface[key] // created by Run, as ctx is
	probeNow chan struct{}                         // holds a token when a probe is requested

	health     health
	namespaces namespaces
	deleted    deletedOwners

	mu       sync.Mutex
	session  session
	records  map[key]*record
	present  map[*kind]bool // the custom kinds that the cluster has
	watches  map[scope]*objectWatch
	events   map[string]*eventWatch // by namespace
	stopping bool                   // no further watch may be started
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
		present:  make(map[*kind]bool),
		watches:  make(map[scope]*objectWatch),
		events:   make(map[string]*eventWatch),
	}, nil
}

// Run works until ctx ends.
func (d *Driver) Run(ctx context.Context) {
	d.ctx = ctx
	d.queue = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{})
	grace := time.AfterFunc(d.timing.Grace, d.graceExpired)
	defer grace.Stop()

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

// graceExpired starts to maintain the objects on the cluster if no session has
// begun.
func (d *Driver) graceExpired() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session.mode != waiting {
		return
	}
	d.log.Warn("no session with the control plane within the grace period; maintaining the objects already on the cluster")
	d.session.mode = active
	d.requeueAll()
}

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
