package driver

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func TestDriftIsRepaired(t *testing.T) {
	tests := map[string]struct {
		patch   string
		mention []string
		right   func(o *unstructured.Unstructured) bool
	}{
		"a value": {
			`{"spec":{"job":{"parallelism":9}}}`,
			[]string{"spec.job.parallelism was changed to 9 and has been restored to 2"},
			func(o *unstructured.Unstructured) bool { return parallelism(o) == 2 },
		},
		"a field removed": {
			`{"spec":{"image":null}}`,
			[]string{`spec.image was removed and has been restored to "flink:2.2"`},
			func(o *unstructured.Unstructured) bool {
				image, _, _ := unstructured.NestedString(o.Object, "spec", "image")
				return image == "flink:2.2"
			},
		},
		"a field added, as kubectl scale does": {
			`{"spec":{"taskManager":{"replicas":4}}}`,
			[]string{`spec.taskManager was set to {"replicas":4} and has been removed`},
			func(o *unstructured.Unstructured) bool {
				_, there, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "taskManager")
				return !there
			},
		},
		"a key with dots": {
			`{"spec":{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"8","state.backend.type":"rocksdb"}}}`,
			[]string{
				`spec.flinkConfiguration["taskmanager.numberOfTaskSlots"] was changed to "8" and has been restored to "1"`,
				`spec.flinkConfiguration["state.backend.type"] was set to "rocksdb" and has been removed`,
			},
			func(o *unstructured.Unstructured) bool {
				c, _, _ := unstructured.NestedMap(o.Object, "spec", "flinkConfiguration")
				return len(c) == 1 && c["taskmanager.numberOfTaskSlots"] == "1"
			},
		},
		"a secret in the configuration": {
			`{"spec":{"flinkConfiguration":{"s3.secret-key":"hunter2"}}}`,
			[]string{`spec.flinkConfiguration["s3.secret-key"] was set to (hidden) and has been removed`},
			func(o *unstructured.Unstructured) bool {
				c, _, _ := unstructured.NestedMap(o.Object, "spec", "flinkConfiguration")
				return len(c) == 1
			},
		},
		"the label that the agent knows its objects by": {
			`{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`,
			[]string{`metadata.labels["app.kubernetes.io/managed-by"] was removed`},
			func(o *unstructured.Unstructured) bool { return o.GetLabels()[ManagedByLabel] == ManagedBy },
		},
		"all marks": {
			`{"metadata":{"labels":null,"annotations":null}}`,
			[]string{"weir.dev/owner-uid", "restored"},
			func(o *unstructured.Unstructured) bool {
				m, _ := marksOf(o)
				return m.owner == "u1" && m.epoch == 1 && o.GetLabels()["team"] == "a"
			},
		},
		"another owner's mark": {
			`{"metadata":{"annotations":{"weir.dev/owner-uid":"thief"}}}`,
			[]string{`was changed to "thief" and has been restored to "u1"`},
			func(o *unstructured.Unstructured) bool {
				m, _ := marksOf(o)
				return m.owner == "u1"
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newEnv(t).connect()
			s.applyDeployment("app", "u1", 1, manifest("app", 2))
			s.reports.applied("app", 1)
			// A watch that begins later would not show an object without the label.
			s.awaitCached("app", func(*unstructured.Unstructured) bool { return true })
			uid := s.get("app").GetUID()
			changed := s.edit("app", test.patch)
			await.Until(s.t, "the object is repaired", func() bool { return test.right(s.get("app")) })
			e := s.reports.event("app", "DriftRepaired")
			for _, want := range test.mention {
				if !strings.Contains(e.GetMessage(), want) {
					t.Errorf("the message is %q; want it to say %q", e.GetMessage(), want)
				}
			}
			if e.GetSource() != agentv1.EventSource_EVENT_SOURCE_DRIFT || e.GetType() != "Warning" || e.GetOwnerUid() != "u1" {
				t.Errorf("the event is %v", e)
			}
			if want := string(uid) + "/" + changed.GetResourceVersion(); e.GetId() != want {
				t.Errorf("the event's id is %s; want %s", e.GetId(), want)
			}
			s.flush()
			if _, _, events := s.reports.count(); events != 1 {
				t.Errorf("%d events were reported; want exactly one", events)
			}
			if s.get("app").GetUID() != uid {
				t.Error("the object is another")
			}
		})
	}
}

func TestForeignMetadataIsNotDrift(t *testing.T) {
	for name, patch := range map[string]struct{ subresource, patch string }{
		"a label of their own":       {"", `{"metadata":{"labels":{"cost-center":"7"}}}`},
		"an annotation of their own": {"", `{"metadata":{"annotations":{"argocd/tracking":"x"}}}`},
		"a finalizer":                {"", `{"metadata":{"finalizers":["flinkdeployments.flink.apache.org/finalizer"]}}`},
		"the status":                 {"status", `{"status":{"lifecycleState":"STABLE"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEnv(t).connect()
			s.applyDeployment("app", "u1", 1, manifest("app", 2))
			s.reports.applied("app", 1)
			writes := s.writes.Load()
			var o *unstructured.Unstructured
			if patch.subresource == "" {
				o = s.edit("app", patch.patch)
			} else {
				o = s.edit("app", patch.patch, patch.subresource)
			}
			s.awaitCached("app", func(seen *unstructured.Unstructured) bool { return seen.GetResourceVersion() == o.GetResourceVersion() })
			s.applyDeployment("other", "u1", 1, manifest("other", 1))
			s.reports.applied("other", 1)
			if made := s.writes.Load() - writes; made != 1 {
				t.Errorf("the driver sent %d writes; want none but the one for another object", made)
			}
			if _, _, events := s.reports.count(); events != 0 {
				t.Error("a change of foreign metadata was reported as drift")
			}
		})
	}
}

func TestADeletedObjectIsRecreated(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	old := s.get("app")
	s.delete(deployments, "app")
	e := s.reports.event("app", "Recreated")
	if !strings.Contains(e.GetMessage(), "was deleted by another client") || !strings.HasPrefix(e.GetId(), string(old.GetUID())+"/") {
		t.Errorf("the event is %v", e)
	}
	if o := s.get("app"); o == nil || o.GetUID() == old.GetUID() || parallelism(o) != 2 {
		t.Errorf("the object is %v", o)
	}
	s.flush()
	if _, _, events := s.reports.count(); events != 1 {
		t.Errorf("%d events were reported; want exactly one", events)
	}
}

func TestDriftIsRepairedWithoutAControlPlane(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	s.Disconnected(false)
	s.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
	s.reports.event("app", "DriftRepaired")
	s.delete(deployments, "app")
	s.reports.event("app", "Recreated")
}

func TestDriftIsRepairedByARestartedAgent(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	first.applyDeployment("app", "u1", 1, manifest("app", 2))
	first.applyDeployment("fine", "u1", 1, manifest("fine", 2))
	first.reports.applied("app", 1)
	first.reports.applied("fine", 1)
	first.stop()
	w.edit("app", `{"spec":{"job":{"parallelism":9},"mode":"standalone"}}`)
	writes := w.writes.Load()

	second := w.start()
	second.hello()
	second.Welcome(2, false)
	second.Synced()
	await.Until(w.t, "the object is repaired", func() bool {
		o := w.get("app")
		_, added, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "mode")
		return parallelism(o) == 2 && !added
	})
	if made := w.writes.Load() - writes; made > 2 {
		t.Errorf("the driver sent %d writes; want two, and none for what was right", made)
	}
	e := second.reports.event("app", "DriftRepaired")
	for _, want := range []string{"spec.job.parallelism was changed to 9", "spec.mode was set to \"standalone\" and has been removed"} {
		if !strings.Contains(e.GetMessage(), want) {
			t.Errorf("the message is %q; want it to say %q", e.GetMessage(), want)
		}
	}
}

func TestARestartedAgentWaitsForTheControlPlaneFirst(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	first.applyDeployment("app", "u1", 1, manifest("app", 2))
	first.reports.applied("app", 1)
	first.stop()
	w.edit("app", `{"spec":{"job":{"parallelism":9}}}`)

	second := w.start()
	second.hello()
	second.Welcome(2, true) // the cluster was decommissioned meanwhile
	second.awaitCached("app", func(*unstructured.Unstructured) bool { return true })
	if got := parallelism(w.get("app")); got != 9 {
		t.Errorf("parallelism is %d; the driver repaired a decommissioned cluster", got)
	}
}

func TestAFieldAddedWhileANewGenerationComesIsRemoved(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	s.Disconnected(true) // so that the driver does not see to it before
	s.edit("app", `{"spec":{"mode":"standalone"}}`)
	s.hello()
	s.Welcome(2, false)
	s.applyDeployment("app", "u1", 2, manifest("app", 3))
	s.Synced()
	s.reports.applied("app", 2)
	o := s.get("app")
	if _, there, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "mode"); there || parallelism(o) != 3 {
		t.Errorf("the spec is %v", o.Object["spec"])
	}
	s.reports.event("app", "DriftRepaired")
}

func TestDriftOfASecretIsRepairedWithoutShowingItsValues(t *testing.T) {
	s := newEnv(t).connect()
	s.Apply(&agentv1.Apply{Ref: secretRef("login"), OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: secretManifest})
	s.reports.applied("login", 1)
	s.patch(secrets, "login", `{"data":{"password":"c3dvcmRmaXNo","more":"c3dvcmRmaXNo"}}`)
	e := s.reports.event("login", "DriftRepaired")
	if want := "data.more was added and has been removed"; !strings.Contains(e.GetMessage(), want) {
		t.Errorf("the message is %q; want it to say %q", e.GetMessage(), want)
	}
	for _, secret := range []string{"c3dvcmRmaXNo", "aHVudGVyMg", "hunter2"} {
		if strings.Contains(e.GetMessage(), secret) {
			t.Errorf("the message tells a secret: %q", e.GetMessage())
		}
	}
	data, _, _ := unstructured.NestedMap(s.read(secrets, "login").Object, "data")
	if len(data) != 1 || data["password"] != "aHVudGVyMg==" {
		t.Errorf("the data is %v", data)
	}
}

func TestRepeatedRepairsSlowDownAndAreReported(t *testing.T) {
	s := newEnv(t).connect(func(c *Config) { c.Timing.RepairInterval = 30 * time.Millisecond })
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	began := time.Now()
	for round := 1; round <= 4; round++ {
		s.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
		await.Until(s.t, "the object is repaired", func() bool { return parallelism(s.get("app")) == 2 })
	}
	// The first repair comes at once, the others wait 30, 60 and 120 ms.
	if took := time.Since(began); took < 210*time.Millisecond {
		t.Errorf("four repairs took %s; want 210ms at least", took)
	}
	e := find(s.reports, "an event about repeated repairs", func() []*agentv1.EventReport { return s.reports.events },
		func(e *agentv1.EventReport) bool { return strings.Contains(e.GetMessage(), "repair 4 in a row") })
	if !strings.Contains(e.GetMessage(), "--show-managed-fields") {
		t.Errorf("the message does not tell what to do: %q", e.GetMessage())
	}
	first := s.reports.event("app", "DriftRepaired")
	if strings.Contains(first.GetMessage(), "in a row") {
		t.Errorf("the message about the first repair mentions others: %q", first.GetMessage())
	}
}

func TestRepairPacer(t *testing.T) {
	timing := Timing{RepairInterval: time.Second, RepairWindow: time.Minute}
	now := time.Now()
	var p repairPacer
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30} {
		if got := p.delay(now, timing); got != want*time.Second {
			t.Errorf("after %d repairs the pause is %s; want %ds", i, got, want)
		}
		p.repaired(now)
	}
	if got := p.delay(now.Add(20*time.Second), timing); got != 10*time.Second {
		t.Errorf("twenty seconds later the pause is %s; want 10s", got)
	}
	if got := p.delay(now.Add(2*time.Minute), timing); got != 0 || p.repairs != 0 {
		t.Errorf("after a quiet window the pause is %s and %d repairs count; want none", got, p.repairs)
	}
}
