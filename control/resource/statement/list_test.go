package statement

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

func listed() []Item {
	item := func(name, text string, updated int64, reported *storev1.StatusRecord) Item {
		return resource.NewItem(store.NewObject("", &storev1.StatementRecord{Statement: &cmfv1.Statement{
			Metadata: &cmfv1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}, UpdateTimestamp: &timestamppb.Timestamp{Seconds: updated}},
			Spec:     &cmfv1.StatementSpec{Statement: text, ComputePoolName: "pool-of-" + name},
		}}), reported, nil)
	}
	return []Item{
		item("looking", "SELECT 1", 1, &storev1.StatusRecord{Phase: "RUNNING", UpdateTime: &timestamppb.Timestamp{Seconds: 3}}),
		item("copying", "INSERT INTO b SELECT * FROM a", 2, nil),
		{Object: store.NewObject("", (*storev1.StatementRecord)(nil))}, // no statement is so empty that listing it fails
	}
}

func TestList(t *testing.T) {
	querytest.Agrees(t, list(), &cmfv1.ListStatementsRequest{}, "phase", "name statement")
	for name, test := range map[string]struct {
		params query.Params
		want   string
	}{
		"by text":            {query.Params{Search: "insert", SearchScope: "statement,name"}, "copying"},
		"by phase":           {query.Params{Filter: "phase=RUNNING"}, "looking"},
		"by label":           {query.Params{Filter: "labels.name=copying"}, "copying"},
		"by the last report": {query.Params{Sort: []string{"updateTimestamp,desc"}}, "looking copying "},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, querytest.Names(t, list(), test.params, listed()...), test.want)
		})
	}
}

func TestParametersSpecificToStatements(t *testing.T) {
	for name, test := range map[string]struct {
		request *cmfv1.ListStatementsRequest
		want    string
	}{
		"a phase":        {&cmfv1.ListStatementsRequest{Phase: "running"}, "looking"},
		"a compute pool": {&cmfv1.ListStatementsRequest{ComputePool: "pool-of-copying"}, "copying"},
		"a name":         {&cmfv1.ListStatementsRequest{Name: "look*"}, "looking"},            //nolint:staticcheck // deprecated, but clients of CMF send it
		"all of them":    {&cmfv1.ListStatementsRequest{Phase: "RUNNING", Name: "copy*"}, ""}, //nolint:staticcheck // see above
	} {
		t.Run(name, func(t *testing.T) {
			keep, err := filterOf(test.request)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, item := range listed() {
				if keep(item) {
					got += metadataOf(item.Value()).GetName()
				}
			}
			same(t, got, test.want)
		})
	}
	if keep, err := filterOf(&cmfv1.ListStatementsRequest{}); keep != nil || err != nil {
		t.Errorf("without any it is a filter, %v", err)
	}
	_, err := filterOf(&cmfv1.ListStatementsRequest{Phase: "gone"})
	same(t, messages(t, err), []string{`phase: must be one of pending, running, failing, stopped, completed, failed, deleting, got "gone"`})
}
