// Package leader has one replica at a time do what the control plane does without
// being asked. Two leaders at once, as there can be for a moment, do no harm: what
// they do are transactions that hold only while what they were decided on has not
// changed.
package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"golang.org/x/sync/errgroup"
)

// leaseTTL is the time, in seconds, after which a leader that is gone is replaced.
const leaseTTL = 5

// Config is what an Election is made of.
type Config struct {
	Etcd *clientv3.Client
	// Key is what begins the keys in etcd that replicas compete for.
	Key string
	// Replica names this replica.
	Replica string
	// Duties are what the leader does, each until its context ends. The first that
	// fails ends the term.
	Duties []func(context.Context) error
	Log    *slog.Logger
}

// Election makes this replica the leader now and then.
type Election struct {
	Config
	// backoff is how long the replica waits after a term that failed.
	backoff time.Duration
}

// New makes an Election.
func New(config Config) *Election { return &Election{Config: config, backoff: time.Second} }

// Run stands for election, and leads whenever elected, until the context ends.
func (e *Election) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := e.term(ctx); err != nil && ctx.Err() == nil {
			e.Log.Warn("leadership ended", "error", err)
			select {
			case <-time.After(e.backoff):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// term waits to be elected and leads until the lease is lost or a duty fails.
func (e *Election) term(ctx context.Context) error {
	// A campaign that is given up resigns with the context of its client, and would
	// wait for an etcd that is away.
	client := clientv3.NewCtxClient(ctx)
	client.KV, client.Lease, client.Watcher = e.Etcd.KV, e.Etcd.Lease, e.Etcd.Watcher
	session, err := concurrency.NewSession(client, concurrency.WithTTL(leaseTTL), concurrency.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("begin election session: %w", err)
	}
	defer e.resign(ctx, session)
	if err := concurrency.NewElection(session, e.Key).Campaign(ctx, e.Replica); err != nil {
		return fmt.Errorf("stand for election: %w", err)
	}
	e.Log.Info("leading", "replica", e.Replica)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		select {
		case <-session.Done():
			return errors.New("lease lost")
		case <-inner.Done():
			return inner.Err()
		}
	})
	for _, duty := range e.Duties {
		group.Go(func() error { return duty(inner) })
	}
	return group.Wait()
}

// resign revokes the lease of a session whose context may be over, so that the
// next leader need not wait for it to run out.
func (e *Election) resign(ctx context.Context, session *concurrency.Session) {
	session.Orphan()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := e.Etcd.Revoke(ctx, session.Lease()); err != nil {
		e.Log.Debug("election lease could not be revoked", "error", err)
	}
}
