package computepool

import (
	"fmt"
	"maps"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// objectsName is how claims name compute pools.
const objectsName = "compute-pools"

// object describes the session clusters of shared pools.
func (p *Pools) object() *resource.Object {
	return &resource.Object{
		Name:      objectsName,
		Resources: p.Records.Scope(""),
		Render:    p.render,
		// A cluster whose agent runs SQL gets a SQL gateway.
		Depends: []resource.Dependency{{Scope: p.clusters.Status.Scope(""), Keys: p.ofCluster}},
		Store: resource.Reported(p.Records, p.Status, func(pool *cmfv1.ComputePool) string { return pool.GetMetadata().GetUid() },
			func(_ *store.Tx, _ *store.Object[*cmfv1.ComputePool], before *storev1.StatusRecord, report resource.Report) (*storev1.StatusRecord, error) {
				return resource.Observe(before, report), nil
			}),
		Status: func(at store.Reader, key string) *storev1.StatusRecord { return p.Status.In(at).Get(key).Message() },
	}
}

// ofCluster are the keys of the pools of a workload cluster, whose key is given.
func (p *Pools) ofCluster(at store.Reader, cluster string) []string {
	var keys []string
	for in := range p.clusters.Environments.In(at).Under(cluster) {
		for pool := range p.Records.In(at).Under(store.Key(store.Segments(in.Key)[1])) {
			keys = append(keys, pool.Key)
		}
	}
	return keys
}

func (p *Pools) render(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
	pool := p.Records.In(at).Get(key)
	if pool == nil || !hasCluster(pool.Value()) {
		return nil, nil // a tombstone deletes the object, if there was one
	}
	return manifestOf(env.Value(), pool.Value(), max(pool.Revision, env.Revision), p.clusters.RunsSQL(at, env.Value().GetKubernetesClusterName()))
}

// manifestOf renders the session cluster of a shared pool: a FlinkDeployment
// without a job, with a SQL gateway where the agent runs SQL. version grows with
// every change of the pool or of the environment, whose defaults reach a running
// pool at once.
func manifestOf(env *cmfv1.Environment, pool *cmfv1.ComputePool, version int64, runsSQL bool) (*agentv1.Apply, error) {
	metadata := pool.GetMetadata()
	spec, err := ClusterSpec(env, pool)
	if err != nil {
		return nil, err
	}
	delete(spec, "job")
	if runsSQL {
		spec = manifest.WithSQLGateway(spec)
	}
	return manifest.Object(manifest.DeploymentRef(env, metadata.GetName()), metadata.GetUid(), version,
		manifest.Labels(env, metadata.GetLabels()), maps.Clone(metadata.GetAnnotations()), spec), nil
}

// ClusterSpec is the specification of a pool's clusters, with the defaults of its
// environment. It is the caller's to change.
func ClusterSpec(env *cmfv1.Environment, pool *cmfv1.ComputePool) (openjson.Object, error) {
	template, err := openjson.Parse(pool.GetSpec().GetClusterSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of compute pool %s: %w", pool.GetMetadata().GetName(), err)
	}
	defaults, err := openjson.Parse(env.GetComputePoolDefaults())
	if err != nil {
		return nil, fmt.Errorf("pool defaults of environment %s: %w", env.GetName(), err)
	}
	return flinkspec.ClusterSpec(template, defaults), nil
}
