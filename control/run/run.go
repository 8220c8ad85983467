// Package run decides when an application begins another run, which is what
// CMF calls an instance: when what it effectively runs changes, when it is
// started after having been suspended, and when it is started from a savepoint.
package run

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Plan is what follows from a new version of an application or of its
// environment.
type Plan struct {
	// Record is what is to be stored.
	Record *storev1.ApplicationRecord
	// Instance begins with it; nil where the current one goes on or there is
	// none to begin.
	Instance *cmfv1.FlinkApplicationInstance
	// Effective is the specification with the environment's defaults.
	Effective rules.Object
	// Changed is false where nothing needs to be stored.
	Changed bool
}

// Next plans for the application app, whose stored record is before, nil where
// it is new. start makes it start from a savepoint; where it is nil, a
// startFromSavepoint with a path in the specification does.
func Next(env *cmfv1.Environment, before *storev1.ApplicationRecord, app *cmfv1.FlinkApplication, start *storev1.SavepointStart) (Plan, error) {
	spec, err := rules.ParseObject(app.GetSpec())
	if err != nil {
		return Plan{}, fmt.Errorf("specification of application %s: %w", app.GetMetadata().GetName(), err)
	}
	defaults, err := rules.ParseObject(env.GetFlinkApplicationDefaults())
	if err != nil {
		return Plan{}, fmt.Errorf("defaults of environment %s: %w", env.GetName(), err)
	}
	effective := rules.Effective(spec, defaults)
	if err := rules.CheckEffective(effective); err != nil {
		return Plan{}, err
	}
	if start == nil {
		start = startOf(spec, before)
	}
	plan := Plan{
		Effective: effective,
		Record: &storev1.ApplicationRecord{
			Application:   app,
			Generation:    before.GetGeneration() + 1,
			Instance:      before.GetInstance(),
			EffectiveHash: before.GetEffectiveHash(),
			Start:         before.GetStart(),
		},
	}
	if start != nil {
		// The nonce only has to differ from the one before, and grow.
		if start.Nonce == 0 {
			start.Nonce = max(plan.Record.Generation, before.GetStart().GetNonce()+1)
		}
		plan.Record.Start = start
	}
	hash := rules.EffectiveHash(effective)
	running := rules.DesiredState(spec) == rules.JobRunning
	if running && begins(before, hash, start != nil) {
		plan.Instance = state.NewInstance(rules.FormatObject(effective))
		plan.Record.Instance = plan.Instance.GetMetadata().GetName()
		plan.Record.EffectiveHash = hash
	}
	plan.Changed = plan.Instance != nil || !sameForUser(before.GetApplication(), app)
	return plan, nil
}

// begins tells whether an application that is to run begins another run.
func begins(before *storev1.ApplicationRecord, hash string, fromSavepoint bool) bool {
	if fromSavepoint || before.GetInstance() == "" || before.GetEffectiveHash() != hash {
		return true
	}
	spec, err := rules.ParseObject(before.GetApplication().GetSpec())
	return err != nil || rules.DesiredState(spec) == rules.JobSuspended
}

// sameForUser tells whether two versions differ in nothing that a user wrote.
func sameForUser(a, b *cmfv1.FlinkApplication) bool {
	strip := func(app *cmfv1.FlinkApplication) *cmfv1.FlinkApplication {
		if app == nil {
			return nil
		}
		return &cmfv1.FlinkApplication{
			Metadata: &cmfv1.ObjectMeta{Labels: app.GetMetadata().GetLabels(), Annotations: app.GetMetadata().GetAnnotations()},
			Spec:     app.GetSpec(),
		}
	}
	return proto.Equal(strip(a), strip(b))
}

// startOf is the instruction of a specification to start from a path, if it is
// a new one: the same instruction with the same nonce is carried out once.
func startOf(spec rules.Object, before *storev1.ApplicationRecord) *storev1.SavepointStart {
	ref, ok := rules.SavepointStart(spec)
	if !ok || ref.Path == "" {
		return nil
	}
	if old, err := rules.ParseObject(before.GetApplication().GetSpec()); err == nil {
		if was, ok := rules.SavepointStart(old); ok && was == ref {
			return nil
		}
	}
	start := &storev1.SavepointStart{Path: ref.Path, AllowNonRestoredState: ref.AllowNonRestoredState}
	if nonce, err := strconv.ParseInt(ref.Nonce, 10, 64); err == nil && nonce != before.GetStart().GetNonce() {
		start.Nonce = nonce
	}
	return start
}
