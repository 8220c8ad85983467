package computepool

import (
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Annotations of a pool that widen what its statements may use, each a list separated
// by commas, in which * stands for everything. Who may change a pool chooses the
// image and the pods of its clusters too.
const (
	// ConnectorsAnnotation lists connectors of tables.
	ConnectorsAnnotation = validate.MarkPrefix + "sql-connectors"
	// PathsAnnotation lists what local paths, of the containers of the pool, begin with.
	PathsAnnotation = validate.MarkPrefix + "sql-paths"
	// OptionsAnnotation lists what the names of options in the Flink configuration of
	// statements begin with.
	OptionsAnnotation = validate.MarkPrefix + "sql-options"
)

// check validates a pool without its environment.
func check(pool *cmfv1.ComputePool) error {
	var v apierror.Violations
	validate.ObjectName(&v, "metadata.name", pool.GetMetadata().GetName())
	validate.Kind(&v, pool.GetKind(), contract.KindComputePool)
	validate.ObjectMetadata(&v, pool.GetMetadata(), ConnectorsAnnotation, PathsAnnotation, OptionsAnnotation)
	if err := v.Invalid(); err != nil {
		return err
	}
	spec := pool.GetSpec()
	if spec.GetState() != "" && !IsShared(pool) {
		v.Addf("spec.state: can only be set for pools of type %s", contract.PoolShared)
	}
	template, err := openjson.Parse(spec.GetClusterSpec())
	if err != nil {
		v.Addf("spec.clusterSpec: %v", err)
	}
	flinkspec.CheckTemplate(&v, template)
	return v.Unprocessable()
}

// checkUpdate refuses changes of what cannot change.
func checkUpdate(before, after *cmfv1.ComputePool) error {
	if was := before.GetSpec().GetType(); after.GetSpec().GetType() != was {
		return apierror.Unprocessable("spec.type: cannot change after creation, it is '" + was + "'")
	}
	return nil
}

// checkCluster says what is wrong with the clusters of a pool. inForce is the
// specification that the operator carried out last for the pool; nil where there
// is none.
func checkCluster(env *cmfv1.Environment, pool *cmfv1.ComputePool, inForce openjson.Object) error {
	effective, err := ClusterSpec(env, pool)
	if err != nil {
		return err
	}
	return flinkspec.CheckClusterSpec(inForce, effective, environment.PodSecurity(env))
}
