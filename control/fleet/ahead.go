package fleet

import (
	"fmt"
	"sync"

	"github.com/openweir/weir/control/resource"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// ahead are the objects that the cluster has in a newer generation than their
// resources, because etcd was restored from a backup. They are not sent, so that what
// runs continues, until their resources are changed.
type ahead struct {
	mu       sync.Mutex
	outcomes map[object]aheadOutcome
}

type aheadOutcome struct {
	held int64 // the generation on the cluster
	ack  *agentv1.Ack
}

// isAhead reports whether the cluster has an object in a newer generation than it is
// rendered in.
func isAhead(held, rendered mark) bool {
	return held.owner == rendered.owner && held.generation > rendered.generation
}

// keep notes that an object is not sent, and returns what its resource has to report;
// nil if that was returned before.
func (a *ahead) keep(apply *agentv1.Apply, held int64) *agentv1.Ack {
	a.mu.Lock()
	defer a.mu.Unlock()
	ref := objectOf(apply.GetRef())
	if before := a.outcomes[ref]; before.held == held && markOf(apply) == markOfAck(before.ack) {
		return nil
	}
	ack := &agentv1.Ack{
		Ref: apply.GetRef(), OwnerUid: apply.GetOwnerUid(), Generation: apply.GetGeneration(), Hash: apply.GetHash(),
		Outcome: agentv1.Outcome_OUTCOME_RETRYING, Reason: resource.ReasonClusterAhead,
		Message: fmt.Sprintf("The %s '%s' on the cluster is newer than this resource, which was restored from a backup: "+
			"it has generation %d, and the resource generation %d. It is kept as it is, and what runs continues. "+
			"To apply this resource in its place, change the resource, for example one of its labels.",
			apply.GetRef().GetKind(), apply.GetRef().GetName(), held, apply.GetGeneration()),
	}
	if a.outcomes == nil {
		a.outcomes = map[object]aheadOutcome{}
	}
	a.outcomes[ref] = aheadOutcome{held, ack}
	return ack
}

// end notes that an object is sent, or deleted.
func (a *ahead) end(ref object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.outcomes, ref)
}

// replace returns what has to be stored of an Ack. That the newer generation is applied
// does not mean that the resource is.
func (a *ahead) replace(ack *agentv1.Ack) *agentv1.Ack {
	if ack.GetOutcome() != agentv1.Outcome_OUTCOME_APPLIED {
		return ack
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if o := a.outcomes[objectOf(ack.GetRef())]; o.ack.GetOwnerUid() == ack.GetOwnerUid() && ack.GetGeneration() == o.held {
		return o.ack
	}
	return ack
}

// count returns how many objects are ahead.
func (a *ahead) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.outcomes)
}

func markOfAck(ack *agentv1.Ack) mark {
	return mark{ack.GetOwnerUid(), ack.GetGeneration(), ack.GetHash()}
}
