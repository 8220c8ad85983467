package scenario

import (
	"net/http"
	"testing"
)

// An agent that is killed comes back to what it was sent meanwhile, and to
// nothing else.
func TestAgentIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")
	untouched := env.run("untouched")
	env.run("updated")
	env.run("deleted")

	s.agent.Kill()
	if message := s.awaitState("DISCONNECTED").String("message"); message == "" {
		t.Error("the status does not say why the cluster is disconnected")
	}
	env.post("updated", "parallelism: 3 => parallelism: 5")
	env.post("created")
	env.delete("deleted")
	if warning := p.get(env.path+"/applications/untouched").String("status", "warning"); warning == "" {
		t.Error("the status of an application on a disconnected cluster does not warn that it may be stale")
	}

	s.startAgent()
	s.awaitState("CONNECTED")
	env.awaitApplication("created", "RUNNING")
	env.awaitDeployment("updated", "to be updated", parallelism(5))
	env.awaitGone("deleted")
	env.expectUntouched(untouched)
}

// An agent that is away while somebody edits and deletes what it keeps puts
// that right when it is back.
func TestAgentFindsDriftAfterItsRestart(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	env.run("edited")

	s.agent.Kill()
	s.edit("edited", `{"spec":{"job":{"parallelism":99}}}`)
	s.startAgent()
	env.awaitDeployment("edited", "to be put right", parallelism(3))
	env.awaitEvent("edited", "DRIFT", "99")
}

// A control plane that is killed loses nothing that it has accepted, and
// restarts nothing when it is back.
func TestControlPlaneIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")
	untouched := env.run("untouched")

	env.post("accepted")
	p.control.Kill()
	p.object(http.MethodGet, env.path+"/applications/untouched", "", http.StatusServiceUnavailable)

	p.startControl()
	s.awaitState("CONNECTED")
	env.awaitApplication("accepted", "RUNNING")
	env.awaitApplication("untouched", "RUNNING")
	canary(env)
	env.expectUntouched(untouched)
}

// Everything at once: all processes are killed and started again.
func TestEverythingIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	untouched := env.run("untouched")

	s.agent.Kill()
	p.control.Kill()
	p.startControl()
	s.startAgent()
	s.awaitState("CONNECTED")
	canary(env)
	env.expectUntouched(untouched)
}

// Any replica serves any agent: what one accepts the other's agent applies,
// and when a replica is killed its agent goes to another.
func TestReplicaIsKilled(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	replica, address := p.startReplica()
	s := newSite(p, east, "default-k8s-cluster")
	s.toControl.Redirect(address)
	s.join()
	env := s.createEnvironment("test")
	untouched := env.run("untouched")

	replica.Kill()
	s.toControl.Redirect(p.config.Agents)
	env.post("created")
	env.awaitApplication("created", "RUNNING")
	s.awaitState("CONNECTED")
	env.expectUntouched(untouched)
}
