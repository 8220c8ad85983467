package scenario

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/internal/await"
)

// A cluster that is cut off from the control plane runs on, and follows when
// the network is back.
func TestClusterIsPartitionedFromTheControlPlane(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")
	env.run("untouched")
	env.run("updated")
	env.run("deleted")

	s.toControl.Drop()
	if message := s.awaitState("DISCONNECTED").String("message"); message == "" {
		t.Error("the status does not say why the cluster is disconnected")
	}
	env.post("updated", "parallelism: 3 => parallelism: 4")
	env.post("updated", "parallelism: 3 => parallelism: 5")
	env.post("created")
	env.delete("deleted")
	s.edit("untouched", `{"metadata":{"annotations":{"edited":"by hand"}}}`)
	untouched := env.settled("untouched")

	s.toControl.Heal()
	s.awaitState("CONNECTED")
	env.awaitApplication("created", "RUNNING")
	env.awaitDeployment("updated", "to be updated", parallelism(5))
	env.awaitGone("deleted")
	env.expectUntouched(untouched)
}

// A connection that is reset is made anew, and nobody notices.
func TestConnectionIsReset(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	untouched := env.run("untouched")

	for i := range 3 {
		s.toControl.Cut()
		name := fmt.Sprintf("after-cut-%d", i)
		env.post(name)
		env.awaitApplication(name, "RUNNING")
	}
	s.awaitState("CONNECTED")
	env.expectUntouched(untouched)
}

// An agent that cannot reach its own API server says so, and goes on when it
// can.
func TestAgentIsPartitionedFromItsAPIServer(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")
	untouched := env.run("untouched")

	s.toKube.Drop()
	p.await("the cluster's status to tell of the API server", func(ctx context.Context) error {
		status, err := s.status(ctx)
		if err != nil {
			return err
		}
		if status.String("message") == "" {
			return fmt.Errorf("the status is %v", status)
		}
		return nil
	})
	env.post("created")

	s.toKube.Heal()
	env.awaitApplication("created", "RUNNING")
	p.await("the cluster's status to be well again", func(ctx context.Context) error {
		status, err := s.status(ctx)
		if err != nil {
			return err
		}
		if status.String("state") != "CONNECTED" || status.String("message") != "" {
			return fmt.Errorf("the status is %v", status)
		}
		return nil
	})
	env.expectUntouched(untouched)
}

// Of two agents with one identity the newest acts, and when it is gone the
// other one does.
func TestTwoAgentsOfOneCluster(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	untouched := env.run("untouched")
	env.run("updated")

	older := s.agent
	older.Pause()
	s.config.Name = "agent-newer"
	s.startAgent()
	env.post("updated", "parallelism: 3 => parallelism: 5")
	env.awaitDeployment("updated", "to be updated by the newer agent", parallelism(5))

	older.Resume()
	env.post("updated", "parallelism: 3 => parallelism: 6")
	env.awaitDeployment("updated", "to be updated with both agents there", parallelism(6))
	s.agent.Kill()
	env.post("updated", "parallelism: 3 => parallelism: 7")
	// It was told that another agent acts, and waits up to a minute before it
	// asks again.
	await.Within(t, 3*time.Minute, "the older agent to act", func(ctx context.Context) error {
		object, err := s.deployments().Get(ctx, "updated", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return parallelism(7)(object)
	})
	env.awaitApplication("updated", "RUNNING")
	env.expectUntouched(untouched)
}
