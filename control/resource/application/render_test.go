package application_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest/manifesttest"
	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

const (
	spec = `{
		"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink",
		"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"},
		"job":{"jarURI":"local:///opt/flink/examples/streaming/StateMachineExample.jar","parallelism":3,"state":"running","upgradeMode":"savepoint"}
	}`
	sidecar = `{
		"flinkVersion":"v1_20","serviceAccount":"flink","job":{"parallelism":1},
		"podTemplate":{
			"metadata":{"labels":{"team":"payments"},"annotations":{"example.com/note":"kept"}},
			"spec":{"containers":[
				{"name":"flink-main-container","volumeMounts":[{"name":"logs","mountPath":"/logs"}]},
				{"name":"shipper","image":"fluent-bit:3","args":["-c","<conf> & more"]}
			],"volumes":[{"name":"logs","emptyDir":{}}]}
		}
	}`
	numbers = `{
		"flinkVersion":"v1_20","serviceAccount":"flink","restartNonce":9223372036854775807,
		"flinkConfiguration":{"a":1.0,"b":1E+2,"c":123456789012345678901234567890},
		"job":{"parallelism":1,"savepointRedeployNonce":9007199254740993}
	}`
	defaults = `{
		"metadata":{"annotations":{"example.com/owner":"platform","example.com/tier":"gold"}},
		"spec":{"serviceAccount":"payments","flinkConfiguration":{"state":{"backend":{"type":"rocksdb"}},"taskmanager.numberOfTaskSlots":4}}
	}`
)

func environment(defaults string) *cmfv1.Environment {
	env := &cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge"}
	if defaults != "" {
		env.FlinkApplicationDefaults = &cmfv1.JsonObject{Json: defaults}
	}
	return env
}

func record(spec string) *storev1.ApplicationRecord {
	return &storev1.ApplicationRecord{
		Generation: 7,
		Application: &cmfv1.FlinkApplication{
			Metadata: &cmfv1.ObjectMeta{Name: "orders", Uid: "0b9c6f0e-9d5e-4a53-9a3e-7a3d2f0c1b2a"},
			Spec:     &cmfv1.JsonObject{Json: spec},
		},
	}
}

// instance is one that began with the environment and the application given.
func instance(t testing.TB, env *cmfv1.Environment, record *storev1.ApplicationRecord) *cmfv1.FlinkApplicationInstance {
	t.Helper()
	own, err := openjson.Parse(record.GetApplication().GetSpec())
	if err != nil {
		t.Fatal(err)
	}
	enforced, err := openjson.Parse(env.GetFlinkApplicationDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return &cmfv1.FlinkApplicationInstance{
		Metadata: &cmfv1.ObjectMeta{Name: "01980d2e-7c1a-7e1f-8f5b-3f6f6f6f6f6f"},
		Status:   &cmfv1.ApplicationInstanceStatus{Spec: openjson.Format(flinkspec.Effective(own, enforced))},
	}
}

type rendering struct {
	env      *cmfv1.Environment
	record   *storev1.ApplicationRecord
	instance *cmfv1.FlinkApplicationInstance
}

func renderings(t testing.TB) map[string]rendering {
	running := func(env *cmfv1.Environment, record *storev1.ApplicationRecord) rendering {
		return rendering{env, record, instance(t, env, record)}
	}
	marked := record(spec)
	marked.Application.Metadata.Labels = map[string]string{"team": "payments"}
	marked.Application.Metadata.Annotations = map[string]string{"example.com/owner": "payments", "example.com/note": "<text>"}

	fromSavepoint := record(spec)
	fromSavepoint.Start = &storev1.SavepointStart{Path: "s3://savepoints/1", Nonce: 9007199254740993, AllowNonRestoredState: true}

	resumed := running(environment(""), fromSavepoint)
	resumed.record = proto.CloneOf(fromSavepoint)
	resumed.record.Instance = resumed.instance.GetMetadata().GetName()
	resumed.record.Suspension = &storev1.Suspension{Savepoint: "s3://savepoints/2", Instance: resumed.record.GetInstance()}

	suspended := running(environment(""), record(spec))
	suspended.record = record(strings.Replace(spec, `"state":"running"`, `"state":"suspended"`, 1))

	changedSince := running(environment(""), record(spec))
	changedSince.env = environment(defaults)

	longNamed := running(environment(""), record(spec))
	longNamed.env.Name = strings.Repeat("long.", 13) + "name"
	return map[string]rendering{
		"new":                      running(environment(""), record(spec)),
		"suspended-never-run":      {environment(defaults), record(strings.Replace(spec, "running", "suspended", 1)), nil},
		"suspended":                suspended,
		"from-savepoint":           running(environment(""), fromSavepoint),
		"resumed":                  resumed,
		"environment-defaults":     running(environment(defaults), marked),
		"defaults-changed-since":   changedSince,
		"sidecar":                  running(environment(""), record(sidecar)),
		"large-numbers":            running(environment(""), record(numbers)),
		"environment-name-is-long": longNamed,
	}
}

func (r rendering) render() (*agentv1.Apply, error) {
	var instance *store.Object[*cmfv1.FlinkApplicationInstance]
	if r.instance != nil {
		instance = store.NewObject("prod/orders/1", r.instance)
	}
	return application.Render(store.NewObject("prod", r.env), store.NewObject("prod/orders", r.record), instance)
}

func (r rendering) apply(t testing.TB) *agentv1.Apply {
	t.Helper()
	apply, err := r.render()
	if err != nil {
		t.Fatal(err)
	}
	return apply
}

// TestApplication: go test ./control/resource/application -update writes the golden files.
func TestApplication(t *testing.T) {
	for name, r := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			apply := r.apply(t)
			manifesttest.Golden(t, name, apply)
		})
	}
}

// checkGolden holds a manifest against the file of its name.
func TestApplicationHasItsObjectReference(t *testing.T) {
	apply := renderings(t)["new"].apply(t)
	apply.Manifest, apply.Hash = "", ""
	want := &agentv1.Apply{
		Ref:      &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "orders"},
		OwnerUid: "0b9c6f0e-9d5e-4a53-9a3e-7a3d2f0c1b2a", Generation: 7,
	}
	if difference := cmp.Diff(want, apply, protocmp.Transform()); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}

// The agent is sent only what differs, so the same records must give the same
// bytes, and other ones another hash.
func TestRenderingIsDeterministicAndChangesNothing(t *testing.T) {
	hashes := map[string]string{}
	for name, r := range renderings(t) {
		before := []proto.Message{proto.Clone(r.env), proto.Clone(r.record), proto.Clone(r.instance)}
		first := r.apply(t)
		for range 20 {
			if again := r.apply(t); !proto.Equal(first, again) {
				t.Fatalf("%s: %v, then %v", name, first, again)
			}
		}
		if difference := cmp.Diff(before, []proto.Message{r.env, r.record, r.instance}, protocmp.Transform()); difference != "" {
			t.Errorf("%s: the records have changed:\n%s", name, difference)
		}
		if other, taken := hashes[first.GetHash()]; taken {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		hashes[first.GetHash()] = name
	}
}

func TestInvalidApplicationIsNotRendered(t *testing.T) {
	broken := &cmfv1.JsonObject{Json: "{"}
	for name, r := range map[string]rendering{
		"specification":                    {environment(""), &storev1.ApplicationRecord{Application: &cmfv1.FlinkApplication{Spec: broken}}, nil},
		"defaults":                         {environment("{"), record(spec), nil},
		"instance":                         {environment(""), record(spec), &cmfv1.FlinkApplicationInstance{Status: &cmfv1.ApplicationInstanceStatus{Spec: broken}}},
		"instance without a specification": {environment(""), record(spec), &cmfv1.FlinkApplicationInstance{}},
		"instance whose specification is not an object": {environment(""), record(spec), &cmfv1.FlinkApplicationInstance{Status: &cmfv1.ApplicationInstanceStatus{Spec: &cmfv1.JsonObject{Json: "null"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if apply, err := r.render(); err == nil {
				t.Errorf("it is %v", apply)
			}
		})
	}
}
