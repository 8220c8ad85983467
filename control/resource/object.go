package resource

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Object describes what each resource of a kind has on the workload cluster of
// its environment: a Kubernetes object, or one that the agent's SQL driver keeps.
// How objects are sent, compared, reported on and fenced is the same for all.
type Object struct {
	// Name is what claims call the resources by: that of their collection, or
	// another one where a kind has a second object.
	Name string
	// Resources are the records that have the objects, in whatever environment.
	Resources store.Scope
	// Render makes the object of the resource of a key; nil where the cluster is to
	// hold none, for now or any more. It must be pure: the same records give the
	// same bytes.
	Render func(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error)
	// Depends are further records whose changes change what is rendered.
	Depends []Dependency
	// Store stores what an agent reported of an object; nil where nothing is kept.
	// See Reported.
	Store func(tx *store.Tx, report Report) error
	// Status is what is stored of the reports on the resource of a key, nil where
	// there is nothing. The func is nil where nothing is stored.
	Status func(at store.Reader, key string) *storev1.StatusRecord
	// Gone writes what goes with an object that the agent has deleted on request;
	// nil where nothing does. The claim is still there, if it is the owner's.
	Gone func(tx *store.Tx, cluster string, ref *agentv1.ObjectRef, claim *storev1.ClaimRecord) error
}

// Dependency is something that objects are rendered from beside their resource.
type Dependency struct {
	Scope store.Scope
	// Keys are the resources that depend on the record of a key, which has changed.
	Keys func(at store.Reader, key string) []string
}

// Report is what an agent has reported of one object of one owner since the last
// Report: the newest status, the newest outcome, every event.
type Report struct {
	// Cluster is the agent's.
	Cluster string
	Ref     *agentv1.ObjectRef
	// Key and Owner are the key and the uid of the resource.
	Key, Owner string
	// Status is nil where none was reported.
	Status *agentv1.StatusReport
	// Ack is the outcome of the last Apply; nil where none was reported.
	Ack    *agentv1.Ack
	Events []*agentv1.EventReport
}

// Reported is the Store of an Object whose status is kept in a collection. It
// reads the record and the status, and has observe make the new status of the
// one before, which is nil if there is none of this very resource, and which
// observe must not change. observe also writes what else follows.
func Reported[R proto.Message](
	records *store.Collection[R], statuses *store.Collection[*storev1.StatusRecord], uid func(R) string,
	observe func(tx *store.Tx, record *store.Object[R], before *storev1.StatusRecord, report Report) (*storev1.StatusRecord, error),
) func(*store.Tx, Report) error {
	return func(tx *store.Tx, report Report) error {
		record := records.Get(tx, report.Key)
		if record == nil {
			return nil // deleted since the agent spoke
		}
		if uid(record.Value()) != report.Owner {
			// Deleted and created again since the claim was read.
			return fmt.Errorf("store report on %s %s: %w", records.Name(), report.Key, store.ErrConflict)
		}
		var before *storev1.StatusRecord
		if stored := statuses.Get(tx, report.Key); stored.Message().GetOwnerUid() == report.Owner {
			before = stored.Value()
		}
		after, err := observe(tx, record, before, report)
		if err != nil || sameStatus(before, after) {
			return err
		}
		after.UpdateTime = Now()
		statuses.Put(tx, report.Key, after)
		return nil
	}
}

// sameStatus is true if a status equals the previous one. If there is none (nil), an
// empty status equals it: that an object was applied needs no record.
func sameStatus(before, after *storev1.StatusRecord) bool {
	if before == nil {
		before = &storev1.StatusRecord{OwnerUid: after.GetOwnerUid()}
	}
	return proto.Equal(before, after)
}

// CopyStatus is a copy of a status to be changed, a new one if there is none.
func CopyStatus(before *storev1.StatusRecord, owner string) *storev1.StatusRecord {
	if before == nil {
		return &storev1.StatusRecord{OwnerUid: owner}
	}
	return proto.CloneOf(before)
}

// ProblemOf is what an outcome says is wrong; nil where nothing is.
func ProblemOf(ack *agentv1.Ack) *storev1.Problem {
	switch ack.GetOutcome() {
	case agentv1.Outcome_OUTCOME_REFUSED:
		return &storev1.Problem{Reason: ack.GetReason(), Message: ack.GetMessage()}
	case agentv1.Outcome_OUTCOME_RETRYING:
		return &storev1.Problem{Reason: ack.GetReason(), Message: ack.GetMessage(), Retrying: true}
	default:
		return nil
	}
}
