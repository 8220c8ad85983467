package application

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// followEnvironments begins new instances of the applications of which a change
// of their environment's defaults alters the effective specification.
func (a *Applications) followEnvironments(ctx context.Context) error {
	feed := a.store.Changes(a.environments.Records.Scope(""))
	defer feed.Close()
	for {
		changed, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, env := range changed {
			for app := range a.Records.In(a.store.Cached()).Under(env.Key) {
				if err := a.applyDefaults(ctx, env.Key, app.Key); err != nil {
					return fmt.Errorf("apply the defaults of environment %s to application %s: %w", env.Key, app.Key, err)
				}
			}
		}
	}
}

// applyDefaults begins a new instance of an application if its environment's
// defaults make one necessary, and else brings the current one in line with them.
func (a *Applications) applyDefaults(ctx context.Context, envKey, key string) error {
	_, err := a.store.Update(ctx, func(tx *store.Tx) error {
		env, app := a.environments.Records.Get(tx, envKey), a.Records.Get(tx, key)
		if env == nil || app == nil {
			return nil
		}
		reported := a.Status.In(tx).Get(key).Message()
		plan, err := Next(env.Value(), app.Value(), app.Value().GetApplication(), nil,
			flinkspec.SpecInForce(reported, metadataOf(app.Value()).GetUid()), a.currentSpec(tx, key, app.Value()))
		if refused, ok := errors.AsType[*apierror.Error](err); ok {
			a.reportRefused(tx, env, app, refused)
			return nil
		}
		if err != nil {
			a.log.Error("the defaults of the environment cannot be applied to an application", "application", key, "error", err)
			return nil
		}
		switch {
		case plan.Instance != nil:
			a.write(tx, key, plan, NewEvent(EventCMFStatus, plan.Record.GetInstance(), "The environment's defaults have changed the effective specification of the application."))
		case plan.Revised:
			a.write(tx, key, plan, NewEvent(EventCMFStatus, plan.Record.GetInstance(), "The environment's defaults have changed the effective specification of the application. The job continues."))
		}
		return nil
	})
	return err
}

// reportRefused writes an event that the environment's defaults would make the
// specification of an application invalid. The application does not change. The event's name
// follows from the version of the environment, so that it is reported once.
func (a *Applications) reportRefused(tx *store.Tx, env *store.Object[*cmfv1.Environment], app *store.Object[*storev1.ApplicationRecord], refused error) {
	id := fmt.Sprintf("defaults/%s/%d", app.Key, env.Revision)
	a.appendEvents(tx, app.Key, ReportedEvent(id, EventWarning, app.Value().GetInstance(),
		"The environment's defaults cannot be applied: "+refused.Error(), time.Now()))
}
