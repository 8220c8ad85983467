package driver

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func TestEveryChangeOfStatusIsReported(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 7, manifest("app", 2))
	s.reports.applied("app", 7)
	fresh := s.reports.status("app", func(*agentv1.StatusReport) bool { return true })
	if fresh.GetStatus() != "{}" || fresh.GetOwnerUid() != "u1" || fresh.GetGeneration() != 7 || fresh.GetDeleting() {
		t.Errorf("the first report is %v", fresh)
	}
	o := s.get("app")
	if fresh.GetObjectUid() != string(o.GetUID()) || fresh.GetObjectGeneration() != o.GetGeneration() {
		t.Errorf("the first report is of another object: %v", fresh)
	}
	for _, state := range []string{"CREATED", "DEPLOYED", "STABLE"} {
		s.edit("app", `{"status":{"lifecycleState":"`+state+`"}}`, "status")
		s.reports.status("app", func(r *agentv1.StatusReport) bool { return strings.Contains(r.GetStatus(), state) })
	}
}

func TestWelcomeBringsTheStatusOfEveryObject(t *testing.T) {
	s := newEnv(t).connect()
	for _, name := range []string{"a", "b"} {
		s.applyDeployment(name, "u1", 1, manifest(name, 1))
		s.reports.applied(name, 1)
		s.edit(name, `{"status":{"lifecycleState":"STABLE"}}`, "status")
		s.reports.status(name, func(r *agentv1.StatusReport) bool { return strings.Contains(r.GetStatus(), "STABLE") })
	}
	s.reports.reset()
	s.hello()
	s.Welcome(2, false)
	for _, name := range []string{"a", "b"} {
		s.reports.status(name, func(r *agentv1.StatusReport) bool { return strings.Contains(r.GetStatus(), "STABLE") })
	}
}

func kubernetesEvent(about *unstructured.Unstructured, name, reason string, count int) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata": map[string]any{"name": name, "namespace": "default"},
		"involvedObject": map[string]any{
			"apiVersion": about.GetAPIVersion(), "kind": about.GetKind(),
			"namespace": "default", "name": about.GetName(), "uid": string(about.GetUID()),
		},
		"reason": reason, "message": "a message", "type": "Warning", "count": int64(count),
		"firstTimestamp": "2026-11-23T09:30:00Z", "lastTimestamp": "2026-11-23T10:00:00Z",
	}
}

// As the operator wrote them up to release 1.11.
func TestKubernetesEventsWithoutAnAPIVersionAreReported(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	event := kubernetesEvent(s.get("app"), "e1", "JobException", 1)
	delete(event["involvedObject"].(map[string]any), "apiVersion")
	s.createObject(eventsV1, event)
	if e := s.reports.event("app", "JobException"); e.GetOwnerUid() != "u1" {
		t.Errorf("the event is reported for owner %q", e.GetOwnerUid())
	}
}

func TestKubernetesEventsOfOwnedObjectsAreReported(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	app := s.get("app")

	made := s.createObject(eventsV1, kubernetesEvent(app, "e1", "SavepointError", 1))
	e := s.reports.event("app", "SavepointError")
	if want := fmt.Sprintf("%s/1", made.GetUID()); e.GetId() != want {
		t.Errorf("the id is %q; want %q", e.GetId(), want)
	}
	if e.GetSource() != agentv1.EventSource_EVENT_SOURCE_KUBERNETES || e.GetOwnerUid() != "u1" ||
		e.GetType() != "Warning" || e.GetMessage() != "a message" || e.GetTime().AsTime().Format("15:04") != "10:00" ||
		e.GetSeries() != string(made.GetUID()) || e.GetCount() != 1 || e.GetFirstTime().AsTime().Format("15:04") != "09:30" {
		t.Errorf("the event is %v", e)
	}
	// A repeat is the same object with a higher count.
	s.patch(eventsV1, "e1", `{"count":2,"message":"once more"}`)
	find(s.reports, "the repeat", func() []*agentv1.EventReport { return s.reports.events },
		func(e *agentv1.EventReport) bool {
			return e.GetId() == fmt.Sprintf("%s/2", made.GetUID()) && e.GetSeries() == string(made.GetUID()) && e.GetCount() == 2
		})
}

func TestEventsOfOthersAreNotReported(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	app := s.get("app")
	theirs := s.createObject(deployments, map[string]any{"apiVersion": flinkVersion.String(), "kind": "FlinkDeployment", "metadata": map[string]any{"name": "theirs"}})
	former := app.DeepCopy() // of the same name, and not the agent's
	former.SetUID("of somebody else's, long ago")
	s.createObject(eventsV1, kubernetesEvent(theirs, "e1", "Theirs", 1))
	s.createObject(eventsV1, kubernetesEvent(former, "e2", "Former", 1))
	s.createObject(eventsV1, kubernetesEvent(app, "e3", "Ours", 1))
	s.reports.event("app", "Ours")
	if _, _, events := s.reports.count(); events != 1 {
		t.Errorf("%d events were reported; want the agent's own only", events)
	}
}

func TestTheLastEventsOfADeletedObjectAreReported(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	app := s.get("app")
	s.deleteDeployment("app", "u1")
	s.reports.deleted("app", "u1")
	s.createObject(eventsV1, kubernetesEvent(app, "e1", "Cleanup", 1))
	if e := s.reports.event("app", "Cleanup"); e.GetOwnerUid() != "u1" {
		t.Errorf("the event is %v", e)
	}
}

func TestEventsFromBeforeTheSessionAreReported(t *testing.T) {
	w := newEnv(t)
	first := w.connect()
	first.applyDeployment("app", "u1", 1, manifest("app", 1))
	first.reports.applied("app", 1)
	first.stop()
	w.createObject(eventsV1, kubernetesEvent(w.get("app"), "e1", "JobException", 1))

	second := w.start()
	second.hello()
	await.Until(second.t, "the driver has seen the event", func() bool {
		return slices.ContainsFunc(second.eventWatches(), func(w *eventWatch) bool { return len(w.informer.GetStore().List()) > 0 })
	})
	if _, _, events := second.reports.count(); events != 0 {
		t.Error("an event was reported before there was a session")
	}
	second.Welcome(2, false)
	second.reports.event("app", "JobException")
}

func TestNamespacesAreReportedWhenTheyChange(t *testing.T) {
	w := newEnv(t)
	s := w.connect()
	w.createGlobal(namespaceResource, namespaceNamed("new"))
	find(s.reports, "the new namespace", func() [][]string { return s.reports.namespaces },
		func(names []string) bool { return slices.Equal(names, []string{"default", "flink", "new"}) })
	w.deleteGlobal(namespaceResource, "new")
	find(s.reports, "that it is gone", func() [][]string { return s.reports.namespaces },
		func(names []string) bool { return slices.Equal(names, []string{"default", "flink"}) })
}

func TestAnAgentReadsOnlyItsConfiguredNamespaces(t *testing.T) {
	w := newEnv(t)
	var mu sync.Mutex
	var outside []string
	w.injectFault(answers(forbiddenStatus, func(_, path string) bool {
		for _, scope := range []string{"/namespaces/default/", "/namespaces/later/"} {
			if strings.Contains(path, scope) {
				return false
			}
		}
		switch path {
		case "/version", "/apis/flink.apache.org/v1beta1", "/api/v1/namespaces/default", "/api/v1/namespaces/later":
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		outside = append(outside, path)
		return true
	}))
	s := w.start(func(c *Config) { c.Namespaces = []string{"default", "later"} })
	if got := s.hello().GetNamespaces().GetNames(); !slices.Equal(got, []string{"default"}) {
		t.Errorf("Hello lists namespaces %v; want [default]", got)
	}
	s.Welcome(1, false)
	s.Synced()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.edit("app", `{"status":{"lifecycleState":"STABLE"}}`, "status")
	s.reports.status("app", func(r *agentv1.StatusReport) bool { return strings.Contains(r.GetStatus(), "STABLE") })

	ref := deploymentRef("far")
	ref.Namespace = "flink"
	s.Apply(&agentv1.Apply{Ref: ref, OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: "{}"})
	a := s.reports.ack("far", isRefused, ReasonMissingNamespace)
	if !strings.Contains(a.GetMessage(), `not configured for namespace "flink"`) {
		t.Errorf("the message is %q", a.GetMessage())
	}
	w.createGlobal(namespaceResource, namespaceNamed("later"))
	find(s.reports, "the namespace that came later", func() [][]string { return s.reports.namespaces },
		func(names []string) bool { return slices.Equal(names, []string{"default", "later"}) })
	s.stop()
	mu.Lock()
	defer mu.Unlock()
	if len(outside) > 0 {
		t.Errorf("the driver asked for %v", outside)
	}
}
