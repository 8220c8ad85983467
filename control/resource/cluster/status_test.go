package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func cluster(lifecycle string) *cmfv1.KubernetesCluster {
	return &cmfv1.KubernetesCluster{
		Metadata: &cmfv1.KubernetesClusterMetadata{Name: "edge"},
		Spec:     &cmfv1.KubernetesClusterSpec{LifecycleState: lifecycle},
	}
}

func TestClusterStatus(t *testing.T) {
	earlier := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	later := timestamppb.New(earlier.AsTime().Add(time.Minute))
	reported := &storev1.ClusterStatusRecord{KubernetesVersion: "v1.37.2", LastHeartbeat: earlier, DisconnectMessage: "The agent has missed its heartbeats."}
	session := &storev1.SessionRecord{LastHeartbeat: later}
	for name, test := range map[string]struct {
		cluster  *cmfv1.KubernetesCluster
		reported *storev1.ClusterStatusRecord
		session  *storev1.SessionRecord
		want     *cmfv1.KubernetesClusterStatus
	}{
		"connected": {
			cluster("ACTIVE"), reported, session,
			&cmfv1.KubernetesClusterStatus{State: "CONNECTED", KubernetesVersion: "v1.37.2", LastHeartbeatTimestamp: later},
		},
		"connected, never disconnected before": {
			cluster(""), nil, session,
			&cmfv1.KubernetesClusterStatus{State: "CONNECTED", LastHeartbeatTimestamp: later},
		},
		"connected to an API server that fails": {
			cluster("ACTIVE"), &storev1.ClusterStatusRecord{KubernetesError: "connection refused"}, session,
			&cmfv1.KubernetesClusterStatus{State: "CONNECTED", Message: "connection refused", LastHeartbeatTimestamp: later},
		},
		"disconnected, with the reason and without a version": {
			cluster("ACTIVE"), reported, nil,
			&cmfv1.KubernetesClusterStatus{State: "DISCONNECTED", Message: "The agent has missed its heartbeats.", LastHeartbeatTimestamp: earlier},
		},
		"disconnected for an unknown reason": {
			cluster("ACTIVE"), nil, nil,
			&cmfv1.KubernetesClusterStatus{State: "DISCONNECTED", Message: "No agent of this cluster is connected."},
		},
		"decommissioned, whether an agent is connected": {
			cluster("DECOMMISSIONED"), reported, session,
			&cmfv1.KubernetesClusterStatus{State: "DECOMMISSIONED", LastHeartbeatTimestamp: later},
		},
		"or not": {
			cluster("DECOMMISSIONED"), reported, nil,
			&cmfv1.KubernetesClusterStatus{State: "DECOMMISSIONED", LastHeartbeatTimestamp: earlier},
		},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, statusOf(test.cluster, test.reported, test.session), test.want, protocmp.Transform())
		})
	}
}

func TestStaleWarning(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("", 3600)))
	for name, test := range map[string]struct {
		status *cmfv1.KubernetesClusterStatus
		want   string
	}{
		"connected":          {&cmfv1.KubernetesClusterStatus{State: "CONNECTED", LastHeartbeatTimestamp: at}, ""},
		"disconnected":       {&cmfv1.KubernetesClusterStatus{State: "DISCONNECTED", LastHeartbeatTimestamp: at}, "The status may be stale: Kubernetes cluster 'edge' is disconnected since 2026-01-02T02:04:05Z."},
		"never connected":    {&cmfv1.KubernetesClusterStatus{State: "DISCONNECTED"}, "The status may be stale: Kubernetes cluster 'edge' is disconnected."},
		"decommissioned":     {&cmfv1.KubernetesClusterStatus{State: "DECOMMISSIONED", LastHeartbeatTimestamp: at}, "The status may be stale: Kubernetes cluster 'edge' is decommissioned."},
		"not registered yet": {nil, "The status may be stale: Kubernetes cluster 'edge' is disconnected."},
	} {
		t.Run(name, func(t *testing.T) { same(t, staleWarning("edge", test.status), test.want) })
	}
}

func TestStaleWarningOfAConnectedCluster(t *testing.T) {
	const deployments, snapshots = "flinkdeployments.flink.apache.org", "flinkstatesnapshots.flink.apache.org"
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for name, test := range map[string]struct {
		reported *storev1.ClusterStatusRecord
		want     string
	}{
		"nothing reported":                  {nil, ""},
		"the definition exists":             {&storev1.ClusterStatusRecord{CustomResourceDefinitions: []string{deployments, snapshots}, DefinitionsChanged: at}, ""},
		"the definition has never existed":  {&storev1.ClusterStatusRecord{CustomResourceDefinitions: []string{snapshots}}, ""},
		"another definition was deleted":    {&storev1.ClusterStatusRecord{CustomResourceDefinitions: []string{deployments}, DefinitionsChanged: at}, ""},
		"the definition was deleted":        {&storev1.ClusterStatusRecord{CustomResourceDefinitions: []string{snapshots}, DefinitionsChanged: at}, "The status may be stale: Kubernetes cluster 'edge' is without the custom resource definition flinkdeployments.flink.apache.org since 2026-01-02T03:04:05Z."},
		"the API server cannot be reached":  {&storev1.ClusterStatusRecord{KubernetesError: "connection refused", KubernetesErrorSince: at}, "The status may be stale: the agent of Kubernetes cluster 'edge' has not reached the API server since 2026-01-02T03:04:05Z: connection refused"},
		"it is not known since when it has": {&storev1.ClusterStatusRecord{KubernetesError: "connection refused"}, "The status may be stale: the agent of Kubernetes cluster 'edge' has not reached the API server: connection refused"},
	} {
		t.Run(name, func(t *testing.T) { same(t, unobservedWarning("edge", deployments, test.reported), test.want) })
	}
}

func TestRunsSQL(t *testing.T) {
	for name, test := range map[string]struct {
		reported *storev1.ClusterStatusRecord
		want     bool
	}{
		"nothing reported yet": {nil, true},
		"with a driver":        {&storev1.ClusterStatusRecord{CustomResourceDefinitions: []string{"flinkdeployments.flink.apache.org", "statements.sql.weir.dev"}}, true},
		"without one":          {&storev1.ClusterStatusRecord{CustomResourceDefinitions: []string{"flinkdeployments.flink.apache.org"}}, false},
	} {
		t.Run(name, func(t *testing.T) { same(t, runsSQL(test.reported), test.want) })
	}
}

// same fails the test unless both are equal.
func same(t testing.TB, got, want any, options ...cmp.Option) {
	t.Helper()
	if difference := cmp.Diff(want, got, options...); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
