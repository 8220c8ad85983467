package cluster

import (
	"testing"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/querytest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestList(t *testing.T) {
	s := storetest.New(nil)
	c := New(s, resource.NewWatches())
	named := func(name, lifecycle string) item {
		record := cluster(lifecycle)
		record.Metadata.Name, record.Metadata.Labels = name, &cmfv1.StringMap{Entries: map[string]string{"at": name}}
		return item{Object: store.NewObject(name, record), At: s.Cached()}
	}
	items := []item{
		named("hub", "DECOMMISSIONED"), named("edge", "ACTIVE"),
		{Object: store.NewObject("", (*cmfv1.KubernetesCluster)(nil)), At: s.Cached()}, // none is so empty that listing it fails
	}
	querytest.Agrees(t, c.list(), &cmfv1.ListKubernetesClustersRequest{}, "state", "")
	for params, want := range map[*query.Params]string{
		{Filter: "state=DISCONNECTED", Sort: []string{"creationTimestamp"}}: " edge",
		{Filter: "state=decommissioned"}:                                    "hub",
		{Filter: "labels.at=edge"}:                                          "edge",
		{Sort: []string{"metadata.name,desc"}}:                              "hub edge ",
	} {
		if got := querytest.Names(t, c.list(), *params, items...); got != want {
			t.Errorf("%+v gives %q, want %q", *params, got, want)
		}
	}
}
