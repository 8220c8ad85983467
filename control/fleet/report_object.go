package fleet

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// storeObject stores what is new of the object of a resource. conclude, if not
// nil, adds to the status what the resource makes of it, and says what else
// follows.
func storeObject[T proto.Message](
	ctx context.Context, r *reports, next *report, claim *storev1.ClaimRecord,
	records *store.Collection[T], statuses *store.Collection[*storev1.StatusRecord],
	uid func(T) string, conclude func(record T, before, after *storev1.StatusRecord) []store.Op,
) error {
	return storeStatus(ctx, r, next, claim, records, statuses, uid, func(record T, before *storev1.StatusRecord) (*storev1.StatusRecord, []store.Op) {
		after := observeObject(before, next, claim.GetOwnerUid())
		if conclude == nil {
			return after, nil
		}
		return after, conclude(record, before, after)
	})
}

// storeStatus stores the status of a resource that observe makes of the one
// before, which is nil where there is none, and what else observe says.
func storeStatus[T proto.Message](
	ctx context.Context, r *reports, next *report, claim *storev1.ClaimRecord,
	records *store.Collection[T], statuses *store.Collection[*storev1.StatusRecord],
	uid func(T) string, observe func(record T, before *storev1.StatusRecord) (*storev1.StatusRecord, []store.Op),
) error {
	st, key := r.fleet.State, claim.GetKey()
	record, ok := records.Cached(key)
	if !ok {
		return nil // deleted meanwhile
	}
	if uid(record.Value) != claim.GetOwnerUid() {
		// Deleted and created again since the claim was read.
		return fmt.Errorf("store report on %s %s: %w", claim.GetCollection(), key, store.ErrConflict)
	}
	before, known := statuses.Cached(key)
	conds := []store.Cond{
		st.Sessions.HeldBy(next.session.cluster, next.session.lease),
		records.Unchanged(key, record.Revision),
	}
	if known {
		conds = append(conds, statuses.Unchanged(key, before.Revision))
	} else {
		conds = append(conds, statuses.Absent(key))
	}
	if before.Value.GetOwnerUid() != claim.GetOwnerUid() {
		before.Value = nil
	}
	after, ops := observe(record.Value, before.Value)
	if !proto.Equal(before.Value, after) {
		after.UpdateTime = state.Now()
		ops = append(ops, statuses.Put(key, after))
	}
	if len(ops) == 0 {
		return nil
	}
	if _, err := st.Store.Commit(ctx, conds, ops); err != nil {
		return fmt.Errorf("store report on %s %s: %w", claim.GetCollection(), key, err)
	}
	return nil
}

// observeObject is the status of an object after a report. What is said of an
// object that is being deleted does not count: either its resource goes too, or
// another object takes its place.
func observeObject(before *storev1.StatusRecord, next *report, owner string) *storev1.StatusRecord {
	after := &storev1.StatusRecord{OwnerUid: owner}
	if before != nil {
		after = clone(before)
	}
	if s := next.status; s.GetOwnerUid() == owner && !s.GetDeleting() && s.GetGeneration() >= after.GetGeneration() {
		// An agent that sends no JSON has nothing to say.
		if parsed, err := openjson.ParseText(s.GetStatus()); err == nil {
			readObject(after, s, parsed)
		}
	}
	if ack := next.acks[owner]; ack != nil && ack.GetOutcome() != agentv1.Outcome_OUTCOME_DELETED {
		after.Problem = problemOf(ack)
	}
	return after
}

func readObject(after *storev1.StatusRecord, report *agentv1.StatusReport, status openjson.Object) {
	after.Status = openjson.Text(status)
	after.Generation = report.GetGeneration()
	after.LifecycleState = openjson.String(status, "lifecycleState")
	after.JobManagerStatus = openjson.String(status, "jobManagerDeploymentStatus")
	after.JobState = openjson.String(status, "jobStatus", "state")
	after.JobId = openjson.String(status, "jobStatus", "jobId")
	after.Error = rules.OperatorError(openjson.String(status, "error"))
}
