package rules_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/rules"
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
		"disconnected, nobody knows why": {
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
			same(t, rules.ClusterStatus(test.cluster, test.reported, test.session), test.want, protocmp.Transform())
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
		t.Run(name, func(t *testing.T) { same(t, rules.StaleWarning("edge", test.status), test.want) })
	}
}

func TestCheckClusterUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		update *cmfv1.KubernetesCluster
		want   []string
	}{
		"only what changes":     {update: &cmfv1.KubernetesCluster{}},
		"named as in the path":  {update: &cmfv1.KubernetesCluster{Kind: "KubernetesCluster", Metadata: &cmfv1.KubernetesClusterMetadata{Name: "edge"}}},
		"another name and kind": {&cmfv1.KubernetesCluster{Kind: "Environment", Metadata: &cmfv1.KubernetesClusterMetadata{Name: "core"}}, []string{"metadata.name: must equal the name in the path, 'edge'", `kind: must be "KubernetesCluster"`}},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, messages(t, rules.CheckClusterUpdate("edge", test.update)), test.want)
		})
	}
}

func TestUpdateCluster(t *testing.T) {
	entries := func(key string) *cmfv1.StringMap {
		return &cmfv1.StringMap{Entries: map[string]string{key: "x"}}
	}
	before := cluster("ACTIVE")
	before.Metadata.Uid, before.Metadata.Labels, before.Metadata.Annotations = "u", entries("a"), entries("b")
	for name, test := range map[string]struct {
		update *cmfv1.KubernetesCluster
		change func(*cmfv1.KubernetesCluster)
	}{
		"nothing": {&cmfv1.KubernetesCluster{}, func(*cmfv1.KubernetesCluster) {}},
		"only the life cycle": {
			&cmfv1.KubernetesCluster{Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: "DECOMMISSIONED"}},
			func(c *cmfv1.KubernetesCluster) { c.Spec.LifecycleState = "DECOMMISSIONED" },
		},
		"labels replaced, annotations cleared": {
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Labels: entries("c"), Annotations: &cmfv1.StringMap{}}},
			func(c *cmfv1.KubernetesCluster) {
				c.Metadata.Labels, c.Metadata.Annotations = entries("c"), &cmfv1.StringMap{}
			},
		},
		"what is output only stays": {
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Uid: "other"}, Status: &cmfv1.KubernetesClusterStatus{State: "CONNECTED"}},
			func(*cmfv1.KubernetesCluster) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, original := proto.CloneOf(before), proto.CloneOf(before)
			test.change(want)
			same(t, rules.UpdateCluster(before, test.update), want, protocmp.Transform())
			same(t, before, original, protocmp.Transform())
		})
	}
}
