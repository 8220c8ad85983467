package fleet

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// deletionMark identifies a deletion that the agent was told of. What was last
// reported of it is no part of that, so that a report sends nothing.
type deletionMark struct {
	created time.Time
	release bool
}

func markOfDeletion(t *storev1.TombstoneRecord) deletionMark {
	return deletionMark{t.GetCreated().AsTime(), t.GetRelease()}
}

// reasonDeleting is the reason of a resource whose object cannot be applied before
// that of a former resource is deleted.
const reasonDeleting = "Deleting"

// awaiting is the outcome of the Apply of a resource that waits for the deletion of a
// former resource's object.
func awaiting(former *storev1.TombstoneRecord) *agentv1.Ack {
	message := fmt.Sprintf("%s '%s' in namespace '%s' belongs to a resource that was deleted at %s, and is still being deleted from the cluster. "+
		"This resource is applied when it no longer exists.",
		former.GetKind(), former.GetName(), former.GetNamespace(), former.GetCreated().AsTime().Format(time.RFC3339))
	if p := former.GetProblem(); p != nil {
		message += " " + p.GetReason() + ": " + p.GetMessage()
	}
	return &agentv1.Ack{Outcome: agentv1.Outcome_OUTCOME_RETRYING, Reason: reasonDeleting, Message: message}
}

// reportAwaiting reports on a resource whose object is about to be sent that it has to
// wait for the deletion of a former resource's object, if there is one. The agent's
// own report follows, if only because the object was applied.
func (s *session) reportAwaiting(at store.Reader, apply *agentv1.Apply) {
	for former := range s.fleet.Ownership.Tombstones.In(at).Under(resource.ClaimKey(s.cluster, apply.GetRef())) {
		if t := former.Value(); t.GetOwnerUid() != apply.GetOwnerUid() && !t.GetRelease() {
			ack := awaiting(t)
			ack.Ref, ack.OwnerUid, ack.Generation, ack.Hash = apply.GetRef(), apply.GetOwnerUid(), apply.GetGeneration(), apply.GetHash()
			s.fleet.reports.addAck(s, ack)
			return
		}
	}
}

// storeUndeleted stores why objects are not deleted yet, as reported. It returns the
// outcome for the resource that owner is the uid of, if that waits for one of them.
func (f *Fleet) storeUndeleted(tx *store.Tx, r *report, owner string) *agentv1.Ack {
	var waits *agentv1.Ack
	for former, ack := range r.acks {
		problem := resource.ProblemOf(ack)
		if problem == nil {
			continue
		}
		key := resource.TombstoneKey(r.session.cluster, r.ref, former)
		stored := f.Ownership.Tombstones.Get(tx, key).Message()
		if stored == nil {
			continue
		}
		if !proto.Equal(stored.GetProblem(), problem) {
			stored = proto.CloneOf(stored)
			stored.Problem = problem
			f.Ownership.Tombstones.Put(tx, key, stored)
		}
		if former != owner && !stored.GetRelease() {
			waits = awaiting(stored)
		}
	}
	return waits
}
