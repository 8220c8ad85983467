package control_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

var outOfSpace = refusal{Code: codes.ResourceExhausted, HTTP: 507, Messages: []string{
	"etcd's space quota is used up, so nothing can be stored. Reads are not affected. Delete resources, " +
		"or free space in etcd: compact, defragment, and disarm the alarm NOSPACE.",
}}

// TestEtcdWithoutSpace: while etcd's space quota is used up, reads, sessions, deletions
// and readiness go on. What agents report meanwhile is stored once there is space.
func TestEtcdWithoutSpace(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t, embedded.Config{QuotaBytes: 4 << 20})
	r := startReplica(t, server.Client(), "replica-1")
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	r.saveApplication(t, "prod", "deleted", running)
	sent, deleted := a.awaitApply("orders", 1), a.awaitApply("deleted", 1)
	a.report(sent, flinkStatus("STABLE", "RUNNING", "job-1"))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })

	storetest.FillSpace(t, server.Client())
	a.report(sent, flinkStatus("STABLE", "FAILED", "job-1"))
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Namespaces{Namespaces: &agentv1.NamespacesReport{Names: []string{"default", "new"}}}})
	_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("test"))
	equal(t, "write", outOfSpace, refusalOf(err))
	if err := r.Ready(t.Context()); err != nil {
		t.Errorf("the replica is not ready, though it serves reads: %v", err)
	}
	if warnings := r.Warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], "space quota is used up") {
		t.Errorf("the warnings are %q", warnings)
	}
	refused := dial(t, r.agents, anyToken)
	refused.begin(hello("cluster-b"))
	await.Closed(t, "the end of a session that cannot begin", refused.ended)
	equal(t, "its end", outOfSpace, refusalOf(refused.err))

	must(r.applications.DeleteApplication(t.Context(), &cmfv1.DeleteApplicationRequest{EnvName: "prod", AppName: "deleted"}))(t)
	_, err = r.applications.GetApplication(t.Context(), &cmfv1.GetApplicationRequest{EnvName: "prod", AppName: "deleted"})
	equal(t, "the deleted application", codes.NotFound, refusalOf(err).Code)
	equal(t, "the state of the job", "RUNNING", r.jobState(t, "prod", "orders")) // what could be stored last
	a.beat("")
	equal(t, "messages that delete", 0, len(a.deletes()))

	storetest.FreeSpace(t, server.Client())
	awaitEqual(t, "the state of the job", "FAILED", func() string { return r.jobState(t, "prod", "orders") })
	await.Success(t, "the deletion of the object", func() error { return difference(1, len(a.deletes())) })
	equal(t, "the deleted object", fmt.Sprint(deleted.GetRef(), deleted.GetOwnerUid()), fmt.Sprint(a.deletes()[0].GetRef(), a.deletes()[0].GetOwnerUid()))
	a.beat("")
	await.Success(t, "an environment in the new namespace", func() error {
		_, err := r.environments.CreateOrUpdateEnvironment(t.Context(), environment("test", func(e *cmfv1.Environment) { e.KubernetesNamespace = "new" }))
		return err
	})
	select {
	case <-a.ended:
		t.Errorf("the session ended: %v", a.err)
	default:
	}
	r.saveApplication(t, "prod", "deleted", running) // the name is free again
}
