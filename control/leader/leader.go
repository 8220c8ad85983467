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
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.opentelemetry.io/otel"

	"github.com/openweir/weir/control/recovery"
)

const (
	// leaseTTL is the time, in seconds, after which a leader that is gone is replaced.
	leaseTTL = 5
	// After a term or a duty that failed, the next begins after a wait that doubles
	// from minBackoff to maxBackoff.
	minBackoff, maxBackoff = time.Second, 5 * time.Second
)

// Config is what an Election is made of.
type Config struct {
	Etcd *clientv3.Client
	// Key is what begins the keys in etcd that replicas compete for.
	Key string
	// Replica names this replica.
	Replica string
	// Duties are what the leader does, each until its context ends. One that fails is
	// begun again after a while, and the others go on.
	Duties []func(context.Context) error
	Log    *slog.Logger
}

// Election makes this replica the leader now and then.
type Election struct {
	Config
	// backoff is the first wait after a failure.
	backoff time.Duration
	terms
}

// New makes an Election.
func New(config Config) *Election {
	e := &Election{Config: config, backoff: minBackoff}
	if err := e.registerMetrics(otel.GetMeterProvider()); err != nil {
		config.Log.Warn("metrics of the election cannot be registered", "error", err)
	}
	return e
}

// Run stands for election, and leads whenever elected, until the context ends.
func (e *Election) Run(ctx context.Context) error {
	e.repeat(ctx, "this replica does not lead", e.term)
	return nil
}

// repeat does something that fails again until the context ends. A failure is
// logged when it is another one than before.
func (e *Election) repeat(ctx context.Context, what string, do func(context.Context) error) {
	last, wait := "", e.backoff
	for ctx.Err() == nil {
		began := time.Now()
		err := do(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxBackoff {
			last, wait = "", e.backoff
		}
		if text := fmt.Sprint(err); text != last {
			e.Log.Warn(what, "error", err)
			last = text
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, maxBackoff)
		case <-ctx.Done():
		}
	}
}

// term waits to be elected and leads until the lease is lost. An etcd without space
// keeps leases alive, but grants none.
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
	e.Log.Info("became leader", "replica", e.Replica)
	defer e.begin()()
	var duties sync.WaitGroup
	defer duties.Wait()
	inner, end := context.WithCancel(ctx)
	defer end()
	for _, duty := range e.Duties {
		duties.Go(func() { e.repeat(inner, "a duty of the leader failed", protected(duty)) })
	}
	select {
	case <-session.Done():
		return errors.New("lease lost")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// protected makes a panic of a duty its error.
func protected(duty func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		defer recovery.ToError(&err)
		return duty(ctx)
	}
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
