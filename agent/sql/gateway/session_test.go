package gateway

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// fetch reads a page that a real gateway has sent.
func fetch(t *testing.T, file string) *Page {
	t.Helper()
	client := answering(t, http.StatusOK, file)
	page, err := (&Operation{session: &Session{client: client, Handle: "s"}, Handle: "o"}).Fetch(t.Context(), 5, JSON)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestAPageOfRows(t *testing.T) {
	page := fetch(t, "payload.json")
	if !page.Ready || page.Last || page.Next != 6 || page.JobID != "60a50c12d310de237abeb2cd4e335dbb" || !page.IsQuery {
		t.Errorf("the page is %+v", page)
	}
	if len(page.Rows) != 2 || page.Rows[1].Kind != "UPDATE_AFTER" || string(page.Rows[0].Fields[1]) != `{"a":null}` {
		t.Errorf("the rows are %v", page.Rows)
	}
	want := &cmfv1.ResultSchema{}
	if err := protojson.Unmarshal([]byte(`{"columns":[{"name":"EXPR$0","type":{"type":"INTEGER","nullable":false}},
		{"name":"m","type":{"type":"MAP","nullable":false,"keyType":{"type":"CHAR","nullable":false,"length":1},
			"valueType":{"type":"ROW","nullable":true,"fields":[{"name":"f","description":"d","fieldType":{"type":"DECIMAL","nullable":true,"precision":10,"scale":2}}]}}}]}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, Schema(page.Columns), protocmp.Transform()); diff != "" {
		t.Errorf("the columns (-want +got):\n%s", diff)
	}
}

func TestAPageThatIsNotReadyIsRequestedAgain(t *testing.T) {
	if page := fetch(t, "not-ready.json"); page.Ready || page.Last || page.Next != 5 {
		t.Errorf("the page is %+v", page)
	}
}

func TestTheLastPage(t *testing.T) {
	if page := fetch(t, "end.json"); !page.Ready || !page.Last {
		t.Errorf("the page is %+v", page)
	}
}
