package driver

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

// connectAs begins a session of an installation.
func (w *env) connectAs(installation string, epoch int64) *testSession {
	w.t.Helper()
	s := w.start()
	s.hello()
	s.welcomeOf(installation, epoch, false)
	s.Synced()
	return s
}

// existing is a FlinkDeployment that somebody else created from a manifest.
func (w *env) existing(text string) *unstructured.Unstructured {
	w.t.Helper()
	var content map[string]any
	if err := kjson.Unmarshal([]byte(text), &content); err != nil {
		w.t.Fatal(err)
	}
	return w.createObject(deployments, content)
}

func TestTwoInstallationsLeaveEachOthersObjectsAlone(t *testing.T) {
	w := newEnv(t)
	one := w.connectAs("one", 1)
	one.applyDeployment("app", "u1", 1, manifest("app", 1))
	one.reports.applied("app", 1)

	two := w.connectAs("two", 9000)
	writes := w.writes.Load()
	one.applyDeployment("app", "u1", 2, manifest("app", 7))
	one.reports.applied("app", 2)
	two.awaitCached("app", func(o *unstructured.Unstructured) bool { return parallelism(o) == 7 })

	two.applyDeployment("app", "u2", 1, manifest("app", 3))
	refused := two.reports.ack("app", isRefused, ReasonOtherInstallation)
	if want := `FlinkDeployment default/app already exists on cluster "edge" and belongs to another Weir installation (one)`; !strings.Contains(refused.GetMessage(), want) {
		t.Errorf("the message is %q; want it to say %q", refused.GetMessage(), want)
	}
	two.deleteDeployment("app", "u1") // which is not the owner that it knows
	two.reports.deleted("app", "u1")
	o := w.get("app")
	if o == nil || parallelism(o) != 7 {
		t.Fatalf("the object is %v", o)
	}
	if made := w.writes.Load() - writes; made != 1 {
		t.Errorf("%d writes were sent; want one, of the installation that owns the object", made)
	}
}

func TestAnObjectOfAnotherInstallationIsNotRepaired(t *testing.T) {
	w := newEnv(t)
	one := w.connectAs("one", 1)
	one.applyDeployment("app", "u1", 1, manifest("app", 1))
	one.reports.applied("app", 1)
	one.stop()

	two := w.start()
	if held := two.hello().GetHeld(); len(held) != 1 || held[0].GetInstallation() != "one" {
		t.Fatalf("Hello lists %v; want one object of installation one", held)
	}
	two.welcomeOf("two", 9000, false)
	two.Synced()
	w.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
	two.awaitCached("app", func(o *unstructured.Unstructured) bool { return parallelism(o) == 9 })
	two.flush()
	if got := parallelism(w.get("app")); got != 9 {
		t.Errorf("parallelism is %d; want 9, as it was edited", got)
	}
}

// Objects of releases before installations were marked get the mark, and that is
// all.
func TestTheMarkOfTheInstallationIsAdded(t *testing.T) {
	w := newEnv(t)
	before := w.connectAs("", 1)
	before.applyDeployment("app", "u1", 1, manifest("app", 1))
	before.reports.applied("app", 1)
	before.stop()
	generation := w.get("app").GetGeneration()

	after := w.connectAs("one", 2)
	await.Until(t, "the object is marked", func() bool { return w.get("app").GetAnnotations()[InstallationAnnotation] == "one" })
	if got := w.get("app").GetGeneration(); got != generation {
		t.Errorf("metadata.generation is %d; want %d: the specification must not change", got, generation)
	}
	after.flush()
	if _, _, events := after.reports.count(); events != 0 {
		t.Error("the mark was reported as drift")
	}
}

// A control plane that was rebuilt on an empty etcd knows the same resources by
// other uids.
func TestARunningJobIsNeverDeletedToMakeRoom(t *testing.T) {
	w := newEnv(t)
	lost := w.connect()
	lost.applyDeployment("same", "u1", 7, manifest("same", 2))
	lost.applyDeployment("other", "u1", 7, manifest("other", 2))
	lost.reports.applied("same", 7)
	lost.reports.applied("other", 7)
	lost.stop()
	same, other := w.get("same"), w.get("other")

	rebuilt := w.start()
	rebuilt.hello()
	rebuilt.Welcome(2, false)
	rebuilt.applyDeployment("same", "v1", 1, manifest("same", 2))
	rebuilt.applyDeployment("other", "v2", 1, manifest("other", 3))
	rebuilt.Synced()
	rebuilt.reports.applied("same", 1)
	if now := w.get("same"); now.GetUID() != same.GetUID() || now.GetGeneration() != same.GetGeneration() || now.GetAnnotations()[OwnerAnnotation] != "v1" {
		t.Errorf("the object that is as desired was not taken over as it is: %v", now)
	}
	refused := rebuilt.reports.ack("other", isRefused, ReasonOtherOwner)
	for _, want := range []string{"uid u1", `weir.dev/adopt: "true"`, "delete the object"} {
		if !strings.Contains(refused.GetMessage(), want) {
			t.Errorf("the message is %q; want it to say %q", refused.GetMessage(), want)
		}
	}
	if now := w.get("other"); now.GetResourceVersion() != other.GetResourceVersion() {
		t.Error("the object that differs was touched")
	}
}

func TestASecretOfAnotherOwnerIsUpdated(t *testing.T) {
	s := newEnv(t).connect()
	s.Apply(&agentv1.Apply{Ref: secretRef("login"), OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: secretManifest})
	s.reports.applied("login", 1)
	s.Apply(&agentv1.Apply{Ref: secretRef("login"), OwnerUid: "u2", Generation: 2, Hash: "h2", Manifest: strings.Replace(secretManifest, "hunter2", "hunter3", 1)})
	s.reports.applied("login", 2)
	if owner := s.read(secrets, "login").GetAnnotations()[OwnerAnnotation]; owner != "u2" {
		t.Errorf("the owner is %s", owner)
	}
}

func TestARefusalDescribesWhatWasFound(t *testing.T) {
	w := newEnv(t)
	theirs := w.existing(manifest("app", 5))
	s := w.connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	found := s.reports.ack("app", isRefused, ReasonNotOwned).GetFound()
	want := &agentv1.FoundObject{ObjectUid: string(theirs.GetUID()), ObjectGeneration: theirs.GetGeneration()}
	if diff := cmp.Diff(want, found, protocmp.Transform(), protocmp.IgnoreFields(want, "spec")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(found.GetSpec(), `"parallelism":5`) {
		t.Errorf("the specification is %s", found.GetSpec())
	}
}

func TestAnObjectIsAdoptedAsTheRefusalDescribedIt(t *testing.T) {
	w := newEnv(t)
	theirs := w.existing(manifest("app", 2))
	s := w.connect()
	adopt := func(generation, objectGeneration int64, text string) {
		s.Apply(&agentv1.Apply{
			Ref: deploymentRef("app"), OwnerUid: "u1", Generation: generation, Hash: text, Manifest: text,
			Adopt: &agentv1.Adopt{ObjectUid: string(theirs.GetUID()), ObjectGeneration: objectGeneration},
		})
	}
	adopt(1, theirs.GetGeneration()+1, manifest("app", 2)) // another version of it
	s.reports.ack("app", isRefused, ReasonNotOwned)

	adopt(2, theirs.GetGeneration(), manifest("app", 2))
	s.reports.applied("app", 2)
	now := w.get("app")
	if m, _ := marksOf(now); m.owner != "u1" || m.installation != installation {
		t.Errorf("the marks are %+v", m)
	}
	if now.GetUID() != theirs.GetUID() || now.GetGeneration() != theirs.GetGeneration() {
		t.Error("adopting an object that is as desired changed its specification")
	}
	if _, _, events := s.reports.count(); events != 0 {
		t.Error("the adoption was reported as drift")
	}
	// It is the agent's from now on.
	w.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
	s.reports.event("app", "DriftRepaired")
}

func TestAnObjectThatDiffersIsChangedWhenItIsAdopted(t *testing.T) {
	w := newEnv(t)
	other := w.connectAs("other", 5)
	other.applyDeployment("app", "x", 3, manifest("app", 5))
	other.reports.applied("app", 3)
	theirs := w.get("app")

	s := w.connect()
	s.Apply(&agentv1.Apply{
		Ref: deploymentRef("app"), OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: manifest("app", 2),
		Adopt: &agentv1.Adopt{ObjectUid: string(theirs.GetUID()), ObjectGeneration: theirs.GetGeneration()},
	})
	s.reports.applied("app", 1)
	if now := w.get("app"); now.GetUID() != theirs.GetUID() || parallelism(now) != 2 {
		t.Errorf("the object is %v", now.Object["spec"])
	}
	// The installation that it was taken from yields.
	other.applyDeployment("app", "x", 4, manifest("app", 6))
	other.reports.ack("app", isRefused, ReasonOtherInstallation)
}

// adopt sends an Apply that takes over an object as it is, and waits until it is done.
func (s *testSession) adopt(owner string, generation int64, o *unstructured.Unstructured) {
	s.t.Helper()
	s.sendAdopt(owner, generation, o)
	s.reports.applied(o.GetName(), generation)
}

func (s *testSession) sendAdopt(owner string, generation int64, o *unstructured.Unstructured) {
	s.Apply(&agentv1.Apply{
		Ref: deploymentRef(o.GetName()), OwnerUid: owner, Generation: generation, Hash: "h", Manifest: manifest(o.GetName(), 2),
		Adopt: &agentv1.Adopt{ObjectUid: string(o.GetUID()), ObjectGeneration: o.GetGeneration()},
	})
}

func TestOfTwoInstallationsThatAdoptAnObjectTheLaterOneKeepsIt(t *testing.T) {
	w := newEnv(t)
	theirs := w.existing(manifest("app", 2))
	one, two := w.connectAs("one", 1), w.connectAs("two", 9000)
	one.adopt("u1", 2, theirs)
	two.adopt("u2", 2, theirs)
	one.reports.ack("app", isRefused, ReasonOtherInstallation)
	writes := w.writes.Load()
	// In the next session the control plane may not know yet that it was adopted.
	one.reports.reset()
	one.hello()
	one.welcomeOf("one", 2, false)
	one.sendAdopt("u1", 2, theirs)
	one.Synced()
	one.reports.ack("app", isRefused, ReasonOtherInstallation)
	two.flush()
	if m, _ := marksOf(w.get("app")); m.installation != "two" || m.owner != "u2" {
		t.Errorf("the marks are %+v", m)
	}
	if made := w.writes.Load() - writes; made != 1 { // that of flush
		t.Errorf("%d writes were sent; want one", made)
	}
}

// Only a new decision of the control plane takes an object back, even one that is as
// the agent last applied it.
func TestALaterGenerationAdoptsAnObjectAgain(t *testing.T) {
	w := newEnv(t)
	theirs := w.existing(manifest("app", 2))
	one, two := w.connectAs("one", 1), w.connectAs("two", 9000)
	one.adopt("u1", 2, theirs)
	two.adopt("u2", 2, theirs)
	one.reports.ack("app", isRefused, ReasonOtherInstallation)
	one.adopt("u1", 3, theirs)
	two.reports.ack("app", isRefused, ReasonOtherInstallation)
	if m, _ := marksOf(w.get("app")); m.installation != "one" {
		t.Errorf("the marks are %+v", m)
	}
}

// It may be an orphan, which the control plane says before Synced.
func TestAnObjectThatOnlyHelloListsIsLeftAloneUntilSynced(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	first.applyDeployment("app", "u1", 1, manifest("app", 1))
	first.reports.applied("app", 1)
	first.stop()
	w.edit("app", `{"spec":{"job":{"parallelism":9}}}`)

	restarted := w.start()
	for epoch := int64(2); epoch < 4; epoch++ {
		restarted.hello()
		restarted.Welcome(epoch, false)
		restarted.flush()
		if got := parallelism(w.get("app")); got != 9 {
			t.Fatalf("before Synced of session %d, parallelism is %d; it was repaired", epoch, got)
		}
		if epoch == 2 {
			restarted.Disconnected(false) // before Synced
		}
	}
	restarted.Synced()
	restarted.reports.event("app", "DriftRepaired")
}

// An orphan can be deleted on the cluster, and edited.
func TestAnOrphanIsLeftAlone(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	first.applyDeployment("app", "u1", 1, manifest("app", 1))
	first.reports.applied("app", 1)
	first.stop()

	restored := w.start()
	if held := restored.hello().GetHeld(); len(held) != 1 {
		t.Fatalf("Hello lists %v", held)
	}
	restored.Welcome(2, false)
	restored.Orphan(&agentv1.Orphan{Ref: deploymentRef("app"), OwnerUid: "u1"})
	restored.Synced()
	w.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
	restored.awaitCached("app", func(o *unstructured.Unstructured) bool { return parallelism(o) == 9 })
	restored.flush()
	unchanged := func(when string) {
		t.Helper()
		if got := parallelism(w.get("app")); got != 9 {
			t.Errorf("%s, parallelism is %d; the edit was reverted", when, got)
		}
	}
	unchanged("in the session that named it an orphan")

	// The next session names it once more, unless the control plane has a record again.
	held := restored.hello().GetHeld()
	if i := slices.IndexFunc(held, func(h *agentv1.HeldObject) bool { return h.GetRef().GetName() == "app" }); i < 0 || held[i].GetHash() != "" {
		t.Errorf("Hello lists %v; want the orphan without a hash", held)
	}
	restored.queue.Add(keyOf(deploymentRef("app")))
	restored.flush()
	unchanged("after the next Hello")
	restored.Welcome(3, false)
	restored.flush()
	unchanged("while the next session begins")
	restored.Synced()
	restored.flush()
	unchanged("in the next session")

	w.delete(deployments, "app")
	await.Until(t, "the driver has seen the deletion", func() bool { return restored.cached(keyOf(deploymentRef("app"))) == nil })
	restored.flush()
	if w.get("app") != nil {
		t.Error("the object is back")
	}

	restored.hello()
	restored.flush()
	if w.get("app") != nil {
		t.Error("the object is back after the next Hello")
	}

	t.Run("and is deleted on request", func(t *testing.T) {
		w.existing(strings.Replace(manifest("orphan", 1), `"labels":{"team":"a"}`,
			`"labels":{"app.kubernetes.io/managed-by":"weir"},"annotations":{"weir.dev/owner-uid":"gone"}`, 1))
		restored.deleteDeployment("orphan", "gone")
		restored.reports.deleted("orphan", "gone")
		if w.get("orphan") != nil {
			t.Error("the object is still there")
		}
	})
}
