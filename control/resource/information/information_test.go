package information

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Kinds are counted by the registry; what there is none of is 0 and not absent.
func TestResourceInformation(t *testing.T) {
	s := storetest.New(storetest.Etcd(t))
	watches := resource.NewWatches()
	clusters := cluster.New(s, watches)
	environments := environment.New(s, watches, clusters)
	registry := resource.NewRegistry(clusters.Room(), environments.Room())
	environments.SetRegistry(registry)
	storetest.Start(t, s)
	i := New(Version{}, s, registry, environments)
	for _, want := range []*cmfv1.ResourceCounts{
		{Environments: proto.Int32(0)},
		{Environments: proto.Int32(0), KubernetesClusters: map[string]int32{"DISCONNECTED": 1, "DECOMMISSIONED": 1}},
	} {
		got, err := i.GetResourceInformation(t.Context(), &cmfv1.GetResourceInformationRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(want, got.GetStatus().GetResources(), protocmp.Transform()); difference != "" {
			t.Errorf("want -, got +:\n%s", difference)
		}
		if sum := got.GetStatus().GetResourceSummary(); sum.Cpu == nil || sum.Memory == nil {
			t.Errorf("the sum is %v", sum)
		}
		if _, err := s.Update(t.Context(), func(tx *store.Tx) error {
			for name, lifecycle := range map[string]string{"hub": "ACTIVE", "edge": "DECOMMISSIONED"} {
				clusters.Records.Put(tx, name, &cmfv1.KubernetesCluster{Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: lifecycle}})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
