package environment

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/querytest"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestList(t *testing.T) {
	at := func(second int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: second} }
	listed := func(env *cmfv1.Environment) item { return item{Object: store.NewObject("", env)} }
	items := []item{
		listed(&cmfv1.Environment{Name: "test", CreatedTime: at(1), UpdatedTime: at(9), KubernetesNamespace: "flink-a"}),
		listed(&cmfv1.Environment{Name: "prod", CreatedTime: at(2), UpdatedTime: at(3), KubernetesNamespace: "flink-b",
			Metadata: &cmfv1.ObjectMeta{Labels: map[string]string{"tier": "1"}}}),
	}
	querytest.Agrees(t, list, &cmfv1.ListEnvironmentsRequest{}, "", "kubernetesNamespace name")
	for params, want := range map[*query.Params]string{
		{}: "prod test",
		{Sort: []string{"creationTimestamp,desc"}}:             "prod test",
		{Sort: []string{"metadata.updateTimestamp,desc"}}:      "test prod",
		{Filter: "labels.tier=1"}:                              "prod",
		{Search: "A", SearchScope: "kubernetesNamespace"}:      "test",
		{Search: "o", SearchScope: "kubernetesNamespace"}:      "",
		{Search: "o", SearchScope: "kubernetesNamespace,name"}: "prod",
	} {
		if got := querytest.Names(t, list, *params, items...); got != want {
			t.Errorf("%+v gives %q, want %q", *params, got, want)
		}
	}
	// No environment is so empty that listing it fails.
	querytest.Names(t, list, query.Params{Filter: "labels.a", Search: "a", SearchScope: "name", Sort: []string{"updateTimestamp"}}, listed(nil), listed(&cmfv1.Environment{}))
}
