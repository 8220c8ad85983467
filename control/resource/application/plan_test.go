package application_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// spec is a specification that may run, with the fields given laid over it.
func specWith(t testing.TB, over string) *cmfv1.JsonObject {
	t.Helper()
	base, err := openjson.ParseText(`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"parallelism":2,"state":"running"}}`)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := openjson.ParseText(over)
	if err != nil {
		t.Fatal(err)
	}
	return openjson.Format(openjson.Merge(base, fields))
}

func applicationWith(t testing.TB, over string) *cmfv1.FlinkApplication {
	return &cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{Name: "orders"}, Spec: specWith(t, over)}
}

func environmentWith(defaults string) *cmfv1.Environment {
	env := &cmfv1.Environment{Name: "prod"}
	if defaults != "" {
		env.FlinkApplicationDefaults = &cmfv1.JsonObject{Json: defaults}
	}
	return env
}

// During an upgrade, replicas of two releases change the same records.
func TestFieldsOfANewerReleaseAreKept(t *testing.T) {
	first, err := next(environmentWith(""), nil, applicationWith(t, "{}"), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	newer := protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), "from a newer release")
	first.Record.ProtoReflect().SetUnknown(newer)
	second, err := next(environmentWith(""), first.Record, applicationWith(t, `{"job":{"parallelism":3}}`), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if kept := second.Record.ProtoReflect().GetUnknown(); !bytes.Equal(kept, newer) {
		t.Errorf("the changed record has the unknown fields %q, want %q", kept, newer)
	}
}

// next plans for a new version of an application whose record is before, nil where it
// is new.
func next(env *cmfv1.Environment, before *storev1.ApplicationRecord, app *cmfv1.FlinkApplication, start *storev1.SavepointStart, inForce, current openjson.Object) (application.Plan, error) {
	spec, err := openjson.Parse(app.GetSpec())
	if err != nil {
		return application.Plan{}, err
	}
	change := application.Change{Environment: store.NewObject("prod", env), App: app, Spec: spec, Start: start, InForce: inForce, Current: current}
	if before != nil {
		change.Before = store.NewObject("prod/orders", before)
	}
	return application.Next(change)
}

// history plans one version of an application after the other, each on top of
// what the one before it stores.
type history struct {
	t      *testing.T
	env    *cmfv1.Environment
	record *storev1.ApplicationRecord
	// current is the effective specification of the current instance.
	current openjson.Object
}

func begin(t *testing.T, over string) *history {
	h := &history{t: t, env: environmentWith("")}
	h.next(applicationWith(t, over), nil)
	return h
}

func (h *history) next(app *cmfv1.FlinkApplication, start *storev1.SavepointStart) application.Plan {
	h.t.Helper()
	plan, err := next(h.env, h.record, app, start, nil, h.current)
	if err != nil {
		h.t.Fatal(err)
	}
	if plan.Changed {
		h.record = plan.Record
	}
	if plan.Instance != nil || plan.Revised {
		h.current = plan.Effective
	}
	return plan
}

func (h *history) write(over string) application.Plan {
	h.t.Helper()
	return h.next(applicationWith(h.t, over), nil)
}

const (
	suspended = `{"job":{"state":"suspended"}}`
	fromPath  = `{"job":{"startFromSavepoint":{"initialSavepointPath":"s3://sp/1","savepointRedeployNonce":7}}}`
)

// TestNext: what each change of an application, or of its environment, leads
// to. Where nothing is said of a start, it stays as it was.
func TestNext(t *testing.T) {
	for name, test := range map[string]struct {
		before   string // the specification before, none where empty
		defaults string // of the environment, new with this change
		after    string
		begins   bool
		revised  bool
		changed  bool
	}{
		"new":                           {after: `{}`, begins: true, changed: true},
		"new, with defaults":            {defaults: `{"spec":{"image":"i"}}`, after: `{}`, begins: true, changed: true},
		"new and suspended":             {after: suspended, changed: true},
		"unchanged":                     {before: `{}`, after: `{}`},
		"unchanged while suspended":     {before: suspended, after: suspended},
		"specification changed":         {before: `{}`, after: `{"image":"i"}`, begins: true, changed: true},
		"the effective one did not":     {before: `{"image":"a"}`, defaults: `{"spec":{"image":"a"}}`, after: `{"image":"b"}`, changed: true},
		"suspended":                     {before: `{}`, after: suspended, changed: true},
		"suspended and changed":         {before: `{}`, after: `{"image":"i","job":{"state":"suspended"}}`, changed: true},
		"changed while suspended":       {before: suspended, after: `{"image":"i","job":{"state":"suspended"}}`, changed: true},
		"started for the first time":    {before: suspended, after: `{}`, begins: true, changed: true},
		"running by default":            {before: `{}`, after: `{"job":{"state":null}}`, changed: true},
		"defaults that alter it":        {before: `{}`, defaults: `{"spec":{"image":"i"}}`, after: `{}`, begins: true, changed: true},
		"defaults that it has anyway":   {before: `{"image":"i"}`, defaults: `{"spec":{"image":"i"}}`, after: `{"image":"i"}`},
		"defaults of annotations":       {before: `{}`, defaults: `{"metadata":{"annotations":{"a":"b"}}}`, after: `{}`},
		"defaults while it is stopped":  {before: suspended, defaults: `{"spec":{"image":"i"}}`, after: suspended},
		"suspended by bad defaults":     {before: `{}`, defaults: `{"spec":{"serviceAccount":""}}`, after: suspended, changed: true},
		"labels while defaults are bad": {before: suspended, defaults: `{"spec":{"job":"x"}}`, after: suspended},
		"another upgrade mode":          {before: `{}`, after: `{"job":{"upgradeMode":"savepoint"}}`, revised: true, changed: true},
		"a savepoint triggered":         {before: `{}`, after: `{"job":{"savepointTriggerNonce":1}}`, revised: true, changed: true},
		"an option of the autoscaler":   {before: `{}`, defaults: `{"spec":{"flinkConfiguration":{"job.autoscaler.metrics.window":"5m"}}}`, after: `{}`, revised: true, changed: true},
		"suspended with another mode":   {before: `{}`, after: `{"job":{"state":"suspended","upgradeMode":"savepoint"}}`, revised: true, changed: true},
		"an upgrade mode and the image": {before: `{}`, after: `{"image":"i","job":{"upgradeMode":"savepoint"}}`, begins: true, changed: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := &history{t: t, env: environmentWith("")}
			if test.before != "" {
				h.write(test.before)
			}
			before := proto.CloneOf(h.record)
			h.env = environmentWith(test.defaults)
			app := applicationWith(t, test.after)
			plan := h.next(app, nil)
			if begins := plan.Instance != nil; begins != test.begins || plan.Revised != test.revised || plan.Changed != test.changed {
				t.Errorf("an instance begins: %t, want %t; is revised: %t, want %t; changed: %t, want %t",
					begins, test.begins, plan.Revised, test.revised, plan.Changed, test.changed)
			}
			want := &storev1.ApplicationRecord{
				Application: app, Generation: before.GetGeneration() + 1,
				Instance: before.GetInstance(), EffectiveHash: before.GetEffectiveHash(),
			}
			if plan.Revised {
				want.EffectiveHash = flinkspec.EffectiveHash(plan.Effective)
			}
			if plan.Instance != nil {
				want.Instance, want.EffectiveHash = plan.Instance.GetMetadata().GetName(), flinkspec.EffectiveHash(plan.Effective)
				effective := openjson.Format(plan.Effective)
				if difference := cmp.Diff(effective, plan.Instance.GetStatus().GetSpec(), protocmp.Transform()); difference != "" {
					t.Errorf("the instance's specification, want -, got +:\n%s", difference)
				}
			}
			if difference := cmp.Diff(want, plan.Record, protocmp.Transform(), protocmp.IgnoreMessages(&storev1.Suspension{})); difference != "" {
				t.Errorf("the record, want -, got +:\n%s", difference)
			}
		})
	}
}

func TestLabelsChangeTheApplicationButNotItsInstance(t *testing.T) {
	h := begin(t, `{}`)
	before := h.record
	app := applicationWith(t, `{}`)
	app.Metadata.Labels = map[string]string{"team": "a"}
	plan := h.next(app, nil)
	if plan.Instance != nil || !plan.Changed {
		t.Errorf("instance: %v, changed: %t", plan.Instance, plan.Changed)
	}
	if plan.Record.GetInstance() != before.GetInstance() || plan.Record.GetGeneration() != before.GetGeneration()+1 {
		t.Errorf("after %v the record is %v", before, plan.Record)
	}
}

func TestOutputOnlyMetadataIsIgnored(t *testing.T) {
	h := begin(t, `{}`)
	app := applicationWith(t, `{}`)
	app.Metadata.Uid, app.Kind = "another", "FlinkApplication"
	if plan := h.next(app, nil); plan.Changed {
		t.Error("it counts as changed")
	}
}

func TestStartingAgainBeginsAnInstanceOfTheSameSpecification(t *testing.T) {
	h := begin(t, `{}`)
	first := h.record
	if plan := h.write(suspended); plan.Instance != nil || plan.Record.GetInstance() != first.GetInstance() {
		t.Fatalf("suspending makes %v of %v", plan.Record, first)
	}
	second := h.write(`{}`)
	if second.Instance == nil || second.Record.GetInstance() == first.GetInstance() {
		t.Errorf("starting makes %v of %v", second.Record, first)
	}
	if second.Record.GetEffectiveHash() != first.GetEffectiveHash() {
		t.Error("the effective specification is another")
	}
	if second.Record.GetGeneration() != 3 {
		t.Errorf("the generation is %d", second.Record.GetGeneration())
	}
}

func TestInvalidDefaultsAreRejected(t *testing.T) {
	h := begin(t, `{}`)
	for name, test := range map[string]struct{ defaults, after string }{
		"running":                        {`{"spec":{"serviceAccount":""}}`, `{}`},
		"suspended, but changed as well": {`{"spec":{"serviceAccount":""}}`, `{"image":"i","job":{"state":"suspended"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := next(environmentWith(test.defaults), h.record, applicationWith(t, test.after), nil, nil, nil)
			var refused *apierror.Error
			if !errors.As(err, &refused) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestNewApplicationsAreCheckedEvenIfSuspended(t *testing.T) {
	app := &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: suspended}}
	_, err := next(environmentWith(""), nil, app, nil, nil, nil)
	var refused *apierror.Error
	if !errors.As(err, &refused) {
		t.Errorf("the error is %v", err)
	}
}

func TestUnreadableRecordsAreErrors(t *testing.T) {
	broken := &cmfv1.JsonObject{Json: "{"}
	for name, plan := range map[string]func() (application.Plan, error){
		"the one before": func() (application.Plan, error) {
			record := &storev1.ApplicationRecord{Application: &cmfv1.FlinkApplication{Spec: broken}}
			return next(environmentWith(""), record, applicationWith(t, `{}`), nil, nil, nil)
		},
		"the defaults": func() (application.Plan, error) {
			return next(environmentWith("{"), nil, applicationWith(t, `{}`), nil, nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan()
			var refused *apierror.Error
			if err == nil || errors.As(err, &refused) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestNextSeesWhatIsInForce: what the operator would refuse because of what it
// carried out last, a start from a savepoint being no such thing.
func TestNextSeesWhatIsInForce(t *testing.T) {
	inForce := openjson.Object{"mode": "native", "job": openjson.Object{"state": "running"}}
	redeploys := begin(t, `{}`)
	for name, test := range map[string]struct {
		after  string
		start  *storev1.SavepointStart
		wanted bool
	}{
		"another mode":              {after: `{"mode":"standalone"}`},
		"a redeploy from nowhere":   {after: `{"job":{"savepointRedeployNonce":1}}`},
		"a redeploy by Weir":        {after: fromPath, wanted: true},
		"a redeploy beside a start": {after: `{"job":{"savepointRedeployNonce":1}}`, start: &storev1.SavepointStart{Path: "s3://sp/1"}, wanted: true},
		"suspended only":            {after: suspended, wanted: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := next(redeploys.env, redeploys.record, applicationWith(t, test.after), test.start, inForce, nil)
			var refused *apierror.Error
			if test.wanted && err != nil || !test.wanted && !errors.As(err, &refused) {
				t.Errorf("got %v", err)
			}
		})
	}
}
