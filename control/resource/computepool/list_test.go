package computepool

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/querytest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func item(pool *cmfv1.ComputePool, reported *storev1.StatusRecord) Item {
	object := store.NewObject("", pool)
	object.Revision = 1
	return resource.NewItem(object, reported, nil)
}

func TestList(t *testing.T) {
	querytest.Agrees(t, list(), &cmfv1.ListComputePoolsRequest{}, "phase", "")
	ready := pool("SHARED", "RUNNING", "{}")
	ready.Metadata = &cmfv1.ObjectMeta{Name: "ready", Labels: map[string]string{"team": "a"}, UpdateTimestamp: &timestamppb.Timestamp{Seconds: 1}}
	dedicated := pool("DEDICATED", "", "{}")
	dedicated.Metadata = &cmfv1.ObjectMeta{Name: "dedicated", UpdateTimestamp: &timestamppb.Timestamp{Seconds: 2}}
	items := []Item{
		item(ready, &storev1.StatusRecord{Status: "{}", Generation: 1, JobManagerStatus: "READY", UpdateTime: &timestamppb.Timestamp{Seconds: 3}}),
		item(dedicated, nil),
		item(&cmfv1.ComputePool{}, nil), // no pool is so empty that listing it fails
	}
	for name, test := range map[string]struct {
		params query.Params
		want   string
	}{
		"by phase":            {query.Params{Filter: "phase=RUNNING"}, "ready"},
		"by label":            {query.Params{Filter: "labels.team=a"}, "ready"},
		"by name":             {query.Params{Filter: "name=dedicated"}, "dedicated"},
		"by the last report":  {query.Params{Sort: []string{"updateTimestamp,desc"}, Filter: "phase!=PENDING"}, "ready dedicated "},
		"in order of the uid": {query.Params{Sort: []string{"metadata.uid"}, Filter: "name!=ready"}, " dedicated"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := querytest.Names(t, list(), test.params, items...); got != test.want {
				t.Errorf("they are %q, want %q", got, test.want)
			}
		})
	}
}
