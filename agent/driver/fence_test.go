package driver

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An agent whose token was revoked, or that was cut off, may be restarted. It does
// not know then whether another agent has taken over.
func TestAnAgentWithoutASessionChangesNothing(t *testing.T) {
	w := newEnv(t)
	legitimate := w.start()
	legitimate.hello()
	legitimate.Welcome(1000, false)
	legitimate.Synced()
	legitimate.applyDeployment("app", "u1", 1, manifest("app", 1))
	legitimate.reports.applied("app", 1)

	refused := w.start()
	refused.hello() // which every attempt to connect begins with
	legitimate.applyDeployment("app", "u1", 2, manifest("app", 7))
	legitimate.reports.applied("app", 2)
	writes := w.writes.Load()
	refused.awaitCached("app", func(o *unstructured.Unstructured) bool { return parallelism(o) == 7 })
	refused.queue.Add(keyOf(deploymentRef("app")))
	legitimate.flush()
	if got := parallelism(w.get("app")); got != 7 {
		t.Errorf("parallelism was changed back to %d", got)
	}
	if made := w.writes.Load() - writes; made != 1 { // that of flush
		t.Errorf("%d writes were sent; want one", made)
	}
}

func TestAnAgentThatIsCutOffDoesNotBringBackWhatANewerSessionHasDeleted(t *testing.T) {
	w := newEnv(t)
	cutOff := w.connect()
	cutOff.applyDeployment("app", "u1", 1, manifest("app", 1))
	cutOff.reports.applied("app", 1)
	cutOff.Disconnected(false) // from the control plane, not from the API server

	newer := w.start()
	newer.hello()
	newer.Welcome(2, false)
	newer.deleteDeployment("app", "u1")
	newer.Synced()
	newer.reports.deleted("app", "u1")

	cutOff.reports.ack("app", isRetrying, ReasonSuperseded)
	if o := w.get("app"); o != nil {
		t.Errorf("the object is back: %v", o.GetAnnotations())
	}
}

// What the older session was told to delete may be wanted again.
func TestAnAgentThatIsCutOffDeletesNothingOfANewerSession(t *testing.T) {
	w := newEnv(t)
	cutOff := w.connect()
	cutOff.applyDeployment("app", "u1", 1, manifest("app", 1))
	cutOff.reports.applied("app", 1)
	newer := w.start()
	newer.hello()
	newer.Welcome(2, false)
	newer.applyDeployment("other", "u2", 1, manifest("other", 1))
	newer.Synced()
	newer.reports.applied("other", 1)

	cutOff.deleteDeployment("app", "u1")
	cutOff.reports.ack("app", isRetrying, ReasonSuperseded)
	if w.get("app") == nil {
		t.Error("the object was deleted")
	}
}

func TestAnAgentThatIsCutOffAdoptsNothing(t *testing.T) {
	w := newEnv(t)
	unmarked, taken := w.existing(manifest("unmarked", 2)), w.existing(manifest("taken", 2))
	cutOff := w.connect()
	cutOff.applyDeployment("app", "u1", 1, manifest("app", 1)) // its session is recorded
	cutOff.reports.applied("app", 1)
	newer := w.start()
	newer.hello()
	newer.Welcome(2, false)
	newer.Synced()
	newer.adopt("u2", 1, taken)

	for _, o := range []*unstructured.Unstructured{unmarked, taken} {
		cutOff.sendAdopt("u1", 1, o)
		cutOff.reports.ack(o.GetName(), isRetrying, ReasonSuperseded)
		if m, _ := marksOf(w.get(o.GetName())); m.owner == "u1" {
			t.Errorf("%s was taken over", o.GetName())
		}
	}
}
