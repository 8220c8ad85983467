package driver

import (
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestAReleasedObjectStaysAndIsNoLongerManaged(t *testing.T) {
	s := newEnv(t).connect()
	s.applyDeployment("app", "u1", 1, manifest("app", 1))
	s.reports.applied("app", 1)
	s.Delete(&agentv1.Delete{Ref: deploymentRef("app"), OwnerUid: "u1", Release: true})
	s.reports.deleted("app", "u1")
	left := s.get("app")
	if left == nil {
		t.Fatal("the object is gone")
	}
	if m, marked := marksOf(left); marked || left.GetLabels()[ManagedByLabel] != "" {
		t.Fatalf("the object still bears the marks %+v and the labels %v", m, left.GetLabels())
	}
	// It is as any object that is not Weir's: another owner cannot have it.
	s.applyDeployment("app", "u2", 1, manifest("app", 2))
	s.reports.ack("app", isRefused, ReasonNotOwned)
}
