package computepool

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// field is the field of a pool that its clusters are made of.
const field = "spec.clusterSpec"

// admit holds the clusters of a pool to the allowed service accounts and to the policies.
// before is nil for a new pool.
func (p *Pools) admit(ctx context.Context, tx *store.Tx, env *cmfv1.Environment, before, pool *cmfv1.ComputePool) (warnings []string, err error) {
	effective, err := ClusterSpec(env, pool)
	if err != nil {
		return nil, err
	}
	if err := p.accounts.Check(tx, field, effective); err != nil {
		return nil, err
	}
	render := func(pool *cmfv1.ComputePool) (string, error) {
		if pool == nil {
			return "", nil
		}
		apply, err := manifestOf(env, pool, 0, IsShared(pool) && p.clusters.RunsSQL(tx, env.GetKubernetesClusterName()))
		return apply.GetManifest(), err
	}
	return p.policies.Check(ctx, tx, policy.Change{
		Environment: env, Field: field,
		Render: func() (string, error) { return render(pool) },
		Old:    func() (string, error) { return render(before) },
	})
}

// changes is true if an update changes the cluster's object.
func changes(before, after *cmfv1.ComputePool) bool {
	return !proto.Equal(before.GetSpec(), after.GetSpec()) ||
		!proto.Equal(resource.UserMetadata(before.GetMetadata()), resource.UserMetadata(after.GetMetadata()))
}

// suspends is true if an update does nothing but suspend a pool.
func suspends(before, after *cmfv1.ComputePool) bool {
	if after.GetSpec().GetState() != contract.PoolSuspended {
		return false
	}
	as := proto.CloneOf(after)
	as.Spec.State = before.GetSpec().GetState()
	return !changes(before, as)
}

// ServiceAccounts names the service accounts that pools use.
func (p *Pools) ServiceAccounts(at store.Reader) []string {
	var names []string
	for pool := range p.Records.In(at).Under("") {
		env := p.environments.Of(at, pool.Key)
		if env == nil {
			continue
		}
		effective, err := ClusterSpec(env.Value(), pool.Value())
		if err != nil {
			continue
		}
		for _, account := range flinkspec.ServiceAccounts(effective) {
			names = append(names, account.Name)
		}
	}
	return names
}
