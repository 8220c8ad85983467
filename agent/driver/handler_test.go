package driver

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func TestHelloDescribesTheCluster(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	first.applyDeployment("app", "u1", 4, manifest("app", 1))
	first.Apply(&agentv1.Apply{Ref: secretRef("login"), OwnerUid: "u2", Generation: 1, Hash: "h", Manifest: secretManifest})
	first.reports.applied("app", 4)
	first.reports.applied("login", 1)
	m, _ := marksOf(w.get("app"))
	first.stop()
	w.createObject(deployments, map[string]any{ // not the agent's
		"apiVersion": flinkVersion.String(), "kind": "FlinkDeployment", "metadata": map[string]any{"name": "other"},
	})

	second := w.start()
	got := second.hello()
	want := &agentv1.Hello{
		KubernetesVersion: got.GetKubernetesVersion(),
		Namespaces:        &agentv1.NamespacesReport{Names: []string{"default", "flink"}},
		Held: []*agentv1.HeldObject{
			{Ref: deploymentRef("app"), OwnerUid: "u1", Generation: 4, Hash: m.hash, Installation: installation},
			// The new process cannot keep a Secret that it does not know.
			{Ref: secretRef("login"), OwnerUid: "u2", Generation: 1, Installation: installation},
		},
		CustomResourceDefinitions: []string{
			"flinkdeployments.flink.apache.org", "flinksessionjobs.flink.apache.org", "flinkstatesnapshots.flink.apache.org",
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.GetKubernetesVersion() == "" {
		t.Error("the version of Kubernetes is missing")
	}

	// The process that applied the Secret vouches for it.
	second.Welcome(2, false)
	second.Apply(&agentv1.Apply{Ref: secretRef("login"), OwnerUid: "u2", Generation: 1, Hash: "h", Manifest: secretManifest})
	second.reports.applied("login", 1)
	if held := second.hello().GetHeld(); len(held) != 2 || held[1].GetHash() != "h" {
		t.Errorf("after the Apply, Hello lists %v", held)
	}
}

func TestDescribeFailsIfAnythingCannotBeRead(t *testing.T) {
	for path, request := range map[string]string{
		"the version": "/version", "the definitions": "/apis/flink.apache.org/v1beta1",
		"the namespaces": "/api/v1/namespaces", "the objects": "/apis/flink.apache.org/v1beta1/flinkdeployments",
	} {
		t.Run(path, func(t *testing.T) {
			w := newEnv(t)
			s := w.start()
			w.injectFault(answer500(func(m, p string) bool { return m == "GET" && p == request }))
			var h agentv1.Hello
			if err := s.Describe(t.Context(), &h); err == nil {
				t.Errorf("Hello says %v; want an error, since the control plane takes for absent what Hello lacks", &h)
			}
			w.injectFault(nil)
			s.hello()
		})
	}
}

func TestARestartAndANewSessionWriteNothing(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	for _, name := range []string{"a", "b", "c"} {
		first.applyDeployment(name, "u-"+name, 1, manifest(name, 1))
		first.reports.applied(name, 1)
	}
	first.hello()
	first.Welcome(2, false)
	first.Synced()
	first.stop()
	writes := w.writes.Load()

	second := w.connect()
	second.applyDeployment("a", "u-a", 1, manifest("a", 1)) // told once more all the same
	second.reports.applied("a", 1)
	if made := w.writes.Load() - writes; made != 0 {
		t.Errorf("the driver sent %d writes; want none", made)
	}
}

func TestAnObjectThatIsNoLongerWantedIsNotRecreated(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	// While there is no session, the application is deleted on the control
	// plane and the object on the cluster.
	s.Disconnected(true)
	s.delete(deployments, "app")
	if held := s.hello().GetHeld(); len(held) != 0 {
		t.Fatalf("Hello lists %v", held)
	}
	s.Welcome(2, false)
	s.queue.Add(keyOf(deploymentRef("app")))
	s.applyDeployment("other", "u2", 1, manifest("other", 1))
	s.reports.applied("other", 1)
	s.Synced()
	s.flush()
	if s.get("app") != nil {
		t.Error("the object was recreated although it is no longer wanted")
	}
}

func TestARevokedChangeIsNotApplied(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	w.injectFault(func(rw http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method != http.MethodPatch || !bytes.Contains(body, []byte(`"weir.dev/generation":"2"`)) {
			return false
		}
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	s.reports.ack("app", isRetrying, ReasonUnavailable)
	// In the next session the control plane wants what is there, and so sends
	// nothing.
	s.Disconnected(false)
	s.hello()
	s.Welcome(2, false)
	s.Synced()
	s.flush()
	if got := parallelism(s.get("app")); got != 1 {
		t.Errorf("parallelism is %d; want 1", got)
	}
	s.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
	s.reports.event("app", "DriftRepaired")
	if got := parallelism(s.get("app")); got != 1 {
		t.Errorf("parallelism was put back to %d; want 1", got)
	}
}

// TestAWriteThatHelloMissedRequestsANewSession: Hello could not tell of it, so that the
// control plane says nothing, and has to be asked once more.
func TestAWriteThatHelloMissedRequestsANewSession(t *testing.T) {
	for name, existing := range map[string]bool{"a new object": false, "a change": true} {
		for when, landsLate := range map[string]bool{"before Synced": false, "after Synced": true} {
			t.Run(name+" "+when, func(t *testing.T) {
				w := newEnv(t)
				s := w.connect()
				if existing {
					s.applyDeployment("app", "u1", 1, manifest("app", 1))
					s.reports.applied("app", 1)
				}
				underway, land := make(chan struct{}), make(chan struct{})
				var once sync.Once
				w.injectFault(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodPatch {
						once.Do(func() { close(underway) })
						<-land
					}
					return false
				})
				s.applyDeployment("app", "u1", 2, manifest("app", 2))
				<-underway
				s.Disconnected(false)
				s.hello()
				s.Welcome(2, false)
				landed := func() {
					close(land)
					s.awaitCached("app", func(o *unstructured.Unstructured) bool { return parallelism(o) == 2 })
				}
				if landsLate {
					s.Synced()
					landed()
				} else {
					landed()
					await.Until(s.t, "the driver knows that it has landed", func() bool { return s.hasApplied("app", 2) })
					s.Synced()
				}
				find(s.reports, "that it wants a new session", func() []string { return s.reports.renewals },
					func(reason string) bool { return strings.Contains(reason, "default/app") })
				if held := s.hello().GetHeld(); len(held) != 1 || held[0].GetGeneration() != 2 {
					t.Errorf("the new session's Hello lists %v; want the object as it is now", held)
				}
				s.reports.reset()
				s.Welcome(3, false)
				s.Synced()
				if n := len(s.reports.renewals); n != 0 {
					t.Errorf("the session after that asks for another: %v", s.reports.renewals)
				}
			})
		}
	}
}

// knows says whether the driver knows to have applied a generation.
func (s *testSession) hasApplied(name string, generation int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[keyOf(deploymentRef(name))]
	return r != nil && r.observed.revision != nil && r.observed.revision.generation == generation
}

func TestADecommissionedClusterIsNotChanged(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	s.reports.status("app", func(*agentv1.StatusReport) bool { return true }) // the only one
	s.Decommissioned()
	s.reports.reset()
	changed := s.edit("app", `{"spec":{"job":{"parallelism":9}},"metadata":{"labels":{"seen":"yes"}}}`)
	s.edit("app", `{"status":{"lifecycleState":"STABLE"}}`, "status")
	s.applyDeployment("app", "u1", 2, manifest("app", 3))
	s.deleteDeployment("app", "u1")
	s.awaitCached("app", func(o *unstructured.Unstructured) bool { return o.GetLabels()["seen"] == "yes" })
	if acks, statuses, events := s.reports.count(); acks+statuses+events != 0 {
		t.Errorf("%d acks, %d statuses and %d events were reported; want none", acks, statuses, events)
	}
	if got := s.get("app"); parallelism(got) != 9 || got.GetGeneration() != changed.GetGeneration() {
		t.Error("the object was changed")
	}

	// Active again, the cluster is as Hello finds it, and kept as it was wanted.
	held := s.hello().GetHeld()
	if len(held) != 1 {
		t.Fatalf("Hello lists %v", held)
	}
	s.Welcome(2, false)
	s.Synced()
	s.reports.event("app", "DriftRepaired")
	if got := parallelism(s.get("app")); got != 2 {
		t.Errorf("parallelism is %d; want 2", got)
	}
}

func TestASupersededDriverDoesNothing(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	s.reports.applied("app", 1)
	s.reports.status("app", func(*agentv1.StatusReport) bool { return true }) // the only one
	s.Disconnected(true)
	s.reports.reset()
	s.edit("app", `{"spec":{"job":{"parallelism":9}},"metadata":{"labels":{"seen":"yes"}}}`)
	s.awaitCached("app", func(o *unstructured.Unstructured) bool { return o.GetLabels()["seen"] == "yes" })
	if got := parallelism(s.get("app")); got != 9 {
		t.Errorf("parallelism is %d; the driver acted", got)
	}
	if acks, statuses, events := s.reports.count(); acks+statuses+events != 0 {
		t.Errorf("%d acks, %d statuses and %d events were reported; want none", acks, statuses, events)
	}
}

func TestADefinitionThatAppearsIsUsedWithoutARestart(t *testing.T) {
	w := newEnv(t)
	definition, err := w.user.Resource(crds).Get(t.Context(), "flinkdeployments.flink.apache.org", getOptions)
	if err != nil {
		t.Fatal(err)
	}
	w.deleteGlobal(crds, "flinkdeployments.flink.apache.org")
	s := w.start()
	if got := s.hello().GetCustomResourceDefinitions(); slices.Contains(got, "flinkdeployments.flink.apache.org") {
		t.Fatalf("Hello lists %v", got)
	}
	s.Welcome(1, false)
	s.Synced()
	s.applyDeployment("app", "u1", 1, manifest("app", 2))
	a := s.reports.ack("app", isRetrying, ReasonMissingDefinition)
	for _, want := range []string{"flinkdeployments.flink.apache.org", `cluster "edge"`, "Install the Flink Kubernetes Operator"} {
		if !strings.Contains(a.GetMessage(), want) {
			t.Errorf("the message is %q; want it to say %q", a.GetMessage(), want)
		}
	}

	w.createGlobal(crds, definition)
	s.reports.applied("app", 1)
	find(s.reports, "that it wants a new session", func() []string { return s.reports.renewals }, func(string) bool { return true })
	if got := s.hello().GetCustomResourceDefinitions(); !slices.Contains(got, "flinkdeployments.flink.apache.org") {
		t.Errorf("Hello lists %v", got)
	}
	// It is watched now.
	s.edit("app", `{"status":{"lifecycleState":"STABLE"}}`, "status")
	s.reports.status("app", func(r *agentv1.StatusReport) bool { return strings.Contains(r.GetStatus(), "STABLE") })
}
