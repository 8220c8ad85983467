// Package sql runs SQL statements on the session clusters of a workload
// cluster, through the SQL Gateways beside them.
//
// A query has a session of its own at the gateway. The driver is the one reader
// of its rows, as the gateway keeps but two pages, and spools them in bounded
// memory for whoever asks. The rows are the driver's alone: a query does not
// outlive the process.
//
// An INSERT or a statement set is submitted and then followed through Flink's
// REST API. Its job bears the statement's marker as its name, by which the next
// process finds it, and in its parameters what it was made of. No session is
// held open for it.
//
// The driver works on each statement from its present state, again and again,
// so that lost or repeated messages do no harm.
package sql

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/openweir/weir/agent/flinkendpoint"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Reporter takes what the driver has to tell the control plane. Its methods
// never block.
type Reporter interface {
	Ack(*agentv1.Ack)
	Status(*agentv1.StatusReport)
	Event(*agentv1.EventReport)
}

// Endpoints finds the Flink of session clusters.
type Endpoints interface {
	flinkendpoint.Resolver
	flinkendpoint.Lister
}

// Config is what a Driver needs.
type Config struct {
	Endpoints Endpoints
	Reports   Reporter
	// Log is slog.Default where nil.
	Log *slog.Logger
	// Timing is for tests; production leaves it zero.
	Timing Timing
}

// planners is how many statements are planned or submitted at once. The gateway
// and the JobManager of a session cluster are one process each.
const planners = 4

// Driver runs the statements of one workload cluster.
type Driver struct {
	config   Config
	log      *slog.Logger
	timing   Timing
	client   *http.Client
	planning chan struct{}
	spooled  atomic.Int64

	running sync.WaitGroup
	sweep   chan struct{} // holds a token when strays are to be looked for
	// acting tells that there is or was a session, and no newer agent.
	acting atomic.Bool

	mu         sync.Mutex      // taken before that of a statement
	ctx        context.Context // Run's; nil before and after it
	statements map[identity]*statement
	// released are statements whose jobs were let go of: they are no strays.
	released map[identity]bool
}

// errAbandoned ends the work on a statement and leaves what runs as it is.
var errAbandoned = errors.New("the agent stands back from the cluster")

// New makes a driver. It does nothing before Run.
func New(config Config) *Driver {
	log := config.Log
	if log == nil {
		log = slog.Default()
	}
	timing := config.Timing.complete()
	return &Driver{
		config:     config,
		log:        log,
		timing:     timing,
		client:     &http.Client{Timeout: timing.Request},
		planning:   make(chan struct{}, planners),
		sweep:      make(chan struct{}, 1),
		statements: map[identity]*statement{},
		released:   map[identity]bool{},
	}
}

// Run works until ctx ends, and returns when everything has come to rest. It
// can be called once.
func (d *Driver) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.mu.Lock()
	d.ctx = ctx
	for _, s := range d.statements {
		d.start(s)
	}
	d.mu.Unlock()
	d.sweepStrays(ctx)
	d.mu.Lock()
	d.ctx = nil
	d.mu.Unlock()
	d.running.Wait()
	d.client.CloseIdleConnections()
}

// start begins to work on a statement, if the driver runs. The caller holds
// d.mu.
func (d *Driver) start(s *statement) {
	if d.ctx == nil {
		return
	}
	ctx, abandon := context.WithCancelCause(d.ctx)
	s.abandon = abandon
	d.running.Go(func() {
		defer abandon(nil)
		s.work(ctx)
		d.forget(s)
	})
}

func (d *Driver) forget(s *statement) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.statements[s.id] == s {
		delete(d.statements, s.id)
		if s.isReleased() {
			d.released[s.id] = true
		}
	}
	s.spool.drop()
}

// reporter is where to report to; nil where nothing is to be told.
func (d *Driver) reporter() Reporter {
	if d.acting.Load() {
		return d.config.Reports
	}
	return nil
}
