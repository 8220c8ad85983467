package environment

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/openweir/weir/control/access/accesstest"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is environments in which there can be pools, of which only the records
// are of interest.
type fixture struct {
	*service
	t     *testing.T
	pools *store.Collection[*cmfv1.ComputePool]
	// dropping is called before a pool is dropped.
	dropping func(key string)
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := storetest.New(storetest.Etcd(t))
	watches := resource.NewWatches()
	clusters := cluster.New(s, watches)
	f := &fixture{
		service: &service{Environments: New(s, watches, clusters)}, t: t,
		pools: store.NewCollection[*cmfv1.ComputePool](s, "pools"), dropping: func(string) {},
	}
	f.SetRegistry(resource.NewRegistry(f.Room(), resource.Room{Kinds: []resource.Registered{
		&resource.Kind[*cmfv1.ComputePool, *cmfv1.ComputePool]{
			Noun: "Pool", Records: f.pools, Metadata: (*cmfv1.ComputePool).GetMetadata,
			List: &query.List[resource.Item[*cmfv1.ComputePool]]{Plural: "pools"},
			Contained: &resource.Contained[*cmfv1.ComputePool]{
				Drop: func(ctx context.Context, _ *store.Object[*cmfv1.Environment], o *store.Object[*cmfv1.ComputePool]) error {
					f.dropping(o.Key)
					return resource.Update(ctx, s, o.Key, func(tx *store.Tx) error { f.pools.Delete(tx, o.Key); return nil })
				},
			},
		},
	}}))
	storetest.Start(t, s)
	f.write(func(tx *store.Tx) {
		clusters.Records.Put(tx, contract.DefaultCluster, &cmfv1.KubernetesCluster{})
		clusters.Status.Put(tx, contract.DefaultCluster, &storev1.ClusterStatusRecord{Namespaces: []string{"flink"}})
	})
	if _, err := f.CreateOrUpdateEnvironment(accesstest.Unrestricted(t.Context(), t), &cmfv1.CreateOrUpdateEnvironmentRequest{
		Environment: &cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink"},
	}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) write(change func(tx *store.Tx)) {
	f.t.Helper()
	if _, err := f.store.Update(f.t.Context(), func(tx *store.Tx) error { change(tx); return nil }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) addPool(name string) {
	f.t.Helper()
	f.write(func(tx *store.Tx) {
		f.pools.Put(tx, store.Key("prod", name), &cmfv1.ComputePool{Metadata: &cmfv1.ObjectMeta{Name: name}})
	})
}

// deleted deletes the environment, and gives what is left of it and of pools.
func (f *fixture) deleted(force bool) (left string, err error) {
	f.t.Helper()
	_, err = f.DeleteEnvironment(f.t.Context(), &cmfv1.DeleteEnvironmentRequest{EnvName: "prod", Force: force})
	at, viewErr := f.store.View(f.t.Context())
	if viewErr != nil {
		f.t.Fatal(viewErr)
	}
	environments, guards, pools := f.Records.In(at), f.clusters.Environments.In(at), f.pools.In(at)
	return fmt.Sprint(environments.Count(""), guards.Count(contract.DefaultCluster), pools.Count("")), err
}

func TestDelete(t *testing.T) {
	f := newFixture(t)
	for i := range 12 {
		f.addPool(fmt.Sprintf("pool-%02d", i))
	}
	left, err := f.deleted(false)
	want := "Cannot delete environment 'prod': it contains pools [pool-00, pool-01, pool-02, pool-03, pool-04, pool-05, pool-06, pool-07, pool-08, pool-09 and 2 more]. " +
		"Delete them first, or use ?force=true to delete the records and leave the workloads on the Kubernetes cluster running."
	if err == nil || err.Error() != want || left != "1 1 12" {
		t.Errorf("without force, %s are left: %v", left, err)
	}
	// What comes while the rest is dropped is dropped too.
	f.dropping = func(key string) {
		if key == "prod/pool-11" {
			f.addPool("late")
		}
	}
	if left, err := f.deleted(true); err != nil || left != "0 0 0" {
		t.Errorf("with force, %s are left: %v", left, err)
	}
	if _, err := f.deleted(true); err == nil || err.Error() != "Environment 'prod' not found." {
		t.Errorf("again: %v", err)
	}
}

func TestDeleteWhileResourcesAreCreated(t *testing.T) {
	f := newFixture(t)
	f.addPool("pool-0")
	added := 0
	f.dropping = func(string) {
		added++
		f.addPool(fmt.Sprintf("pool-%d", added))
	}
	left, err := f.deleted(true)
	if err == nil || err.Error() != "Environment 'prod' is being changed concurrently. Try again." || left != "1 1 1" {
		t.Errorf("%s are left: %v", left, err)
	}
}

func TestDeleteFailsIfAResourceCannotBeDropped(t *testing.T) {
	f := newFixture(t)
	f.addPool("pool-0")
	ctx, cancel := context.WithCancel(t.Context())
	f.dropping = func(string) { cancel() }
	if _, err := f.DeleteEnvironment(ctx, &cmfv1.DeleteEnvironmentRequest{EnvName: "prod", Force: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
