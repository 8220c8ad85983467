package driver

import (
	"strings"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

func (s *testSession) deleteDeployment(name, owner string) {
	s.Delete(&agentv1.Delete{Ref: deploymentRef(name), OwnerUid: owner})
}

func TestADeletedObjectIsAcknowledgedOnceItIsGone(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.edit("app", `{"metadata":{"finalizers":["flinkdeployments.flink.apache.org/finalizer"]}}`)
	s.reports.reset()
	s.deleteDeployment("app", "u1")
	s.reports.status("app", func(r *agentv1.StatusReport) bool { return r.GetDeleting() })
	a := s.reports.ack("app", isRetrying, ReasonTerminating)
	if !strings.Contains(a.GetMessage(), "check that the operator is running") {
		t.Errorf("the message is %q; want it to tell what to do", a.GetMessage())
	}
	for _, a := range s.reports.all() {
		if a.GetOutcome() == agentv1.Outcome_OUTCOME_DELETED {
			t.Fatal("the object was acknowledged as deleted while it was still there")
		}
	}
	s.edit("app", `{"status":{"jobStatus":{"upgradeSavepointPath":"s3://last"}}}`, "status")
	s.edit("app", `{"metadata":{"finalizers":null}}`)
	s.reports.deleted("app", "u1")
	s.reports.status("app", func(r *agentv1.StatusReport) bool { return strings.Contains(r.GetStatus(), "s3://last") })
}

// all lists the acks so far.
func (r *recorder) all() []*agentv1.Ack {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*agentv1.Ack(nil), r.acks...)
}

func TestADeleteOfWhatIsNotTheOwnersCountsAsDone(t *testing.T) {
	t.Run("nothing there", func(t *testing.T) {
		s := newEnv(t).connect()
		s.deleteDeployment("app", "u1")
		s.reports.deleted("app", "u1")
	})
	t.Run("another owner's", func(t *testing.T) {
		s := newEnv(t).connect()
		s.applyDeployment("app", "u2", 1, manifest("app", 1))
		s.reports.applied("app", 1)
		s.deleteDeployment("app", "u1")
		s.reports.deleted("app", "u1")
		if s.get("app") == nil {
			t.Fatal("another owner's object was deleted")
		}
		// And it is still kept as its owner wants it.
		s.edit("app", `{"spec":{"job":{"parallelism":9}}}`)
		s.reports.event("app", "DriftRepaired")
	})
	t.Run("nobody's", func(t *testing.T) {
		w := newEnv(t)
		w.createObject(deployments, map[string]any{"apiVersion": flinkVersion.String(), "kind": "FlinkDeployment", "metadata": map[string]any{"name": "app"}})
		s := w.connect()
		s.deleteDeployment("app", "u1")
		s.reports.deleted("app", "u1")
		if s.get("app") == nil {
			t.Fatal("an object that is not Weir's was deleted")
		}
	})
}

func TestADeleteAndAnApplyOfTheNextOwnerBothHappen(t *testing.T) {
	for name, order := range map[string]func(s *testSession){
		"delete first": func(s *testSession) {
			s.deleteDeployment("app", "u1")
			s.applyDeployment("app", "u2", 1, manifest("app", 2))
		},
		"apply first": func(s *testSession) {
			s.applyDeployment("app", "u2", 1, manifest("app", 2))
			s.deleteDeployment("app", "u1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEnv(t).connect()
			s.applyDeployment("app", "u1", 7, manifest("app", 7))
			s.reports.applied("app", 7)
			s.edit("app", `{"metadata":{"finalizers":["flinkdeployments.flink.apache.org/finalizer"]}}`)
			order(s)
			await.Until(s.t, "the object is terminating", func() bool { return s.get("app").GetDeletionTimestamp() != nil })
			s.edit("app", `{"metadata":{"finalizers":null}}`)
			s.reports.deleted("app", "u1")
			s.reports.applied("app", 1)
			if m, _ := marksOf(s.get("app")); m.owner != "u2" {
				t.Errorf("the object belongs to %q; want u2", m.owner)
			}
		})
	}
}

func TestADeleteThatIsTakenBackLeavesTheObject(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.deleteDeployment("app", "u1")
	s.applyDeployment("app", "u1", 2, manifest("app", 2))
	s.reports.applied("app", 2)
	if s.get("app") == nil {
		t.Error("the object is gone")
	}
}

func TestAnObjectWithoutItsMarksIsStillDeleted(t *testing.T) {
	s := newEnv(t).connect(func(c *Config) { c.Timing.RepairInterval = await.Patience })
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.edit("app", `{"metadata":{"annotations":null,"labels":null}}`)
	s.deleteDeployment("app", "u1")
	s.reports.deleted("app", "u1")
	if s.get("app") != nil {
		t.Error("the object is still there")
	}
}

func TestNoDefinitionNoObjectToDelete(t *testing.T) {
	s := newEnv(t).connect()
	s.deleteGlobal(crds, "flinkdeployments.flink.apache.org")
	await.Until(s.t, "the driver has seen that the definition is deleted", func() bool { return !s.isPresent(kinds[0]) })
	s.deleteDeployment("app", "u1")
	s.reports.deleted("app", "u1")
}
