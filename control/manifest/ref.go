package manifest

import (
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The operator's API.
const (
	FlinkAPIVersion = "flink.apache.org/v1beta1"
	KindDeployment  = "FlinkDeployment"
	KindSnapshot    = "FlinkStateSnapshot"
	KindSessionJob  = "FlinkSessionJob"
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
		ApiVersion: FlinkAPIVersion, Kind: KindDeployment, Namespace: env.GetKubernetesNamespace(), Name: name,
	}
}

// SnapshotRef names the FlinkStateSnapshot of a savepoint. Savepoints of
// different owners may have the same name, so it goes by uid.
func SnapshotRef(env *cmfv1.Environment, uid string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: FlinkAPIVersion, Kind: KindSnapshot, Namespace: env.GetKubernetesNamespace(), Name: "savepoint-" + uid,
	}
}
