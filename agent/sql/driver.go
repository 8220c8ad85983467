// Package sql runs SQL statements on the session clusters of a workload
// cluster, through the SQL Gateways beside them.
//
// Each query has its own session at the gateway. The driver is the only reader of
// its rows, since the gateway keeps no more than two pages, and spools them in
// bounded memory for clients. A query does not outlive the process.
//
// An INSERT or a statement set is submitted and then observed through Flink's
// REST API. The name of its job is the statement's marker, by which the next
// process finds it, and its parameters identify what it was submitted from. No
// session is kept open for it.
//
// The driver reconciles each statement from its current state, so that lost or
// repeated messages do no harm.
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

// Reporter takes what the driver reports to the control plane. Its methods never
// block.
type Reporter interface {
	Ack(*agentv1.Ack)
	Status(*agentv1.StatusReport)
	Event(*agentv1.EventReport)
	// Renew requests a new session, whose Hello lists the statements again.
	Renew(reason string)
}

// Endpoints finds the Flink of session clusters.
type Endpoints interface {
	flinkendpoint.Resolver
	flinkendpoint.Lister
}

// Fence is a record on the cluster of its newest session.
type Fence interface {
	// Check fails if a newer session has begun.
	Check(ctx context.Context) error
}

// Policies are those of the agent.
type Policies interface {
	// Check returns what they forbid in an object; empty if nothing. live is the object
	// before, nil if there is none.
	Check(ctx context.Context, object, live map[string]any) string
}

// Config is what a Driver needs.
type Config struct {
	Endpoints Endpoints
	// Fence says whether a newer session of the cluster has begun. The sessions of
	// the driver are made known to it by the caller. Nil means that there is none.
	Fence   Fence
	Reports Reporter
	// Policies are those of the agent; nil for none.
	Policies Policies
	// Nothing is logged if Log is nil.
	Log *slog.Logger
	// Timing is for tests; production leaves it zero.
	Timing Timing
}

// planners is the number of statements that are planned or submitted at once. The
// gateway and the JobManager of a session cluster are one process each.
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
	orphans chan struct{} // holds a token when orphaned jobs are to be cancelled
	// active is true after the first Welcome, while the cluster is neither
	// decommissioned nor taken over by a newer session.
	active atomic.Bool
	// synced is true from Synced to the end of the session: what the control plane
	// wants is known, and no other agent has been given anything to run.
	synced atomic.Bool

	mu           sync.Mutex      // locked before that of a statement
	ctx          context.Context //nolint:containedctx // Run's, which workers that begin later belong to; nil before and after it
	installation string          // of the session
	epoch        int64           // of the session
	restored     int64           // what sessions with smaller epochs have begun may be unknown to the control plane
	statements   map[identity]*statement
	// released are statements whose jobs were released; those are not orphans.
	released map[identity]bool
	// kept are statements that the control plane has no record of, and whose jobs may
	// be newer than the backup that it was restored from.
	kept map[identity]bool
}

// errAbandoned ends the work on a statement and leaves its job running.
var errAbandoned = errors.New("the driver was deactivated")

// New makes a driver. It does nothing before Run.
func New(config Config) *Driver {
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	timing := config.Timing.withDefaults()
	return &Driver{
		config:     config,
		log:        log,
		timing:     timing,
		client:     &http.Client{Timeout: timing.Request},
		planning:   make(chan struct{}, planners),
		orphans:    make(chan struct{}, 1),
		statements: map[identity]*statement{},
		released:   map[identity]bool{},
		kept:       map[identity]bool{},
	}
}

// Run works until ctx ends, and returns when everything has stopped. It can be
// called once.
func (d *Driver) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.mu.Lock()
	d.ctx = ctx
	for _, s := range d.statements {
		d.start(s)
	}
	d.mu.Unlock()
	d.cancelOrphans(ctx)
	d.mu.Lock()
	d.ctx = nil
	d.mu.Unlock()
	d.running.Wait()
	d.client.CloseIdleConnections()
}

// start starts the worker of a statement if the driver is running. The caller
// holds d.mu.
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

// checkFence fails if a newer session of the cluster has begun, whose statements
// the jobs may be.
func (d *Driver) checkFence(ctx context.Context) error {
	if d.config.Fence == nil {
		return nil
	}
	return d.config.Fence.Check(ctx)
}

// reporter returns where to report to; nil while the driver is not active.
func (d *Driver) reporter() Reporter {
	if d.active.Load() {
		return d.config.Reports
	}
	return nil
}
