package cluster

import (
	"slices"
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
		return "The status may be stale: Kubernetes cluster '" + name + "' is disconnected" + sinceTime(status.GetLastHeartbeatTimestamp()) + "."
	}
}

// unobservedWarning says why the agent of a connected cluster cannot see the objects of a
// definition that it has reported on.
func unobservedWarning(name, definition string, reported *storev1.ClusterStatusRecord) string {
	changed := reported.GetDefinitionsChanged()
	switch {
	case reported.GetKubernetesError() != "":
		return "The status may be stale: the agent of Kubernetes cluster '" + name + "' has not reached the API server" +
			sinceTime(reported.GetKubernetesErrorSince()) + ": " + reported.GetKubernetesError()
	case changed != nil && !slices.Contains(reported.GetCustomResourceDefinitions(), definition):
		return "The status may be stale: Kubernetes cluster '" + name + "' is without the custom resource definition " + definition + sinceTime(changed) + "."
	}
	return ""
}

func sinceTime(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return " since " + t.AsTime().UTC().Format(time.RFC3339)
}

func latest(a, b *timestamppb.Timestamp) *timestamppb.Timestamp {
	if a == nil || (b != nil && b.AsTime().After(a.AsTime())) {
		return b
	}
	return a
}
