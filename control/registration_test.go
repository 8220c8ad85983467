package control_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/openweir/weir/control"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestClusterIsRegisteredByItsAgentConnecting(t *testing.T) {
	r := start(t)
	labels := func(l map[string]string) func(*agentv1.Hello) { return func(h *agentv1.Hello) { h.Labels = l } }

	first := r.connect(t, hello("cluster-a", labels(map[string]string{"region": "eu"})))
	welcome := first.welcome()
	equal(t, "server version", "1.2.3", welcome.GetServerVersion())
	equal(t, "decommissioned", false, welcome.GetLifecycle().GetDecommissioned())
	equal(t, "synced", int32(0), first.synced().GetSent())
	if d := welcome.GetNextHeartbeat().AsDuration(); d < longHeartbeat*9/10 || d > longHeartbeat*11/10 {
		t.Errorf("next heartbeat is %s, want %s and a tenth", d, longHeartbeat)
	}

	registered := r.cluster(t, "cluster-a")
	equal(t, "labels", map[string]string{"region": "eu"}, registered.GetMetadata().GetLabels().GetEntries())
	equal(t, "lifecycle", "ACTIVE", registered.GetSpec().GetLifecycleState())
	equal(t, "kind", "cmf.confluent.io/v1 KubernetesCluster", registered.GetApiVersion()+" "+registered.GetKind())
	equal(t, "state", "CONNECTED", registered.GetStatus().GetState())
	equal(t, "kubernetes version", "v1.37.2", registered.GetStatus().GetKubernetesVersion())
	if registered.GetMetadata().GetUid() == "" || !registered.GetMetadata().GetCreationTimestamp().IsValid() || !registered.GetStatus().GetLastHeartbeatTimestamp().IsValid() {
		t.Errorf("uid and times must be set: %v", registered)
	}

	// From now on the labels are the users'.
	first.close()
	second := r.connect(t, hello("cluster-a", labels(map[string]string{"region": "us"})))
	if second.welcome().GetEpoch() <= welcome.GetEpoch() {
		t.Errorf("epoch %d follows epoch %d", second.welcome().GetEpoch(), welcome.GetEpoch())
	}
	again := r.cluster(t, "cluster-a")
	equal(t, "metadata", registered.GetMetadata(), again.GetMetadata())
}

func TestSessionRequiresHelloOfAnAuthorizedAgent(t *testing.T) {
	r := start(t)
	for _, test := range []struct {
		name    string
		token   string
		first   *agentv1.ConnectRequest
		code    codes.Code
		message string
	}{
		{
			"unknown token", "wrong", helloRequest(hello("cluster-a")),
			codes.Unauthenticated, "the static token is unknown",
		},
		{
			"token of another cluster", oneToken, helloRequest(hello("cluster-b")),
			codes.PermissionDenied, `the static token is for cluster "cluster-a", not for "cluster-b"`,
		},
		{
			"heartbeat before Hello", anyToken,
			&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Heartbeat{Heartbeat: &agentv1.Heartbeat{}}},
			codes.InvalidArgument, "the first message must be a Hello",
		},
		{
			"empty message before Hello", anyToken, &agentv1.ConnectRequest{},
			codes.InvalidArgument, "the first message must be a Hello",
		},
		{
			"an invalid name, and no process id", anyToken, helloRequest(&agentv1.Hello{Cluster: "Cluster/A"}),
			codes.InvalidArgument, `cluster: must match "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"; process_id: must not be empty`,
		},
		{
			"no name", anyToken, helloRequest(&agentv1.Hello{ProcessId: "process-1"}),
			codes.InvalidArgument, "cluster: must not be empty",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := dial(t, r.agents, test.token)
			a.send(test.first)
			a.awaitEnd(test.code, test.message)
		})
	}

	t.Run("token of the cluster", func(t *testing.T) {
		a := dial(t, r.agents, oneToken)
		a.begin(hello("cluster-a"))
		await.Success(t, "Welcome", func() error { return difference(true, a.welcome() != nil) })
	})
	clusters := must(r.clusters.ListKubernetesClusters(t.Context(), &cmfv1.ListKubernetesClustersRequest{}))(t)
	equal(t, "clusters registered", 1, len(clusters.GetItems()))
}

func TestStreamWithoutHelloEnds(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *control.Config) { c.Heartbeat = minimal })
	a := dial(t, r.agents, anyToken)
	a.awaitEnd(codes.DeadlineExceeded, "no Hello was received in time")
}

func helloRequest(h *agentv1.Hello) *agentv1.ConnectRequest {
	return &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Hello{Hello: h}}
}
