package application

import (
	"testing"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestNewInstance(t *testing.T) {
	effective := &cmfv1.JsonObject{Json: `{"image":"i"}`}
	instance := instanceView(instanceItem{Object: store.NewObject("", NewInstance(effective))}, resource.Detail{})
	expect(t, "its kind", []string{instance.GetApiVersion(), instance.GetKind()}, []string{"cmf.confluent.io/v1", "FlinkApplicationInstance"})
	if m := instance.GetMetadata(); m.GetName() == "" || m.GetName() != m.GetUid() {
		t.Errorf("its metadata is %v", m)
	}
	expect(t, "its specification", instance.GetStatus().GetSpec().GetJson(), `{"image":"i"}`)
	expect(t, "the state of its job", instance.GetStatus().GetJobStatus().GetState(), "RECONCILING")
}

// beginInstances begins as many and gives their names, the oldest first.
func beginInstances(t *testing.T, s *stored, count int) []string {
	t.Helper()
	var names []string
	for range count {
		instance := NewInstance(nil)
		s.update(t, func(tx *store.Tx) { s.beginInstance(tx, orders, instance, nil) })
		names = append(names, instance.GetMetadata().GetName())
	}
	return names
}

func keptInstances(s *stored) []string {
	var names []string
	for instance := range s.instances.In(s.store.Cached()).Under(orders) {
		names = append(names, instance.Value().GetMetadata().GetName())
	}
	return names
}

func TestOnlyTheNewestInstancesAreKept(t *testing.T) {
	for name, limit := range map[string]int{"several": 3, "only the current one": 1, "never none": 0} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, Limits{Events: 1, Instances: limit})
			begun := beginInstances(t, s, 5)
			expect(t, "instances", keptInstances(s), begun[5-max(limit, 1):])
		})
	}
}

func TestALoweredLimitOfInstancesIsReachedInSteps(t *testing.T) {
	server := storetest.Server(t, embedded.Config{})
	begun := beginInstances(t, open(t, server, Limits{Events: 1, Instances: 60}), 60)
	s := open(t, server, Limits{Events: 1, Instances: 2})
	begun = append(begun, beginInstances(t, s, 4)...)
	expect(t, "instances", keptInstances(s), begun[len(begun)-2:])
}
