package resource

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/openweir/weir/control/recovery"
	"github.com/openweir/weir/control/store"
)

// An object for which a duty has failed is tried again after a wait that doubles
// from minRetry to maxRetry, or to maxUnavailableRetry where etcd is to blame.
const (
	minRetry            = time.Second
	maxRetry            = 5 * time.Minute
	maxUnavailableRetry = 5 * time.Second
)

// Work is a duty of the leader that is done for one object after another. An object
// for which it fails is tried again by itself and holds up no other. Only one
// goroutine uses it.
type Work struct {
	name   string
	log    *slog.Logger
	do     func(ctx context.Context, key string) error
	failed map[string]*failure

	failures metric.Int64Counter
	failing  metric.Int64UpDownCounter
	labels   metric.MeasurementOption
}

// failure is that of an object.
type failure struct {
	text string // of the last error
	wait time.Duration
	due  time.Time // to be tried again
}

// NewWork makes the work of a duty. The name is for logs and metrics.
func NewWork(name string, s *store.Store, do func(ctx context.Context, key string) error) *Work {
	w := &Work{
		name: name, log: s.Log(), do: do, failed: map[string]*failure{},
		labels: metric.WithAttributes(attribute.String("duty", name)),
	}
	meter := otel.Meter("github.com/openweir/weir/control/resource")
	var errs [2]error
	w.failures, errs[0] = meter.Int64Counter("weir.duty.failures", metric.WithDescription("Failures of a duty of the leader for one object."))
	w.failing, errs[1] = meter.Int64UpDownCounter("weir.duty.failing", metric.WithDescription("Objects for which a duty of the leader has failed and is tried again."))
	if err := errors.Join(errs[:]...); err != nil {
		w.log.Warn("metrics of a duty cannot be registered", "duty", name, "error", err)
	}
	return w
}

// Do does the work for the object of a key.
func (w *Work) Do(ctx context.Context, key string) {
	err := w.protected(ctx, key)
	failed := w.failed[key]
	switch {
	case ctx.Err() != nil:
		return
	case err == nil && failed == nil:
		return
	case err == nil:
		delete(w.failed, key)
		w.failing.Add(ctx, -1, w.labels)
		w.log.Info("a duty of the leader succeeded after failures", "duty", w.name, "key", key)
		return
	case failed == nil:
		failed = &failure{wait: minRetry / 2}
		w.failed[key] = failed
		w.failing.Add(ctx, 1, w.labels)
	}
	w.failures.Add(ctx, 1, w.labels)
	longest, level := maxRetry, slog.LevelError
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNoSpace) {
		longest, level = maxUnavailableRetry, slog.LevelDebug // it is no fault of the object, and is logged elsewhere
	}
	failed.wait = min(2*failed.wait, longest)
	failed.due = time.Now().Add(failed.wait)
	if text := err.Error(); failed.text != text {
		failed.text = text
		w.log.Log(ctx, level, "a duty of the leader failed for an object", "duty", w.name, "key", key, "error", err)
	}
}

func (w *Work) protected(ctx context.Context, key string) (err error) {
	defer recovery.ToError(&err)
	return w.do(ctx, key)
}

// Failing is true for an object that is tried again by Retry.
func (w *Work) Failing(key string) bool { return w.failed[key] != nil }

// Retry does the work for the objects that are to be tried again now.
func (w *Work) Retry(ctx context.Context) {
	now := time.Now()
	for key, failed := range w.failed {
		if !failed.due.After(now) {
			w.Do(ctx, key)
		}
	}
}

// next is when an object is to be tried again; false where none is.
func (w *Work) next() (next time.Time, some bool) {
	for _, failed := range w.failed {
		if !some || failed.due.Before(next) {
			next, some = failed.due, true
		}
	}
	return next, some
}

// Follow has look do the work for what changes, and tries again what failed, until
// the context ends.
func (w *Work) Follow(ctx context.Context, feed *store.Feed, look func(changed []store.Ref)) error {
	for {
		changed, err := w.await(ctx, feed)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded): // something is to be tried again
		case err != nil:
			return err
		default:
			look(changed)
		}
		w.Retry(ctx)
	}
}

func (w *Work) await(ctx context.Context, feed *store.Feed) ([]store.Ref, error) {
	if next, some := w.next(); some {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, next)
		defer cancel()
	}
	return feed.Next(ctx)
}

// End forgets what failed: this replica does the work no more.
func (w *Work) End() {
	w.failing.Add(context.Background(), -int64(len(w.failed)), w.labels) //nolint:forbidigo // that of the duty has ended
	clear(w.failed)
}
