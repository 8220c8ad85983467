package rules

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Decommissioned tells whether users took the cluster out of service.
func Decommissioned(cluster *cmfv1.KubernetesCluster) bool {
	return cluster.GetSpec().GetLifecycleState() == contract.LifecycleDecommissioned
}

// CheckClusterUpdate notes what is wrong with an update of the cluster called
// name.
func CheckClusterUpdate(name string, update *cmfv1.KubernetesCluster) error {
	var v apierror.Violations
	if n := update.GetMetadata().GetName(); n != "" && n != name {
		v.Addf("metadata.name: must equal the name in the path, '%s'", name)
	}
	CheckKind(&v, update.GetKind(), contract.KindCluster)
	return v.Invalid()
}

// UpdateCluster lays an update over what is stored: what is absent stays.
func UpdateCluster(before, update *cmfv1.KubernetesCluster) *cmfv1.KubernetesCluster {
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

// ClusterStatus is what users see of a cluster: whether it is in service, and
// if so whether an agent's session is alive.
func ClusterStatus(cluster *cmfv1.KubernetesCluster, reported *storev1.ClusterStatusRecord, session *storev1.SessionRecord) *cmfv1.KubernetesClusterStatus {
	last := latest(reported.GetLastHeartbeat(), session.GetLastHeartbeat())
	switch {
	case Decommissioned(cluster):
		return &cmfv1.KubernetesClusterStatus{State: contract.ClusterDecommissioned, LastHeartbeatTimestamp: last}
	case session == nil:
		message := reported.GetDisconnectMessage()
		if message == "" {
			message = "No agent of this cluster is connected."
		}
		return &cmfv1.KubernetesClusterStatus{State: contract.ClusterDisconnected, Message: message, LastHeartbeatTimestamp: last}
	default:
		return &cmfv1.KubernetesClusterStatus{
			State:                  contract.ClusterConnected,
			Message:                reported.GetKubernetesError(),
			LastHeartbeatTimestamp: last,
			KubernetesVersion:      reported.GetKubernetesVersion(),
		}
	}
}

// StaleWarning says why statuses reported from a cluster may be old; empty
// where they are not.
func StaleWarning(name string, status *cmfv1.KubernetesClusterStatus) string {
	switch status.GetState() {
	case contract.ClusterConnected:
		return ""
	case contract.ClusterDecommissioned:
		return "The status may be stale: Kubernetes cluster '" + name + "' is decommissioned."
	default:
		since := ""
		if t := status.GetLastHeartbeatTimestamp(); t != nil {
			since = " since " + t.AsTime().UTC().Format(time.RFC3339)
		}
		return "The status may be stale: Kubernetes cluster '" + name + "' is disconnected" + since + "."
	}
}

func latest(a, b *timestamppb.Timestamp) *timestamppb.Timestamp {
	if a == nil || (b != nil && b.AsTime().After(a.AsTime())) {
		return b
	}
	return a
}
