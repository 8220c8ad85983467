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

func (f *Fleet) addComputePools() {
	addKept(f, f.State.ComputePools, keptKind{
		collection: state.CollectionComputePools,
		render:     f.renderComputePool,
		store:      f.reports.storeComputePool,
		status:     statusIn(f.State.ComputePoolStatus),
		follow:     []func(context.Context) error{f.followAbilities},
	})
}

// followAbilities looks at the pools of a cluster whose agent has told anew what
// it can do.
func (f *Fleet) followAbilities(ctx context.Context) error {
	return follow(ctx, f.State.ClusterStatus, func(cluster string) {
		for _, ref := range f.State.ClusterEnvironments.CachedUnder(cluster) {
			env := store.Segments(ref.Key)[1]
			for _, pool := range f.State.ComputePools.CachedUnder(env) {
				f.changed(resource{state.CollectionComputePools, pool.Key})
			}
		}
	})
}

// runsSQL tells whether the agent of an environment's cluster runs SQL.
func (f *Fleet) runsSQL(env *cmfv1.Environment) bool {
	cluster, _ := f.State.ClusterStatus.Cached(store.Key(env.GetKubernetesClusterName()))
	return rules.RunsSQL(cluster.Value)
}

func (f *Fleet) renderComputePool(env *cmfv1.Environment, key string) (*agentv1.Apply, error) {
	pool, ok := f.State.ComputePools.Cached(key)
	if !ok || !rules.WantsCluster(pool.Value) {
		return nil, nil // a tombstone sees to the cluster, if there was one
	}
	// The two may be of different moments, but both revisions only grow.
	stored, _ := f.State.Environments.Cached(env.GetName())
	return render.ComputePool(env, pool.Value, max(pool.Revision, stored.Revision), f.runsSQL(env))
}

func (r *reports) storeComputePool(ctx context.Context, next *report, claim *storev1.ClaimRecord) error {
	return storeObject(ctx, r, next, claim, r.fleet.State.ComputePools, r.fleet.State.ComputePoolStatus,
		func(pool *cmfv1.ComputePool) string { return pool.GetMetadata().GetUid() }, nil)
}
