package render

import (
	"fmt"
	"maps"

	"github.com/openweir/weir/control/rules"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// ComputePool renders the session cluster of a shared pool: a FlinkDeployment
// without a job, with a SQL gateway where the agent runs SQL. version grows with
// every change of the pool or of the environment, whose defaults reach a running
// pool at once.
func ComputePool(env *cmfv1.Environment, pool *cmfv1.ComputePool, version int64, runsSQL bool) (*agentv1.Apply, error) {
	metadata := pool.GetMetadata()
	spec, err := PoolCluster(env, pool)
	if err != nil {
		return nil, err
	}
	delete(spec, "job")
	if runsSQL {
		spec = withGateway(spec)
	}
	return object(DeploymentRef(env, metadata.GetName()), metadata.GetUid(), version,
		environmentLabels(env, metadata), maps.Clone(metadata.GetAnnotations()), spec)
}

// PoolCluster is the specification of a pool's clusters, with the defaults of
// its environment.
func PoolCluster(env *cmfv1.Environment, pool *cmfv1.ComputePool) (openjson.Object, error) {
	template, err := openjson.Parse(pool.GetSpec().GetClusterSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of compute pool %s: %w", pool.GetMetadata().GetName(), err)
	}
	defaults, err := openjson.Parse(env.GetComputePoolDefaults())
	if err != nil {
		return nil, fmt.Errorf("pool defaults of environment %s: %w", env.GetName(), err)
	}
	return rules.ClusterSpec(template, defaults), nil
}

// environmentLabels are a resource's labels, and the one that names its
// environment where a label can hold that.
func environmentLabels(env *cmfv1.Environment, metadata *cmfv1.ObjectMeta) map[string]string {
	labels := maps.Clone(metadata.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	if len(env.GetName()) <= 63 {
		labels[environmentLabel] = env.GetName()
	}
	return labels
}
