package control_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestClusterUpdate(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a", func(h *agentv1.Hello) { h.Labels = map[string]string{"region": "eu"} }))
	update := func(c *cmfv1.KubernetesCluster) (*cmfv1.KubernetesCluster, error) {
		return r.clusters.UpdateKubernetesCluster(t.Context(), &cmfv1.UpdateKubernetesClusterRequest{KubernetesClusterName: "cluster-a", Cluster: c})
	}
	registered, before := r.cluster(t, "cluster-a"), r.stored(t)

	t.Run("an absent field is kept without a write", func(t *testing.T) {
		got := must(update(&cmfv1.KubernetesCluster{}))(t)
		equal(t, "cluster", registered, got)
		equal(t, "stored", before, r.stored(t))
	})
	t.Run("labels and annotations are replaced", func(t *testing.T) {
		got := must(update(&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{
			Name: "cluster-a", Annotations: &cmfv1.StringMap{Entries: map[string]string{"note": "x"}},
		}}))(t)
		equal(t, "labels", map[string]string{"region": "eu"}, got.GetMetadata().GetLabels().GetEntries())
		equal(t, "annotations", map[string]string{"note": "x"}, got.GetMetadata().GetAnnotations().GetEntries())
		if !got.GetMetadata().GetUpdateTimestamp().AsTime().After(registered.GetMetadata().GetUpdateTimestamp().AsTime()) {
			t.Errorf("updateTimestamp is still %v", got.GetMetadata().GetUpdateTimestamp())
		}
	})
	t.Run("{} clears", func(t *testing.T) {
		got := must(update(&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Labels: &cmfv1.StringMap{}}}))(t)
		equal(t, "labels", 0, len(got.GetMetadata().GetLabels().GetEntries()))
		equal(t, "annotations", map[string]string{"note": "x"}, got.GetMetadata().GetAnnotations().GetEntries())
	})
	t.Run("another name", func(t *testing.T) {
		_, err := update(&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Name: "cluster-b"}})
		refused(t, err, invalid("metadata.name: must equal the name in the path, 'cluster-a'"))
	})
	t.Run("unknown lifecycle", func(t *testing.T) {
		_, err := r.setLifecycle(t.Context(), "cluster-a", "RETIRED")
		refused(t, err, invalid("spec.lifecycleState: must be one of ACTIVE, DECOMMISSIONED"))
	})
	t.Run("unknown cluster", func(t *testing.T) {
		_, err := r.setLifecycle(t.Context(), "cluster-z", "ACTIVE")
		refused(t, err, notFound("Kubernetes cluster 'cluster-z' not found."))
	})
}

func TestDecommissionAndRecommission(t *testing.T) {
	one, two := startTwo(t)
	a := two.connect(t, hello("cluster-a"))
	one.saveEnvironment(t, "prod")
	one.saveEnvironment(t, "test")
	one.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)

	_, err := one.setLifecycle(t.Context(), "cluster-a", "DECOMMISSIONED")
	refused(t, err, invalid("Cannot decommission cluster 'cluster-a': referenced by environments [prod, test]"))

	// The delete of the application is under way when the cluster goes out of
	// service, and has to wait until it is back.
	one.deleteApplication(t, "prod", "orders", false)
	a.awaitDelete(1)
	for _, env := range []string{"prod", "test"} {
		must(one.environments.DeleteEnvironment(t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: env}))(t)
	}
	out := must(one.setLifecycle(t.Context(), "cluster-a", "DECOMMISSIONED"))(t)
	equal(t, "state", "DECOMMISSIONED", out.GetStatus().GetState())
	await.Success(t, "Lifecycle", func() error { return difference(true, a.lifecycle().GetDecommissioned()) })
	a.beat("") // heartbeats continue
	equal(t, "state", "DECOMMISSIONED", one.cluster(t, "cluster-a").GetStatus().GetState())

	idle := one.connect(t, hello("cluster-a", holding(sent)))
	a.awaitEnd(codes.Aborted, superseded)
	equal(t, "decommissioned", true, idle.welcome().GetLifecycle().GetDecommissioned())
	equal(t, "sent", int32(0), idle.synced().GetSent())
	equal(t, "messages", 2, len(idle.messages()))

	in := must(two.setLifecycle(t.Context(), "cluster-a", "ACTIVE"))(t)
	equal(t, "lifecycle", "ACTIVE", in.GetSpec().GetLifecycleState())
	idle.awaitEnd(codes.Unavailable, "The lifecycle state of the cluster has changed. Connect again.")
	back := two.connect(t, hello("cluster-a", holding(sent)))
	equal(t, "decommissioned", false, back.welcome().GetLifecycle().GetDecommissioned())
	equal(t, "name deleted", "orders", back.awaitDelete(1).GetRef().GetName())
	equal(t, "state", "CONNECTED", one.cluster(t, "cluster-a").GetStatus().GetState())
	one.saveEnvironment(t, "prod")
}

// Out of service and back restarts nothing.
func TestRecommissionSendsNothingThatDidNotChange(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	must(r.setLifecycle(t.Context(), "cluster-a", "DECOMMISSIONED"))(t)
	idle := r.connect(t, hello("cluster-a"))
	must(r.setLifecycle(t.Context(), "cluster-a", "ACTIVE"))(t)
	await.Closed(t, "the end of the idle session", idle.ended)
	back := r.connect(t, hello("cluster-a"))
	equal(t, "sent", int32(0), back.synced().GetSent())
	equal(t, "messages", 2, len(back.messages()))
}
