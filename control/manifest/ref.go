package manifest

import (
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The objects of an agent's SQL driver: no Kubernetes API server has them, but
// they are sent and reported on as if one had.
const (
	SQLAPIVersion = "sql.weir.dev/v1"
	KindStatement = "Statement"
)

// DeploymentRef names a FlinkDeployment of an environment.
func DeploymentRef(env *cmfv1.Environment, name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: flink.APIVersion, Kind: flink.KindDeployment, Namespace: env.GetKubernetesNamespace(), Name: name,
	}
}

// SnapshotRef names the FlinkStateSnapshot of a savepoint. Savepoints of
// different owners may have the same name, so it goes by uid.
func SnapshotRef(env *cmfv1.Environment, uid string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: flink.APIVersion, Kind: flink.KindStateSnapshot, Namespace: env.GetKubernetesNamespace(), Name: "savepoint-" + uid,
	}
}

// APIVersionOf is the API version of the objects of a kind that resources have.
func APIVersionOf(kind string) string {
	if kind == KindStatement {
		return SQLAPIVersion
	}
	return flink.APIVersion
}
