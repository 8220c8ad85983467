package driver

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

const (
	isRefused  = agentv1.Outcome_OUTCOME_REFUSED
	isRetrying = agentv1.Outcome_OUTCOME_RETRYING
)

func parallelism(o *unstructured.Unstructured) int64 {
	n, _, _ := unstructured.NestedInt64(o.Object, "spec", "job", "parallelism")
	return n
}

func TestAnApplyMakesTheObjectWithTheAgentsMarks(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 3, manifest("app", 2))
	s.reports.applied("app", 3)

	o := s.get("app")
	if got := parallelism(o); got != 2 {
		t.Errorf("parallelism is %d; want 2", got)
	}
	wantLabels := map[string]string{"team": "a", ManagedByLabel: ManagedBy}
	if diff := cmp.Diff(wantLabels, o.GetLabels()); diff != "" {
		t.Errorf("labels, -want +got:\n%s", diff)
	}
	m, _ := marksOf(o)
	if m.owner != "u1" || m.generation != 3 || m.epoch != 1 || m.hash == "" {
		t.Errorf("the marks are %+v", m)
	}
	if got := o.GetAnnotations()[LastAppliedAnnotation]; got != manifest("app", 2) {
		t.Errorf("last applied is %s", got)
	}
	if got := o.GetManagedFields()[0]; got.Manager != FieldManager || got.Operation != metav1.ManagedFieldsOperationApply {
		t.Errorf("the object was written by %s with %s", got.Manager, got.Operation)
	}
}

func TestAnApplyOfANewerGenerationChangesTheObject(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	changed := strings.Replace(manifest("app", 4), `"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"1"},`, "", 1)
	s.applyDeployment("app", "u1", 2, changed)
	s.reports.applied("app", 2)

	o := s.get("app")
	if got := parallelism(o); got != 4 {
		t.Errorf("parallelism is %d; want 4", got)
	}
	if _, there, _ := unstructured.NestedMap(o.Object, "spec", "flinkConfiguration"); there {
		t.Error("a field that the manifest no longer has is still there")
	}
}

func TestTheSameApplyAgainWritesNothing(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	before, writes := s.get("app").GetResourceVersion(), s.writes.Load()
	s.reports.reset()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	if after := s.get("app").GetResourceVersion(); after != before {
		t.Errorf("the object went from version %s to %s", before, after)
	}
	if made := s.writes.Load() - writes; made != 0 {
		t.Errorf("the driver sent %d writes; want none", made)
	}
}

func TestAnApplyOfAnOlderGenerationIsIgnored(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 5, manifest("app", 5))
	s.reports.applied("app", 5)
	s.applyDeployment("app", "u1", 4, manifest("app", 4))
	s.flush()
	if got := parallelism(s.get("app")); got != 5 {
		t.Errorf("parallelism is %d; want 5, of the newer generation", got)
	}
	// And it is the newer generation that the agent keeps.
	s.edit("app", `{"spec":{"job":{"parallelism":1}}}`)
	s.reports.event("app", "DriftRepaired")
	if got := parallelism(s.get("app")); got != 5 {
		t.Errorf("parallelism was put back to %d; want 5", got)
	}
}

func TestOfManyAppliesTheNewestWins(t *testing.T) {
	s := newEnv(t).connect()
	for i := 1; i <= 50; i++ {
		s.applyDeployment("app", "u1", int64(i), manifest("app", i))
	}
	s.reports.applied("app", 50)
	if got := parallelism(s.get("app")); got != 50 {
		t.Errorf("parallelism is %d; want 50", got)
	}
}

func TestAnObjectThatIsNotOwnedIsRefused(t *testing.T) {
	w := newEnv(t)
	theirs := w.createObject(deployments, map[string]any{
		"apiVersion": flinkVersion.String(), "kind": "FlinkDeployment",
		"metadata": map[string]any{"name": "app"}, "spec": map[string]any{"image": "theirs"},
	})
	s := w.connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	a := s.reports.ack("app", isRefused, ReasonNotOwned)
	if want := `FlinkDeployment default/app already exists on cluster "edge" and was not created by Weir`; !strings.Contains(a.GetMessage(), want) {
		t.Errorf("the message is %q; want it to say %q", a.GetMessage(), want)
	}
	if got := s.get("app").GetResourceVersion(); got != theirs.GetResourceVersion() {
		t.Error("the object was touched")
	}
	// Once it is out of the way, the Apply is carried out.
	s.delete(deployments, "app")
	s.reports.applied("app", 1)
}

func TestAnObjectOfAPreviousOwnerIsReplacedOnceItIsDeleted(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 7, manifest("app", 7))
	s.reports.applied("app", 7)
	old := s.get("app").GetUID()
	s.deleteDeployment("app", "u1")
	s.applyDeployment("app", "u2", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	if o := s.get("app"); o.GetUID() == old || parallelism(o) != 1 {
		t.Errorf("the object is still the earlier one, or not what the new owner wants: %v", o.Object["spec"])
	}
	if _, _, events := s.reports.count(); events != 0 {
		t.Error("the replacement was reported as drift")
	}
}

func TestAnApplyWaitsForATerminatingObject(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.edit("app", `{"metadata":{"finalizers":["flinkdeployments.flink.apache.org/finalizer"]}}`)
	s.delete(deployments, "app")
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	a := s.reports.ack("app", isRetrying, ReasonTerminating)
	for _, want := range []string{"Flink Kubernetes Operator", "check that the operator is running", "flinkdeployments.flink.apache.org/finalizer"} {
		if !strings.Contains(a.GetMessage(), want) {
			t.Errorf("the message is %q; want it to say %q", a.GetMessage(), want)
		}
	}
	old := s.get("app").GetUID()
	s.edit("app", `{"metadata":{"finalizers":null}}`)
	s.reports.applied("app", 2)
	if s.get("app").GetUID() == old {
		t.Error("the object is still the one that was terminating")
	}
}

func TestAnObjectOfANewerSessionIsNotWritten(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.edit("app", `{"metadata":{"annotations":{"weir.dev/epoch":"9"}}}`)
	before := s.get("app").GetResourceVersion()
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	a := s.reports.ack("app", isRetrying, ReasonSuperseded)
	if !strings.Contains(a.GetMessage(), "session 9") || !strings.Contains(a.GetMessage(), "session 1") {
		t.Errorf("the message does not name both sessions: %q", a.GetMessage())
	}
	if got := s.get("app").GetResourceVersion(); got != before {
		t.Error("the object was touched")
	}
	s.Delete(&agentv1.Delete{Ref: deploymentRef("app"), OwnerUid: "u1"})
	s.flush()
	if s.get("app") == nil {
		t.Error("the object was deleted")
	}
}

// A newer session may apply an object after the driver has read it and before it
// writes.
func TestAnObjectThatANewerSessionAppliesMeanwhileIsNotWritten(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	var once sync.Once
	w.injectFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/flinkdeployments/") {
			once.Do(func() {
				if _, err := w.in(deployments).Patch(r.Context(), "app", types.MergePatchType,
					[]byte(`{"metadata":{"annotations":{"weir.dev/epoch":"9"}}}`), metav1.PatchOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		return false
	})
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	s.reports.ack("app", isRetrying, ReasonSuperseded)
	if got := parallelism(w.get("app")); got != 1 {
		t.Errorf("parallelism is %d; want 1, as the newer session has it", got)
	}
}

func TestAnOlderSessionCannotOverwriteWhatANewerOneApplied(t *testing.T) {
	w := newEnv(t)
	older := w.connect()
	older.applyDeployment("app", "u1", 1, manifest("app", 1))
	older.reports.applied("app", 1)
	newer := w.start()
	newer.hello()
	newer.Welcome(2, false)
	newer.Synced()
	newer.applyDeployment("app", "u1", 3, manifest("app", 3))
	newer.reports.applied("app", 3)
	// The older agent does not know yet, and is even told to apply.
	older.applyDeployment("app", "u1", 4, manifest("app", 4))
	older.reports.ack("app", isRetrying, ReasonSuperseded)
	if got := parallelism(w.get("app")); got != 3 {
		t.Errorf("parallelism is %d; want 3, of the newer session", got)
	}
}

func TestWhatCannotBeAppliedIsRefused(t *testing.T) {
	tests := map[string]struct {
		ref              *agentv1.ObjectRef
		manifest         string
		reason, mentions string
	}{
		"no JSON":              {deploymentRef("app"), "nonsense", ReasonInvalid, "not a JSON object"},
		"not an object":        {deploymentRef("app"), "[]", ReasonInvalid, "not a JSON object"},
		"metadata of nonsense": {deploymentRef("app"), `{"metadata":1}`, ReasonInvalid, "metadata of the manifest is not an object"},
		"another name":         {deploymentRef("app"), manifest("other", 1), ReasonInvalid, "FlinkDeployment default/other"},
		"a wrong value": {
			deploymentRef("app"), strings.Replace(manifest("app", 1), "stateless", "careless", 1),
			ReasonInvalid, "spec.job.upgradeMode",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newEnv(t).connect()
			s.Apply(&agentv1.Apply{Ref: test.ref, OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: test.manifest})
			a := s.reports.ack("app", isRefused, test.reason)
			if !strings.Contains(a.GetMessage(), test.mentions) {
				t.Errorf("the message is %q; want it to say %q", a.GetMessage(), test.mentions)
			}
			// A better one is carried out.
			s.applyDeployment("app", "u1", 2, manifest("app", 2))
			s.reports.applied("app", 2)
		})
	}
}

func TestASecretIsAppliedWithoutACopyOfItselfInItsMarks(t *testing.T) {
	s := newEnv(t).connect()
	s.Apply(&agentv1.Apply{Ref: secretRef("login"), OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: secretManifest})
	s.reports.applied("login", 1)
	o := s.read(secrets, "login")
	if got, _, _ := unstructured.NestedString(o.Object, "data", "password"); got != "aHVudGVyMg==" {
		t.Errorf("data.password is %q", got)
	}
	if _, there := o.GetAnnotations()[LastAppliedAnnotation]; there {
		t.Error("the Secret's content is in an annotation too")
	}
}
