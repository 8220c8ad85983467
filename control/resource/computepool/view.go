package computepool

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// view is a pool as users see it.
func (p *Pools) view(item Item, detail resource.Detail) *cmfv1.ComputePool {
	pool, env := item.Value(), p.environments.Of(item.At, item.Key).Message()
	status := &cmfv1.ComputePoolStatus{}
	status.Phase, status.Message = Phase(item)
	if hasCluster(pool) {
		status.Warning = p.clusters.StaleWarning(item.At, env.GetKubernetesClusterName(), flink.DeploymentDefinition)
	}
	if detail.Resources {
		status.Resources, status.ResourceSummary = p.usage(item, env)
	}
	return &cmfv1.ComputePool{
		ApiVersion: pool.GetApiVersion(),
		Kind:       pool.GetKind(),
		Metadata:   resource.WithUpdateTime(pool.GetMetadata(), item.Reported().GetUpdateTime()),
		Spec:       pool.GetSpec(),
		Status:     status,
	}
}

// updateTime is that of the view.
func updateTime(item Item) *timestamppb.Timestamp {
	return resource.UpdateTime(item.Value().GetMetadata(), item.Reported().GetUpdateTime())
}

// usage counts what runs on a pool and adds up what it asks for.
func (p *Pools) usage(item Item, env *cmfv1.Environment) (*cmfv1.ResourcesByStatusAndTypeSummary, *cmfv1.ResourceUsageSummary) {
	counts := &cmfv1.ResourcesByStatusAndTypeSummary{Applications: map[string]int32{}, Statements: map[string]int32{}}
	sum := sessionUsage(env, item.Value())
	for _, name := range p.statementsOn(item.At, item.Key) {
		if occupant, ok := p.statements.Occupant(item.At, env, store.Key(env.GetName(), name)); ok {
			counts.Statements[occupant.Phase]++
			sum = flinkspec.AddUsage(sum, occupant.Usage)
		}
	}
	return counts, sum
}

// sessionUsage is what the session cluster of a pool requests without statements,
// which request TaskManagers.
func sessionUsage(env *cmfv1.Environment, pool *cmfv1.ComputePool) *cmfv1.ResourceUsageSummary {
	effective, err := ClusterSpec(env, pool)
	if err != nil || !hasCluster(pool) {
		return flinkspec.AddUsage(nil, nil)
	}
	return flinkspec.SessionUsage(effective)
}
