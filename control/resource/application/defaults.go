package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/run"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// followEnvironments begins new instances of the applications of which a change
// of their environment's defaults alters the effective specification.
func (r *Reconciler) followEnvironments(ctx context.Context) error {
	feed := r.State.Environments.Changes("")
	defer feed.Close()
	for {
		names, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := r.applyDefaults(ctx, name); err != nil {
				return err
			}
		}
	}
}

func (r *Reconciler) applyDefaults(ctx context.Context, name string) error {
	for _, app := range r.State.Applications.CachedUnder(name) {
		// What the cache has is at least as new as the environment, so it will do
		// until a conflict shows that it is older than etcd.
		err := r.refresh(ctx, name, app)
		for errors.Is(err, store.ErrConflict) {
			if app, err = r.State.Applications.Get(ctx, app.Key); err == nil {
				err = r.refresh(ctx, name, app)
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("apply the defaults of environment %s: %w", name, err)
		}
	}
	return nil
}

// refresh commits the new instance of an application if its environment's
// defaults make one necessary.
func (r *Reconciler) refresh(ctx context.Context, envName string, app store.Object[*storev1.ApplicationRecord]) error {
	env, ok := r.State.Environments.Cached(envName)
	if !ok {
		return nil
	}
	key := app.Key
	reported, _ := r.State.ApplicationStatus.Cached(key)
	plan, err := run.Next(env.Value, app.Value, app.Value.GetApplication(), nil, rules.SpecInForce(reported.Value, app.Value.GetApplication().GetMetadata().GetUid()))
	var refused *apierror.Error
	if errors.As(err, &refused) {
		return r.reportRefused(ctx, env, key, app.Value, refused)
	}
	if err != nil {
		r.Log.Error("application cannot be brought in line with its environment", "application", key, "error", err)
		return nil
	}
	if plan.Instance == nil {
		return nil
	}
	event := state.NewEvent(state.EventCMFStatus, plan.Record.GetInstance(), "The environment's defaults have changed what the application runs.")
	ops := append([]store.Op{r.State.Applications.Put(key, plan.Record)}, r.State.BeginInstance(key, plan.Instance)...)
	ops = append(ops, r.State.AppendEvents(key, event)...)
	_, err = r.State.Store.Commit(ctx, []store.Cond{
		r.State.Environments.Unchanged(env.Key, env.Revision),
		r.State.Applications.Unchanged(key, app.Revision),
	}, ops)
	if err != nil {
		return fmt.Errorf("begin instance of application %s: %w", key, err)
	}
	return nil
}

// reportRefused tells users of an application that its environment's defaults
// make a specification that cannot be. It goes on as it is. The event's name
// follows from the version of the environment, so that it is told once.
func (r *Reconciler) reportRefused(ctx context.Context, env store.Object[*cmfv1.Environment], key string, record *storev1.ApplicationRecord, refused error) error {
	id := fmt.Sprintf("defaults/%s/%d", key, env.Revision)
	event := state.ReportedEvent(id, state.EventWarning, record.GetInstance(),
		"The environment's defaults cannot be applied: "+refused.Error(), time.Now())
	ops := r.State.AppendEvents(key, event)
	if len(ops) == 0 {
		return nil
	}
	if _, err := r.State.Store.Commit(ctx, []store.Cond{r.State.Applications.Present(key)}, ops); err != nil {
		return fmt.Errorf("report on application %s: %w", key, err)
	}
	return nil
}
