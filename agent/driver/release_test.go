package driver

import (
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestAnObjectThatIsLetGoOfStaysAndIsNoMoreKept(t *testing.T) {
	s := newWorld(t).begin()
	s.want("app", "u1", 1, manifest("app", 1))
	s.said.applied("app", 1)
	s.Delete(&agentv1.Delete{Ref: deploymentRef("app"), OwnerUid: "u1", Release: true})
	s.said.deleted("app", "u1")
	left := s.get("app")
	if left == nil {
		t.Fatal("the object is gone")
	}
	if m, marked := marksOf(left); marked || left.GetLabels()[ManagedByLabel] != "" {
		t.Fatalf("the object still bears the marks %+v and the labels %v", m, left.GetLabels())
	}
	// It is as any object that is not Weir's: another owner cannot have it.
	s.want("app", "u2", 1, manifest("app", 2))
	s.said.ack("app", isRefused, ReasonNotOwned)
}
