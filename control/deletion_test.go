package control_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// notDeleted answers a Delete with why the object is still there.
func (a *agent) notDeleted(m *agentv1.Delete, reason, message string) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
		Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Outcome: agentv1.Outcome_OUTCOME_RETRYING, Reason: reason, Message: message,
	}}})
}

func (r *replica) deletions(t testing.TB, cluster string) []*cmfv1.Deletion {
	t.Helper()
	return must(cmfv1.NewDeletionServiceClient(r.conn).GetDeletions(t.Context(), &cmfv1.GetDeletionsRequest{KubernetesClusterName: cluster}))(t).GetDeletions()
}

// TestWhatIsBeingDeletedCanBeSeen follows an application whose object has a finalizer
// that nobody removes, and its successor of the same name.
func TestWhatIsBeingDeletedCanBeSeen(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	former := r.saveApplication(t, "prod", "orders", running)
	a.applied(a.awaitApply("orders", 1))
	equal(t, "deletions of a cluster without any", 0, len(r.deletions(t, "cluster-a")))

	r.deleteApplication(t, "prod", "orders", false)
	deletion := a.awaitDelete(1)
	got := r.deletions(t, "cluster-a")
	if len(got) != 1 || !got[0].GetSince().IsValid() {
		t.Fatalf("the deletions are %v", got)
	}
	since := got[0].GetSince()
	want := &cmfv1.Deletion{
		ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "orders",
		OwnerUid: former.GetMetadata().GetUid(), Since: since,
	}
	equal(t, "the deletion before the agent reports", want, got[0])

	successor := r.saveApplication(t, "prod", "orders", rescaled)
	apply := a.awaitApply("orders", 2)
	equal(t, "owner of the second Apply", successor.GetMetadata().GetUid(), apply.GetOwnerUid())
	waiting := "Deleting: FlinkDeployment 'orders' in namespace 'flink' belongs to a resource that was deleted at " +
		since.AsTime().Format("2006-01-02T15:04:05Z07:00") + ", and is still being deleted from the cluster. " +
		"This resource is applied when it no longer exists."
	problem := func() any { return r.status(t, "prod", "orders")["error"] }
	awaitEqual(t, "error of the successor", any(waiting), problem)

	a.notDeleted(deletion, "Terminating", "It is waiting for the finalizer example.com/hold.")
	reason := waiting + " Terminating: It is waiting for the finalizer example.com/hold."
	awaitEqual(t, "error of the successor", any(reason), problem)
	want.Reason, want.Message = "Terminating", "It is waiting for the finalizer example.com/hold."
	equal(t, "the deletion after the agent has reported", want, r.deletions(t, "cluster-a")[0])
	for _, message := range []string{waiting, reason} {
		if !slices.Contains(r.history(t, "prod", "orders"), "WARNING "+message) {
			t.Errorf("there is no event %q among %q", message, strings.Join(r.history(t, "prod", "orders"), "\n"))
		}
	}
	// Messages are in order, so that another Delete would precede the next Apply.
	r.saveApplication(t, "prod", "orders", running)
	apply = a.awaitApply("orders", 3)
	equal(t, "Delete messages", 1, len(a.deletes()))

	a.deleted(deletion)
	a.applied(apply)
	awaitEqual(t, "error of the successor", any(nil), problem)
	equal(t, "deletions in the end", 0, len(r.deletions(t, "cluster-a")))
}

// TestDeletionsOfAnUnknownCluster: a cluster that is not registered is not found.
func TestDeletionsOfAnUnknownCluster(t *testing.T) {
	r := start(t)
	_, err := cmfv1.NewDeletionServiceClient(r.conn).GetDeletions(t.Context(), &cmfv1.GetDeletionsRequest{KubernetesClusterName: "none"})
	refused(t, err, refusal{Code: codes.NotFound, Messages: []string{"Kubernetes cluster 'none' not found."}})
}
