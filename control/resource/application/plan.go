package application

import (
	"cmp"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Plan is what follows from a new version of an application or of its
// environment. An application begins another run, which is what CMF calls an
// instance, when what it effectively runs changes, when it is started after having
// been suspended, and when it is started from a savepoint. A change that the operator
// would not restart the job for begins none: since pods bear the name of the
// instance, it would restart the job.
type Plan struct {
	// Record is what is to be stored.
	Record *storev1.ApplicationRecord
	// Instance begins with it; nil if the current one continues or there is none
	// to begin.
	Instance *cmfv1.FlinkApplicationInstance
	// Revised is set where the current instance goes on with Effective.
	Revised bool
	// Effective is the specification with the environment's defaults.
	Effective openjson.Object
	// Warnings are what users should know although the specification is accepted.
	Warnings []string
	// Changed is false where nothing needs to be stored.
	Changed bool
}

// Change is a new version of an application or of its environment, with what has to
// be known to plan for it.
type Change struct {
	Environment *store.Object[*cmfv1.Environment]
	// Before is what is stored of the application, nil where it is new.
	Before *store.Object[*storev1.ApplicationRecord]
	App    *cmfv1.FlinkApplication
	// Spec is the parsed specification of App.
	Spec openjson.Object
	// Start makes the application start from a savepoint. Where it is nil, a new
	// startFromSavepoint with a path in the specification does.
	Start *storev1.SavepointStart
	// InForce is the specification that the operator carried out last, nil where it
	// has none.
	InForce openjson.Object
	// Current is the effective specification of the current instance, nil where that
	// is not known.
	Current openjson.Object
}

// Next plans for a change, which stays as it is.
func Next(change Change) (Plan, error) {
	before, app, spec, start := change.Before.Message(), change.App, change.Spec, change.Start
	old, err := specOf(change.Before)
	if err != nil {
		return Plan{}, err
	}
	defaults, err := defaultsOf(change.Environment)
	if err != nil {
		return Plan{}, err
	}
	effective := flinkspec.Effective(spec, defaults)
	var warnings []string
	if !suspends(old, spec) {
		if warnings, err = flinkspec.CheckEffective(effective, environment.PodSecurity(change.Environment.Value())); err != nil {
			return Plan{}, err
		}
	}
	if start == nil {
		if start, err = startOf(old, spec); err != nil {
			return Plan{}, err
		}
	}
	plan := Plan{
		Effective: effective,
		Warnings:  warnings,
		Record: &storev1.ApplicationRecord{
			Application:   app,
			Generation:    before.GetGeneration() + 1,
			Instance:      before.GetInstance(),
			EffectiveHash: before.GetEffectiveHash(),
			Start:         before.GetStart(),
			Adoption:      adoptionAfter(before, app),
		},
	}
	// Fields of a newer release, of which there may be replicas during an upgrade.
	plan.Record.ProtoReflect().SetUnknown(before.ProtoReflect().GetUnknown())
	if start != nil {
		plan.Record.Start = withNonce(start, plan.Record.GetGeneration(), ownNonce(old), before.GetStart().GetNonce())
	} else if ownNonce(spec) != ownNonce(old) {
		// The user redeploys with the operator's own fields, which an earlier
		// start would hide.
		plan.Record.Start = nil
	}
	if !suspends(old, spec) {
		if err := flinkspec.CheckChange(change.InForce, started(effective, plan.Record.GetStart())); err != nil {
			return Plan{}, err
		}
	}
	hash := flinkspec.EffectiveHash(effective)
	same := before.GetEffectiveHash() == hash
	goesOn := before.GetInstance() != "" && (same || change.Current != nil && !flinkspec.Upgrades(change.Current, effective))
	running := flinkspec.DesiredState(spec) == flink.Running
	switch {
	case running && (start != nil || !goesOn || flinkspec.DesiredState(old) == flink.Suspended):
		plan.Instance = NewInstance(openjson.Format(effective))
		plan.Record.Instance = plan.Instance.GetMetadata().GetName()
		plan.Record.EffectiveHash = hash
	case goesOn && !same:
		plan.Revised = true
		plan.Record.EffectiveHash = hash
	}
	plan.Record.Suspension = suspensionAfter(before, plan.Record, old, spec, effective, start != nil || ownNonce(spec) != ownNonce(old))
	plan.Changed = plan.Instance != nil || plan.Revised || !sameForUser(before.GetApplication(), app)
	return plan, nil
}

// started is a specification with the savepoint that it starts from in the place
// of the operator's own fields.
func started(effective openjson.Object, start *storev1.SavepointStart) openjson.Object {
	if start == nil {
		return effective
	}
	return openjson.Merge(effective, openjson.Object{"job": openjson.Object{"savepointRedeployNonce": nil}})
}

// suspends tells whether a change only suspends an application. That has to be
// possible even where the environment's defaults no longer let it run.
func suspends(old, spec openjson.Object) bool {
	return old != nil && flinkspec.DesiredState(spec) == flink.Suspended && flinkspec.EffectiveHash(old) == flinkspec.EffectiveHash(spec)
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

// startOf is the instruction of a specification to start from a savepoint, if it
// is a new one: the same instruction with the same nonce is carried out once.
func startOf(old, spec openjson.Object) (*storev1.SavepointStart, error) {
	ref, ok := newReference(old, spec)
	if !ok {
		return nil, nil
	}
	if ref.Path == "" {
		return nil, apierror.Unprocessable("spec: startFromSavepoint: savepoint '" + cmp.Or(ref.UID, ref.Name) + "' not found")
	}
	return Start(ref, ref.Path), nil
}

func newReference(old, spec openjson.Object) (flinkspec.SavepointReference, bool) {
	ref, ok := flinkspec.SavepointStart(spec)
	was, _ := flinkspec.SavepointStart(old)
	return ref, ok && was != ref
}

// Start is the instruction of a reference, once it is known where its savepoint
// is.
func Start(ref flinkspec.SavepointReference, path string) *storev1.SavepointStart {
	start := &storev1.SavepointStart{Path: path, AllowNonRestoredState: ref.AllowNonRestoredState}
	if nonce, err := strconv.ParseInt(ref.Nonce, 10, 64); err == nil {
		start.Nonce = nonce
	}
	return start
}

// withNonce is a start with a nonce that differs from those used before, since
// the operator passes over one that it has seen last. A user's own nonce stays
// if it does.
func withNonce(start *storev1.SavepointStart, generation int64, used ...int64) *storev1.SavepointStart {
	nonce := start.GetNonce()
	if nonce == 0 || slices.Contains(used, nonce) {
		nonce = max(generation, slices.Max(used)+1)
	}
	return &storev1.SavepointStart{Path: start.GetPath(), Nonce: nonce, AllowNonRestoredState: start.GetAllowNonRestoredState()}
}

// ownNonce is the operator's nonce where a user sets it, beside Weir.
func ownNonce(spec openjson.Object) int64 {
	return openjson.Int64(spec, "job", "savepointRedeployNonce")
}
