package cluster

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Decommissioned is true for a cluster that users took out of service.
func Decommissioned(cluster *cmfv1.KubernetesCluster) bool {
	return cluster.GetSpec().GetLifecycleState() == contract.LifecycleDecommissioned
}

// statusOf says whether a cluster is in service, and if so whether a session of
// its agent is alive.
func statusOf(cluster *cmfv1.KubernetesCluster, reported *storev1.ClusterStatusRecord, session *storev1.SessionRecord) *cmfv1.KubernetesClusterStatus {
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

func staleWarning(name string, status *cmfv1.KubernetesClusterStatus) string {
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
