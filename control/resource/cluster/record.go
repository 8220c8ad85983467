package cluster

import (
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// NewRecord is that of a cluster whose agent connects for the first time, with
// the labels that the agent was started with.
func NewRecord(name string, labels map[string]string, now *timestamppb.Timestamp) *cmfv1.KubernetesCluster {
	cluster := &cmfv1.KubernetesCluster{
		ApiVersion: contract.APIVersion,
		Kind:       contract.KindCluster,
		Metadata: &cmfv1.KubernetesClusterMetadata{
			Name: name, Uid: uuid.NewString(), CreationTimestamp: now, UpdateTimestamp: now,
		},
		Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: contract.LifecycleActive},
	}
	if len(labels) > 0 {
		cluster.Metadata.Labels = &cmfv1.StringMap{Entries: labels}
	}
	return cluster
}

// checkUpdate refuses an update that cannot be one of the cluster of the name.
func checkUpdate(name string, update *cmfv1.KubernetesCluster) error {
	var v apierror.Violations
	if n := update.GetMetadata().GetName(); n != "" && n != name {
		v.Addf("metadata.name: must equal the name in the path, '%s'", name)
	}
	validate.Kind(&v, update.GetKind(), contract.KindCluster)
	return v.Invalid()
}

// updated is the record after an update: what the update leaves out stays.
func updated(before, update *cmfv1.KubernetesCluster) *cmfv1.KubernetesCluster {
	after := proto.CloneOf(before)
	if s := update.GetSpec().GetLifecycleState(); s != "" {
		after.Spec.LifecycleState = s
	}
	if labels := update.GetMetadata().GetLabels(); labels != nil {
		after.Metadata.Labels = labels
	}
	if annotations := update.GetMetadata().GetAnnotations(); annotations != nil {
		after.Metadata.Annotations = annotations
	}
	return after
}
