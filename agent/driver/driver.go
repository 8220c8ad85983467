// Package driver makes a workload cluster what the control plane wants it to
// be. It applies and deletes the objects that it is told to, keeps them so,
// and reports their status, their Kubernetes events and what others changed.
//
// The driver has no memory of its own across restarts: the marks on the
// objects are all that there is. It works on one object at a time and on many
// objects at once, always from their present state, so that lost, repeated or
// reordered messages and watch events do no harm.
package driver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Reporter takes what the driver has to tell the control plane. Its methods
// never block.
type Reporter interface {
	Ack(*agentv1.Ack)
	Status(*agentv1.StatusReport)
	Event(*agentv1.EventReport)
	Namespaces(*agentv1.NamespacesReport)
	// Renew asks for a new session, whose Hello says anew what the cluster has.
	Renew(reason string)
}

// Config is what a Driver needs.
type Config struct {
	// Cluster is the name of the workload cluster.
	Cluster string
	// ProcessID is the id of this agent process.
	ProcessID string
	// Version is the agent's release.
	Version string
	// Labels are for the cluster's record when it registers.
	Labels map[string]string
	// Kubernetes reaches the API server.
	Kubernetes *rest.Config
	// Namespaces are the only ones to work in; all where there are none.
	Namespaces []string
	Reports    Reporter
	Log        *slog.Logger
	Timing     Timing
}

// mode is whether the driver may act on the cluster.
type mode int

const (
	// waiting: there has been no session yet, and the time of grace runs.
	waiting mode = iota
	// acting: there is a session, was one, or none came in the time of grace.
	acting
	// idle: the cluster is decommissioned.
	idle
	// superseded: a newer session of the cluster acts on it.
	superseded
)

// workers is how many objects are worked on at once.
const workers = 8

// Driver drives one workload cluster.
type Driver struct {
	config  Config
	cluster *cluster
	explain explainer
	log     *slog.Logger
	timing  Timing

	retries workqueue.TypedRateLimiter[key]
	running sync.WaitGroup
	started chan struct{}                         // closed when Run has begun
	ctx     context.Context                       // Run's; not before started is closed
	queue   workqueue.TypedDelayingInterface[key] // made by Run, as ctx is
	kick    chan struct{}                         // holds a token when a probe is wanted at once

	health health
	spaces namespaces
	gone   gone

	mu      sync.Mutex
	mode    mode
	epoch   int64
	hello   int64 // the number of the last Hello
	session int64 // the number of the Hello that the session was welcomed for
	// syncing says that the control plane has yet to say what differs from
	// Hello. What Hello did not list may be wanted no more, and is left alone.
	syncing bool
	records map[key]*record
	present map[*kind]bool // the custom kinds that the cluster has
	// told and toldNamespaces are what the last Hello named; nil before it.
	told           map[*kind]bool
	toldNamespaces []string
	watches        map[scope]*objectWatch
	events         map[string]*eventWatch // by namespace
	ending         bool                   // nothing more is to be started
}

// New makes a driver. It sends nothing before Run or Hello.
func New(config Config) (*Driver, error) {
	timing := config.Timing.complete()
	cluster, err := newCluster(config.Kubernetes, config.Version, timing.Request)
	if err != nil {
		return nil, err
	}
	d := &Driver{
		config:  config,
		cluster: cluster,
		explain: explainer{cluster: config.Cluster},
		log:     config.Log,
		timing:  timing,
		retries: workqueue.NewTypedItemExponentialFailureRateLimiter[key](timing.RetryMin, timing.RetryMax),
		started: make(chan struct{}),
		kick:    make(chan struct{}, 1),
		gone:    newGone(goneLimit),
		records: make(map[key]*record),
		present: make(map[*kind]bool),
		watches: make(map[scope]*objectWatch),
		events:  make(map[string]*eventWatch),
	}
	return d, nil
}

// Run works until ctx ends.
func (d *Driver) Run(ctx context.Context) {
	d.ctx = ctx
	d.queue = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{})
	grace := time.AfterFunc(d.timing.Grace, d.graceOver)
	defer grace.Stop()

	for range workers {
		d.running.Go(func() { d.work(ctx) })
	}
	d.startNamespaces(ctx)
	close(d.started)
	d.probe(ctx)

	d.mu.Lock()
	d.ending = true
	d.mu.Unlock()
	d.queue.ShutDown()
	d.running.Wait()
}

// graceOver begins to keep what the cluster holds, since no control plane has
// said otherwise.
func (d *Driver) graceOver() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mode != waiting {
		return
	}
	d.log.Warn("no control plane so far; the agent keeps what the cluster holds already")
	d.mode = acting
	d.requeueAll()
}

// requeueAll has every object looked at again. The caller holds d.mu.
func (d *Driver) requeueAll() {
	for k := range d.records {
		d.queue.Add(k)
	}
}

// reporting says whether what is seen is to be told.
func (d *Driver) reporting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mode == acting
}

// allowed says whether the agent may work in a namespace.
func (d *Driver) allowed(namespace string) bool {
	if len(d.config.Namespaces) == 0 {
		return true
	}
	for _, n := range d.config.Namespaces {
		if n == namespace {
			return true
		}
	}
	return false
}

// namespaceScopes lists the namespaces to list and watch in; "" is all.
func (d *Driver) namespaceScopes() []string {
	if len(d.config.Namespaces) == 0 {
		return []string{""}
	}
	return d.config.Namespaces
}
