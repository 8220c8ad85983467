package state

import (
	"github.com/google/uuid"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// BeginInstance is what a transaction has to do to add an instance to an
// application's and drop the oldest beyond the limit.
func (s *State) BeginInstance(application string, instance *cmfv1.FlinkApplicationInstance) []store.Op {
	ops := []store.Op{s.Instances.Put(store.Join(application, instance.GetMetadata().GetName()), instance)}
	// Names are version 7 UUIDs: the order of keys is the order of time.
	kept := s.Instances.CachedUnder(application)
	surplus := max(0, len(kept)+1-s.limits.Instances)
	for _, oldest := range kept[:min(surplus, maxDrops, len(kept))] {
		ops = append(ops, s.Instances.Remove(oldest.Key))
	}
	return ops
}

// NewInstance makes an instance of now that runs an effective specification.
func NewInstance(effective *cmfv1.JsonObject) *cmfv1.FlinkApplicationInstance {
	name := uuid.Must(uuid.NewV7()).String()
	now := Now()
	return &cmfv1.FlinkApplicationInstance{
		ApiVersion: contract.APIVersion,
		Kind:       contract.KindInstance,
		Metadata:   &cmfv1.ObjectMeta{Name: name, Uid: name, CreationTimestamp: now, UpdateTimestamp: now},
		Status: &cmfv1.ApplicationInstanceStatus{
			Spec:      effective,
			JobStatus: &cmfv1.InstanceJobStatus{State: contract.StateReconciling},
		},
	}
}
