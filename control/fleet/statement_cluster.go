package fleet

import (
	"context"

	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// addStatementClusters puts the session clusters of those statements on their
// clusters that have one of their own. They are a second object of the same
// resource.
func (f *Fleet) addStatementClusters() {
	addKept(f, f.State.Statements, keptKind{
		collection: state.CollectionStatementClusters,
		render:     f.renderStatementCluster,
		store:      f.reports.storeStatementCluster,
		status: func(key string) (*storev1.StatusRecord, bool) {
			status, ok := f.State.StatementStatus.Cached(key)
			return status.Value.GetCluster(), ok && status.Value.GetCluster() != nil
		},
	})
}

func (f *Fleet) renderStatementCluster(env *cmfv1.Environment, key string) (*agentv1.Apply, error) {
	record, ok := f.State.Statements.Cached(key)
	if !ok || record.Value.GetDeleting() {
		return nil, nil // a tombstone has taken over
	}
	return render.StatementCluster(env, record.Value)
}

// storeStatementCluster stores what is new of the session cluster of a
// statement, in the status of the statement.
func (r *reports) storeStatementCluster(ctx context.Context, next *report, claim *storev1.ClaimRecord) error {
	st := r.fleet.State
	return storeStatus(ctx, r, next, claim, st.Statements, st.StatementStatus,
		func(record *storev1.StatementRecord) string { return record.GetStatement().GetMetadata().GetUid() },
		func(record *storev1.StatementRecord, before *storev1.StatusRecord) (*storev1.StatusRecord, []store.Op) {
			after := &storev1.StatusRecord{OwnerUid: claim.GetOwnerUid()}
			if before != nil {
				after = clone(before)
			}
			after.Cluster = observeObject(before.GetCluster(), next, claim.GetOwnerUid())
			after.Cluster.Status = ""
			rules.ConcludeClusterPhase(record, before, after)
			return after, nil
		})
}
