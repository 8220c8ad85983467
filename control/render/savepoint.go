package render

import (
	"github.com/openweir/weir/control/contract"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Kinds of the operator beside FlinkDeployment.
const (
	KindSnapshot   = "FlinkStateSnapshot"
	KindSessionJob = "FlinkSessionJob"
)

// SnapshotRef names the FlinkStateSnapshot of a savepoint. Savepoints of
// different owners may have the same name, so it goes by uid.
func SnapshotRef(env *cmfv1.Environment, uid string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: FlinkAPIVersion,
		Kind:       KindSnapshot,
		Namespace:  env.GetKubernetesNamespace(),
		Name:       "savepoint-" + uid,
	}
}

// Savepoint renders the FlinkStateSnapshot of a savepoint. The operator would
// dispose of the files whenever the object is deleted, by whomever, a namespace
// that goes included; so it is told to only when users delete the savepoint. Of
// a complete one the object says where it is, so that it triggers no other one
// should it ever be made again.
func Savepoint(env *cmfv1.Environment, record *storev1.SavepointRecord, status *cmfv1.SavepointStatus) (*agentv1.Apply, error) {
	metadata, spec := record.GetSavepoint().GetMetadata(), record.GetSavepoint().GetSpec()
	savepoint := openjson.Object{
		"formatType":      spec.GetFormatType(),
		"disposeOnDelete": record.GetDeleting(),
		"alreadyExists":   false,
	}
	if spec.GetPath() != "" {
		savepoint["path"] = spec.GetPath()
	}
	if status.GetState() == contract.SavepointCompleted && status.GetPath() != "" {
		savepoint["path"], savepoint["alreadyExists"] = status.GetPath(), true
	}
	labels := map[string]string{}
	if len(env.GetName()) <= 63 {
		labels[environmentLabel] = env.GetName()
	}
	return object(SnapshotRef(env, metadata.GetUid()), metadata.GetUid(), record.GetGeneration(), labels, nil, openjson.Object{
		"backoffLimit": spec.GetBackoffLimit(),
		"jobReference": openjson.Object{"kind": record.GetJobKind(), "name": record.GetJobName()},
		"savepoint":    savepoint,
	})
}
