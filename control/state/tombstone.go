package state

import (
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Bury makes the agent of a cluster delete an object whose resource goes, or
// let go of it.
func (s *State) Bury(cluster string, ref *agentv1.ObjectRef, owner string, release bool) store.Op {
	key := TombstoneKey(cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName(), owner)
	return s.Tombstones.Put(key, &storev1.TombstoneRecord{
		ApiVersion: ref.GetApiVersion(),
		Kind:       ref.GetKind(),
		Namespace:  ref.GetNamespace(),
		Name:       ref.GetName(),
		OwnerUid:   owner,
		Created:    Now(),
		Release:    release,
	})
}
