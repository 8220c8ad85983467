package resource

import (
	"fmt"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Ownership says which resource a Kubernetes object belongs to, and which objects
// have to go although their resource has gone.
type Ownership struct {
	// Claims are by cluster, namespace, kind and name of the object. Environments
	// may share a namespace, but two resources never an object.
	Claims *store.Collection[*storev1.ClaimRecord]
	// Tombstones are by cluster, namespace, kind, name and the owner's uid, since a
	// name may be taken again before its last bearer is gone.
	Tombstones *store.Collection[*storev1.TombstoneRecord]
	// Orphans are by the same keys as Tombstones.
	Orphans *store.Collection[*storev1.OrphanRecord]

	installation *store.Collection[*storev1.InstallationRecord]
	restores     *store.Collection[*storev1.RestoreRecord]
}

// NewOwnership adds the collections to the store.
func NewOwnership(s *store.Store) *Ownership {
	return &Ownership{
		Claims:       store.NewCollection[*storev1.ClaimRecord](s, "claims"),
		Tombstones:   store.NewCollection[*storev1.TombstoneRecord](s, "tombstones"),
		Orphans:      store.NewCollection[*storev1.OrphanRecord](s, "orphans"),
		installation: store.NewCollection[*storev1.InstallationRecord](s, "installation"),
		restores:     store.NewCollection[*storev1.RestoreRecord](s, restoresName),
	}
}

// ClaimKey is the key of the claim on an object.
func ClaimKey(cluster string, ref *agentv1.ObjectRef) string {
	return store.Key(cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName())
}

// TombstoneKey is the key of the tombstone of an owner's object.
func TombstoneKey(cluster string, ref *agentv1.ObjectRef, owner string) string {
	return store.Join(ClaimKey(cluster, ref), owner)
}

// Claim makes the object of a cluster that of a resource, whose key and uid are
// given; objects is the Object's name. It refuses one that another resource has.
func (o *Ownership) Claim(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, objects, key, owner string) error {
	claim := ClaimKey(cluster, ref)
	if held := o.Claims.Get(tx, claim); held != nil {
		holder := store.Segments(held.Value().GetKey())
		return apierror.Unprocessable(fmt.Sprintf("metadata.name: the %s '%s' in namespace '%s' of Kubernetes cluster '%s' is already owned by '%s' of environment '%s'.",
			ref.GetKind(), ref.GetName(), ref.GetNamespace(), cluster, holder[len(holder)-1], holder[0]))
	}
	o.Claims.Put(tx, claim, &storev1.ClaimRecord{Collection: objects, Key: key, OwnerUid: owner})
	return nil
}

// Unclaim ends the claim on an object, unless it has to do for a tombstone; see
// Remove.
func (o *Ownership) Unclaim(tx *store.Tx, cluster string, ref *agentv1.ObjectRef) {
	if tx.OutOfSpace() {
		return
	}
	o.Claims.Delete(tx, ClaimKey(cluster, ref))
}

// ClaimedBy is the object of a cluster that a resource has claimed, without its
// API version, and the resource's uid; nil where it has claimed none. It goes
// through all claims of the cluster.
func (o *Ownership) ClaimedBy(at store.Reader, cluster, objects, key string) (*agentv1.ObjectRef, string) {
	for claim := range o.Claims.In(at).Under(store.Key(cluster)) {
		if claim.Value().GetCollection() == objects && claim.Value().GetKey() == key {
			segments := store.Segments(claim.Key)
			return &agentv1.ObjectRef{Namespace: segments[1], Kind: segments[2], Name: segments[3]}, claim.Value().GetOwnerUid()
		}
	}
	return nil, ""
}

// Remove has the agent of a cluster delete an owner's object or, with release,
// leave it there unmanaged.
//
// While etcd has no space and accepts deletions only, the claim stays in the place
// of a tombstone: a claim without its resource. FinishRemovals makes a tombstone of
// it once there is space. It would not know of release, so with that there has to be
// space.
func (o *Ownership) Remove(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, owner string, release bool) {
	if tx.OutOfSpace() && !release && o.Claims.Get(tx, ClaimKey(cluster, ref)).Message().GetOwnerUid() == owner {
		return
	}
	o.Tombstones.Put(tx, TombstoneKey(cluster, ref, owner), tombstone(ref, owner, release))
}

func tombstone(ref *agentv1.ObjectRef, owner string, release bool) *storev1.TombstoneRecord {
	return &storev1.TombstoneRecord{
		ApiVersion: ref.GetApiVersion(),
		Kind:       ref.GetKind(),
		Namespace:  ref.GetNamespace(),
		Name:       ref.GetName(),
		OwnerUid:   owner,
		Created:    Now(),
		Release:    release,
	}
}

// Keep takes a Remove back that has not been carried out.
func (o *Ownership) Keep(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, owner string) {
	o.Tombstones.Delete(tx, TombstoneKey(cluster, ref, owner))
}

// Removing is true while an owner's object has yet to go.
func (o *Ownership) Removing(at store.Reader, cluster string, ref *agentv1.ObjectRef, owner string) bool {
	return o.Tombstones.In(at).Get(TombstoneKey(cluster, ref, owner)) != nil
}

// Forget deletes what is recorded of the objects of a cluster that is deleted.
func (o *Ownership) Forget(tx *store.Tx, cluster string) {
	under := store.Key(cluster)
	o.Claims.DeleteUnder(tx, under)
	o.Tombstones.DeleteUnder(tx, under)
	o.Orphans.DeleteUnder(tx, under)
}
