package control_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/openweir/weir/control"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// What the control plane ends a superseded session with.
const superseded = "A newer session of the same cluster has begun."

func TestNewerSessionFencesTheOlder(t *testing.T) {
	one, two := startTwo(t)
	for name, newer := range map[string]*replica{"on the same replica": one, "on another replica": two} {
		t.Run(name, func(t *testing.T) {
			old := one.connect(t, hello("cluster-a", process("old")))
			young := newer.connect(t, hello("cluster-a", process("young")))
			old.awaitEnd(codes.Aborted, superseded)
			if young.welcome().GetEpoch() <= old.welcome().GetEpoch() {
				t.Errorf("epoch %d follows epoch %d", young.welcome().GetEpoch(), old.welcome().GetEpoch())
			}
			equal(t, "state", "CONNECTED", two.cluster(t, "cluster-a").GetStatus().GetState())
			young.beat("")
		})
	}
}

// An older session may say things until it learns of the newer one, and none of
// them counts. Here both keep talking while sessions take turns.
func TestReportsOfAnOlderSessionAreRefused(t *testing.T) {
	one, two := startTwo(t)
	old := one.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	one.saveApplication(t, "prod", "orders", running)
	sent := old.awaitApply("orders", 1)

	for n := range 10 {
		r := []*replica{two, one}[n%2]
		young := dial(t, r.agents, anyToken)
		young.begin(hello("cluster-a", holding(sent)))
		// The last word of the old session may come before the new one begins, or
		// after.
		old.report(sent, flinkStatus("STABLE", "FAILED", "old"))
		old.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Namespaces{Namespaces: &agentv1.NamespacesReport{Names: []string{"old"}}}})
		old.awaitEnd(codes.Aborted, superseded)
		await.Success(t, "Synced", func() error { return difference(true, young.synced() != nil) })
		young.report(sent, flinkStatus("STABLE", "RUNNING", "young"))
		awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
		// The namespaces are those of the newer Hello.
		r.saveEnvironment(t, numbered("turn", n))
		old = young
	}
}

func TestSilentAgentIsDisconnected(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *control.Config) { c.Heartbeat = minimal })
	a := r.connect(t, hello("cluster-a"))
	sent := time.Now()
	next := a.beat("").GetNextHeartbeat().AsDuration()
	if next < minimal*9/10 || next > minimal*11/10 {
		t.Errorf("next heartbeat is %s, want %s and a tenth", next, minimal)
	}
	replied := time.Now()
	a.awaitEnd(codes.DeadlineExceeded, "The agent has missed its heartbeats.")
	if silence := time.Since(sent); silence < 3*minimal {
		t.Errorf("the session ended after %s, want three heartbeats", silence)
	}
	disconnected(t, r, "The agent has missed its heartbeats.", replied)
}

// disconnected waits until cluster-a is so with a message, and checks that its
// last heartbeat was not long before the time, and not after it.
func disconnected(t testing.TB, r *replica, message string, last time.Time) {
	t.Helper()
	await.Success(t, "the disconnect", func() error {
		status := r.cluster(t, "cluster-a").GetStatus()
		return difference([]string{"DISCONNECTED", message}, []string{status.GetState(), status.GetMessage()})
	})
	got := r.cluster(t, "cluster-a").GetStatus().GetLastHeartbeatTimestamp().AsTime()
	if got.Before(last.Add(-await.Patience)) || got.After(last) {
		t.Errorf("last heartbeat was at %s, want about %s", got, last)
	}
}

func TestHeartbeatsMaintainASessionAndReportTheAPIServer(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *control.Config) { c.Heartbeat = minimal })
	a := r.connect(t, hello("cluster-a"))
	begun := time.Now()
	beating := time.NewTicker(minimal / 2)
	defer beating.Stop()
	for time.Since(begun) < 4*minimal { // longer than a silent session and its lease last
		a.beat("connection refused")
		<-beating.C
	}
	status := r.cluster(t, "cluster-a").GetStatus()
	equal(t, "status", []string{"CONNECTED", "connection refused"}, []string{status.GetState(), status.GetMessage()})
	a.beat("")
	awaitEqual(t, "the message", "", func() string { return r.cluster(t, "cluster-a").GetStatus().GetMessage() })
	equal(t, "messages of the last session", 0, len(a.deletes()))
	select {
	case <-a.ended:
		t.Errorf("the session ended: %v", a.err)
	default:
	}
}

func TestEndOfAConnectionIsReported(t *testing.T) {
	r := start(t)
	for _, test := range []struct {
		name string
		end  func(*agent)
		want string
	}{
		{"by the agent", func(a *agent) { _ = a.stream.CloseSend() }, "The agent closed its connection."},
		{"by the network", func(a *agent) { a.close() }, "The connection to the agent was lost."},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := r.connect(t, hello("cluster-a"))
			r.saveEnvironment(t, "prod")
			r.saveApplication(t, "prod", "orders", running)
			test.end(a)
			disconnected(t, r, test.want, time.Now())
			status := r.cluster(t, "cluster-a").GetStatus()
			warning := fmt.Sprintf("The status may be stale: Kubernetes cluster 'cluster-a' is disconnected since %s.",
				status.GetLastHeartbeatTimestamp().AsTime().UTC().Format(time.RFC3339))
			equal(t, "status.warning", any(warning), r.status(t, "prod", "orders")["warning"])

			r.connect(t, hello("cluster-a"))
			equal(t, "message", "", r.cluster(t, "cluster-a").GetStatus().GetMessage())
			equal(t, "status.warning", nil, r.status(t, "prod", "orders")["warning"])
		})
	}
}

func TestStoppingReplicaEndsItsSessions(t *testing.T) {
	one, two := startTwo(t)
	a := one.connect(t, hello("cluster-a"))
	one.stop(t)
	a.awaitEnd(codes.Unavailable, "The control plane replica that the agent was connected to has stopped.")
	disconnected(t, two, "The control plane replica that the agent was connected to has stopped.", time.Now())
	two.connect(t, hello("cluster-a"))
	equal(t, "state", "CONNECTED", two.cluster(t, "cluster-a").GetStatus().GetState())
}

// A replica that vanishes says nothing. The leader, on another one, finds that
// its sessions have expired.
func TestSessionOfALostReplicaExpires(t *testing.T) {
	t.Parallel()
	etcd := listeningEtcd(t)
	network := startProxy(t, hostOf(etcd))
	lost := startReplica(t, dialEtcd(t, network), "replica-1", func(c *control.Config) { c.Heartbeat = minimal })
	other := startReplica(t, etcd.Client(), "replica-2")
	a := lost.connect(t, hello("cluster-a"))
	last := time.Now()
	network.cut()
	disconnected(t, other, "The agent's session has expired: the control plane has received no heartbeat.", last)
	a.close()
	other.connect(t, hello("cluster-a"))
	equal(t, "state", "CONNECTED", other.cluster(t, "cluster-a").GetStatus().GetState())
	network.heal()
	await.Success(t, "the replica to see it too", func() error {
		got, err := lost.clusters.GetKubernetesCluster(t.Context(), &cmfv1.GetKubernetesClusterRequest{KubernetesClusterName: "cluster-a"})
		if err != nil {
			return err
		}
		return difference("CONNECTED", got.GetStatus().GetState())
	})
}
