package state_test

import (
	"testing"

	"github.com/openweir/weir/control/state"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestNewInstance(t *testing.T) {
	effective := &cmfv1.JsonObject{Json: `{"image":"i"}`}
	instance := state.NewInstance(effective)
	same(t, "its kind", []string{instance.GetApiVersion(), instance.GetKind()}, []string{"cmf.confluent.io/v1", "FlinkApplicationInstance"})
	if m := instance.GetMetadata(); m.GetName() == "" || m.GetName() != m.GetUid() {
		t.Errorf("its metadata is %v", m)
	}
	same(t, "its specification", instance.GetStatus().GetSpec().GetJson(), `{"image":"i"}`)
	same(t, "the state of its job", instance.GetStatus().GetJobStatus().GetState(), "RECONCILING")
}

// beginInstances begins as many and gives their names, the oldest first.
func beginInstances(t *testing.T, s *state.State, count int) []string {
	t.Helper()
	var names []string
	for range count {
		instance := state.NewInstance(nil)
		commit(t, s, s.BeginInstance(application, instance))
		names = append(names, instance.GetMetadata().GetName())
	}
	return names
}

func keptInstances(s *state.State) []string {
	var names []string
	for _, instance := range s.Instances.CachedUnder(application) {
		names = append(names, instance.Value.GetMetadata().GetName())
	}
	return names
}

func TestOnlyTheNewestInstancesAreKept(t *testing.T) {
	for name, limit := range map[string]int{"several": 3, "only the current one": 1, "never none": 0} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, state.Limits{Events: 1, Instances: limit})
			begun := beginInstances(t, s, 5)
			same(t, "instances", keptInstances(s), begun[5-max(limit, 1):])
		})
	}
}

func TestALoweredLimitOfInstancesIsReachedInSteps(t *testing.T) {
	server := start(t)
	begun := beginInstances(t, open(t, server, state.Limits{Events: 1, Instances: 60}), 60)
	s := open(t, server, state.Limits{Events: 1, Instances: 2})
	begun = append(begun, beginInstances(t, s, 4)...)
	same(t, "instances", keptInstances(s), begun[len(begun)-2:])
}
