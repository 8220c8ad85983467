package sqlcluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func ptr[T any](v T) *T { return &v }

func schema(types ...*cmfv1.DataType) *cmfv1.ResultSchema {
	out := &cmfv1.ResultSchema{}
	for i, t := range types {
		out.Columns = append(out.Columns, &cmfv1.ResultSchemaColumn{Name: fmt.Sprintf("c%d", i), Type: t})
	}
	return out
}

// clock is a Cluster with a time of the test's own.
func clock() (*Cluster, *time.Time) {
	c, now := New(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return now }
	return c, &now
}

func fetch(c *Cluster, owner string, offset, total int64) *agentv1.ResultPage {
	var page *agentv1.ResultPage
	c.Fetch(&agentv1.FetchResults{
		RequestId: "r", OwnerUid: owner, Offset: offset, MaxRows: 10, TotalRows: total, Schema: schema(&cmfv1.DataType{Type: "BIGINT"}),
	}, func(p *agentv1.ResultPage) { page = p })
	return page
}

func TestUnboundedRowsArriveOverTime(t *testing.T) {
	c, now := clock()
	var seen []int
	offset := int64(0)
	for range 4 {
		page := fetch(c, "one", offset, 0)
		if page.GetFinished() {
			t.Error("there is an end")
		}
		seen = append(seen, len(page.GetRows()))
		offset = page.GetNextOffset()
		*now = now.Add(time.Second)
	}
	if diff := cmp.Diff([]int{1, 5, 5, 5}, seen); diff != "" {
		t.Errorf("rows a page (-want +got):\n%s", diff)
	}
	if page := fetch(c, "one", 16, 0); len(page.GetRows()) != 5 || page.GetRows()[0] != `{"op":0,"row":["16"]}` {
		t.Errorf("the next page is %v", page)
	}
	if page := fetch(c, "one", 21, 0); len(page.GetRows()) != 0 || page.GetNextOffset() != 21 {
		t.Errorf("before its time comes %v", page)
	}
}

func TestRowsOfABoundedQuery(t *testing.T) {
	c, _ := clock()
	first := fetch(c, "one", 0, 12)
	second := fetch(c, "one", first.GetNextOffset(), 12)
	got := []any{len(first.GetRows()), first.GetFinished(), len(second.GetRows()), second.GetFinished()}
	if diff := cmp.Diff([]any{10, false, 2, true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyTheLastPageCanBeReadAgain(t *testing.T) {
	c, _ := clock()
	fetch(c, "one", 0, 100)
	second := fetch(c, "one", 10, 100)
	if again := fetch(c, "one", 10, 100); !cmp.Equal(second.GetRows(), again.GetRows()) {
		t.Errorf("the same page has other rows: %v", again)
	}
	if page := fetch(c, "one", 0, 100); page.GetFailure() != agentv1.ResultFailure_RESULT_FAILURE_GONE {
		t.Errorf("the page before can be had again: %v", page)
	}
	if page := fetch(c, "two", 40, 100); len(page.GetRows()) != 10 || page.GetNextOffset() != 50 {
		t.Errorf("a cluster that has forgotten goes on with %v", page)
	}
}

func TestReadersAreBounded(t *testing.T) {
	c, now := clock()
	for i := range maxReaders + 5 {
		*now = now.Add(time.Second)
		fetch(c, fmt.Sprint("owner-", i), 0, 100)
	}
	if len(c.readers) != maxReaders || c.readers["owner-0"] != nil {
		t.Errorf("%d readers are remembered, the first of them is %v", len(c.readers), c.readers["owner-0"])
	}
}

func TestRowsWithoutASchema(t *testing.T) {
	if got := row(nil, 3); got != `{"op":0,"row":["row-3"]}` {
		t.Errorf("got %s", got)
	}
}

func TestCellsFollowTheirTypes(t *testing.T) {
	text := &cmfv1.DataType{Type: "VARCHAR", Length: ptr(int32(5))}
	for name, test := range map[string]struct {
		dataType *cmfv1.DataType
		n        int64
		want     any
	}{
		"number":           {&cmfv1.DataType{Type: "INTEGER"}, 3, "3"},
		"boolean":          {&cmfv1.DataType{Type: "BOOLEAN"}, 3, "FALSE"},
		"decimal":          {&cmfv1.DataType{Type: "DECIMAL", Precision: ptr(int32(4)), Scale: ptr(int32(2))}, 123, "23.00"},
		"null":             {&cmfv1.DataType{Type: "INTEGER", Nullable: ptr(true)}, 6, nil},
		"text that is cut": {text, 12345, "12345"},
		"timestamp":        {&cmfv1.DataType{Type: "TIMESTAMP_WITHOUT_TIME_ZONE"}, 61, "2026-01-01 00:01:01.000"},
		"array":            {&cmfv1.DataType{Type: "ARRAY", ElementType: &cmfv1.DataType{Type: "INTEGER"}}, 1, []any{"1", "2"}},
		"map":              {&cmfv1.DataType{Type: "MAP", KeyType: text, ValueType: &cmfv1.DataType{Type: "INTEGER"}}, 1, []any{[]any{"col-1", "1"}}},
		"multiset":         {&cmfv1.DataType{Type: "MULTISET", ElementType: text}, 1, []any{[]any{"col-1", "1"}}},
		"row":              {&cmfv1.DataType{Type: "ROW", Fields: []*cmfv1.DataTypeField{{Name: "f", FieldType: text}}}, 1, []any{"f-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, cell("col", test.dataType, test.n)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
