// Package reconcile is what the control plane does without being asked. One
// replica at a time does it, the leader; every write is a transaction that
// holds only while what it was decided on still stands, so two leaders at once
// would do no harm.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"golang.org/x/sync/errgroup"

	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/state"
)

// leaderKey is what leaders are elected on.
const leaderKey = state.Prefix + "-leader"

// leaderTTL is the time, in seconds, after which a leader that is gone is
// replaced.
const leaderTTL = 5

// Config is what a Reconciler is made of.
type Config struct {
	State *state.State
	Etcd  *clientv3.Client
	// Keys seal secrets; those sealed with an older key are sealed anew.
	Keys *seal.Keys
	// Replica names this replica.
	Replica string
	Log     *slog.Logger
}

// Reconciler keeps what follows from the state in line with it.
type Reconciler struct {
	Config
}

// New makes a Reconciler.
func New(cfg Config) *Reconciler { return &Reconciler{Config: cfg} }

// Run stands for election, and leads whenever elected, until the context ends.
func (r *Reconciler) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := r.term(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("leadership ended", "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// term waits to be elected and leads until the lease is lost.
func (r *Reconciler) term(ctx context.Context) error {
	session, err := concurrency.NewSession(r.Etcd, concurrency.WithTTL(leaderTTL), concurrency.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("begin election session: %w", err)
	}
	defer func() {
		// The session's own context may be over; its lease must go all the same,
		// so that the next leader need not wait for it to run out.
		session.Orphan()
		revoke, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, err := r.Etcd.Revoke(revoke, session.Lease()); err != nil {
			r.Log.Debug("election lease could not be revoked", "error", err)
		}
	}()
	election := concurrency.NewElection(session, leaderKey)
	if err := election.Campaign(ctx, r.Replica); err != nil {
		return fmt.Errorf("stand for election: %w", err)
	}
	r.Log.Info("leading", "replica", r.Replica)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		select {
		case <-session.Done():
			return errors.New("lease lost")
		case <-inner.Done():
			return inner.Err()
		}
	})
	group.Go(func() error { return r.followEnvironments(inner) })
	group.Go(func() error { return r.followSessions(inner) })
	group.Go(func() error { return r.followSecrets(inner) })
	group.Go(func() error { return r.expireSavepoints(inner) })
	return group.Wait()
}
