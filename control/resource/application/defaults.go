package application

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// followEnvironments begins new instances of the applications of which a change
// of their environment's defaults alters the effective specification.
func (a *Applications) followEnvironments(ctx context.Context) error {
	feed := a.store.Changes(a.environments.Records.Scope(""))
	defer feed.Close()
	work := resource.NewWork("apply-environment-defaults", a.store, a.applyDefaults)
	defer work.End()
	return work.Follow(ctx, feed, func(changed []store.Ref) {
		for _, env := range changed {
			for app := range a.Records.Scope("").Under(env.Key).Keys(a.store.Cached()) {
				work.Do(ctx, app)
			}
		}
	})
}

// applyDefaults begins a new instance of an application if its environment's
// defaults make one necessary, and else brings the current one in line with them.
// Where they make it too large to be stored, an event says so.
func (a *Applications) applyDefaults(ctx context.Context, key string) error {
	// Whoever changes an application after its environment has read the environment as it
	// is, so the environment's change in the cache suffices, and an application that needs
	// none costs no question to etcd.
	_, err := a.store.UpdateFrom(ctx, a.store.Cached().Revision(), func(tx *store.Tx) error { return a.applyDefaultsIn(ctx, tx, key) })
	if errors.Is(err, store.ErrTooLarge) {
		_, reported := a.store.Update(ctx, func(tx *store.Tx) error {
			if env, app := a.withEnvironment(tx, key); env != nil && app != nil {
				a.reportRefused(tx, env, app, errTooLarge)
			}
			return nil
		})
		err = errors.Join(err, reported)
	}
	return err
}

// errTooLarge is what users read of an application that the defaults of its
// environment make too large.
var errTooLarge = errors.New("the application would be too large to be stored: etcd accepts about 1.5 MB")

func (a *Applications) applyDefaultsIn(ctx context.Context, tx *store.Tx, key string) error {
	env, app := a.withEnvironment(tx, key)
	if env == nil || app == nil {
		return nil
	}
	reported := a.Status.In(tx).Get(key).Message()
	if resource.IsBehind(metadataOf(app.Value()).GetUid(), app.Value().GetGeneration(), reported) {
		return nil // what runs is kept until a user changes the application
	}
	spec, err := specOf(app)
	if err != nil {
		return err
	}
	plan, err := Next(Change{
		Environment: env, Before: a.renew(tx, app, reported), App: app.Value().GetApplication(), Spec: spec,
		InForce: flinkspec.SpecInForce(reported, metadataOf(app.Value()).GetUid()), Current: a.currentSpec(tx, key, app.Value()),
	})
	var warnings []string
	if err == nil && (plan.Instance != nil || plan.Revised) {
		warnings, err = a.admit(ctx, tx, env, app, key, spec, plan)
	}
	if refused, ok := errors.AsType[*apierror.Error](err); ok {
		a.reportRefused(tx, env, app, refused)
		return nil
	}
	if err != nil {
		return err
	}
	var events []*cmfv1.FlinkApplicationEvent
	for _, warning := range warnings {
		events = append(events, NewEvent(EventWarning, plan.Record.GetInstance(), warning))
	}
	switch {
	case plan.Instance != nil:
		a.write(tx, key, spec, plan, append(events, NewEvent(EventCMFStatus, plan.Record.GetInstance(), "The environment's defaults have changed the effective specification of the application."))...)
	case plan.Revised:
		a.write(tx, key, spec, plan, append(events, NewEvent(EventCMFStatus, plan.Record.GetInstance(), "The environment's defaults have changed the effective specification of the application. The job continues."))...)
	}
	return nil
}

// withEnvironment reads an application and its environment; nil where they are gone.
func (a *Applications) withEnvironment(tx *store.Tx, key string) (*store.Object[*cmfv1.Environment], *store.Object[*storev1.ApplicationRecord]) {
	env, _, _ := strings.Cut(key, "/")
	return a.environments.Records.Get(tx, env), a.Records.Get(tx, key)
}

// reportRefused writes an event that the environment's defaults would make the
// specification of an application invalid. The application does not change. The event's name
// follows from the version of the environment, so that it is reported once.
func (a *Applications) reportRefused(tx *store.Tx, env *store.Object[*cmfv1.Environment], app *store.Object[*storev1.ApplicationRecord], refused error) {
	id := fmt.Sprintf("defaults/%s/%d", app.Key, env.Revision)
	a.appendEvents(tx, app.Key, ReportedEvent(id, EventWarning, app.Value().GetInstance(),
		"The environment's defaults cannot be applied: "+refused.Error(), time.Now()))
}
