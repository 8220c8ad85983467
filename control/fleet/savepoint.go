package fleet

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// A savepoint is deleted in two steps, since the operator is to dispose of its
// files only then: the object is told so first, and has to go once it bears
// that. The record goes with the tombstone.

func (f *Fleet) addSavepoints() {
	addKept(f, f.State.Savepoints, keptKind{
		collection: state.CollectionSavepoints,
		render:     f.renderSavepoint,
		store:      f.reports.storeSavepoint,
		status:     statusIn(f.State.SavepointStatus),
		follow:     []func(context.Context) error{f.followSavepointStatus},
	})
}

// followSavepointStatus renders a savepoint anew once it is complete: from then
// on the object says where the files are, and one made again would trigger
// nothing.
func (f *Fleet) followSavepointStatus(ctx context.Context) error {
	return follow(ctx, f.State.SavepointStatus, func(key string) { f.changed(resource{state.CollectionSavepoints, key}) })
}

func (f *Fleet) renderSavepoint(env *cmfv1.Environment, key string) (*agentv1.Apply, error) {
	record, ok := f.State.Savepoints.Cached(key)
	if !ok || f.buried(env, record.Value) {
		return nil, nil
	}
	reported, _ := f.State.SavepointStatus.Cached(key)
	return render.Savepoint(env, record.Value, rules.SavepointStatus(record.Value, reported.Value, ""))
}

// buried tells whether the object of a savepoint is on its way out.
func (f *Fleet) buried(env *cmfv1.Environment, record *storev1.SavepointRecord) bool {
	uid := record.GetSavepoint().GetMetadata().GetUid()
	ref := render.SnapshotRef(env, uid)
	_, dead := f.State.Tombstones.Cached(state.TombstoneKey(env.GetKubernetesClusterName(), ref.GetNamespace(), ref.GetKind(), ref.GetName(), uid))
	return dead
}

// storeSavepoint stores what is new of a savepoint, and lets the object of a
// deleted one go once it bears the order to dispose of its files.
func (r *reports) storeSavepoint(ctx context.Context, next *report, claim *storev1.ClaimRecord) error {
	st, key := r.fleet.State, claim.GetKey()
	record, ok := st.Savepoints.Cached(key)
	if !ok || record.Value.GetSavepoint().GetMetadata().GetUid() != claim.GetOwnerUid() {
		return nil
	}
	before, known := st.SavepointStatus.Cached(key)
	after := savepointReport(before.Value, next, claim.GetOwnerUid())
	conds := []store.Cond{
		st.Sessions.HeldBy(next.session.cluster, next.session.lease),
		st.Savepoints.Unchanged(key, record.Revision),
	}
	if known {
		conds = append(conds, st.SavepointStatus.Unchanged(key, before.Revision))
	} else {
		conds = append(conds, st.SavepointStatus.Absent(key))
	}
	var ops []store.Op
	if !proto.Equal(before.Value, after) {
		after.UpdateTime = state.Now()
		ops = append(ops, st.SavepointStatus.Put(key, after))
	}
	applied := next.acks[claim.GetOwnerUid()]
	if record.Value.GetDeleting() && applied.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED && applied.GetGeneration() >= record.Value.GetGeneration() {
		ops = append(ops, st.Bury(next.session.cluster, next.ref, claim.GetOwnerUid(), false))
	}
	if len(ops) == 0 {
		return nil
	}
	if _, err := st.Store.Commit(ctx, conds, ops); err != nil {
		return fmt.Errorf("store report on savepoint %s: %w", key, err)
	}
	return nil
}

func savepointReport(before *storev1.StatusRecord, next *report, owner string) *storev1.StatusRecord {
	after := &storev1.StatusRecord{OwnerUid: owner}
	if before.GetOwnerUid() == owner {
		after = clone(before)
	}
	if s := next.status; s.GetOwnerUid() == owner {
		after.Status, after.Generation = s.GetStatus(), s.GetGeneration()
	}
	if ack := next.acks[owner]; ack != nil && ack.GetOutcome() != agentv1.Outcome_OUTCOME_DELETED {
		after.Problem = problemOf(ack)
	}
	return after
}

// savepointGone is what goes with the tombstone of a savepoint that was
// deleted: its record and what hangs on it.
func (r *reports) savepointGone(ctx context.Context, s *session, ack *agentv1.Ack) ([]store.Op, error) {
	if ack.GetRef().GetKind() != render.KindSnapshot {
		return nil, nil
	}
	claim, err := r.claim(ctx, &report{session: s, ref: ack.GetRef()})
	if err != nil || claim == nil || claim.GetOwnerUid() != ack.GetOwnerUid() {
		return nil, err
	}
	st, ref := r.fleet.State, ack.GetRef()
	return []store.Op{
		st.Savepoints.Remove(claim.GetKey()),
		st.SavepointStatus.Remove(claim.GetKey()),
		st.Claims.Remove(state.ClaimKey(s.cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName())),
	}, nil
}
