package cluster

import (
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// A cluster with environments stays in service, and one without writes no more than
// what has changed.
func TestDecommission(t *testing.T) {
	s := storetest.New(storetest.Etcd(t))
	c := New(s, resource.NewWatches())
	storetest.Start(t, s)
	environment := store.Key("edge", "prod")
	revision, err := s.Update(t.Context(), func(tx *store.Tx) error {
		c.Records.Put(tx, "edge", cluster("ACTIVE"))
		c.Environments.Put(tx, environment, &emptypb.Empty{})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rpc := &service{Clusters: c}
	set := func(lifecycle string) (*cmfv1.KubernetesCluster, error) {
		return rpc.UpdateKubernetesCluster(t.Context(), &cmfv1.UpdateKubernetesClusterRequest{
			KubernetesClusterName: "edge", Cluster: &cmfv1.KubernetesCluster{Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: lifecycle}},
		})
	}
	_, err = set("DECOMMISSIONED")
	if want := "Cannot decommission cluster 'edge': referenced by environments [prod]"; err == nil || err.Error() != want {
		t.Errorf("with an environment: %v, want %s", err, want)
	}
	if _, err := set("ACTIVE"); err != nil {
		t.Fatal(err)
	}
	at, err := s.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Get(at, "edge").Revision; got != revision {
		t.Errorf("an update that changes nothing writes the cluster at %d", got)
	}
	if _, err := s.Update(t.Context(), func(tx *store.Tx) error { c.Environments.Delete(tx, environment); return nil }); err != nil {
		t.Fatal(err)
	}
	got, err := set("DECOMMISSIONED")
	if err != nil || got.GetStatus().GetState() != "DECOMMISSIONED" {
		t.Errorf("without environments: %v, %v", got.GetStatus(), err)
	}
}
