package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query/fields"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// boat is a made-up kind of resource.
type boat struct {
	name, uid, state, port string
	length                 int
	labels                 map[string]string
	crew                   []string
}

// boats allows everything, barges nothing but pages and order.
var (
	boats = &List[boat]{
		Plural: "boats",
		Name:   func(b boat) string { return b.name },
		UID:    func(b boat) string { return b.uid },
		Sort: map[string]Order[boat]{
			"name":   By(func(b boat) string { return b.name }),
			"length": func(a, b boat) int { return a.length - b.length },
		},
		Filterable: true,
		Labels:     func(b boat) map[string]string { return b.labels },
		Attributes: map[string]func(boat) string{"state": func(b boat) string { return b.state }},
		Scopes: map[string]Scope[boat]{
			"name": Contains(func(b boat) string { return b.name }),
			"port": Equals(func(b boat) string { return b.port }),
			"crew": ContainsAny(func(b boat) []string { return b.crew }),
		},
		Message: (&cmfv1.Savepoint{}).ProtoReflect().Descriptor(),
	}
	barges = &List[boat]{
		Plural:  "barges",
		Name:    func(b boat) string { return b.name },
		Sort:    map[string]Order[boat]{"length": boats.Sort["length"]},
		Default: boats.Sort["length"].Descending(),
	}
)

func fleet() []boat {
	return []boat{
		{name: "dora", length: 9, state: "SAILING", port: "Kiel", labels: map[string]string{"sail": "red"}},
		{name: "anna", length: 12, state: "MOORED", port: "Kiel", crew: []string{"Ida", "Ole"}},
		{name: "carl", length: 9, state: "SAILING", port: "Oslo"},
		{name: "bert", length: 7, state: "SUNK", port: "Kiel-Holtenau", labels: map[string]string{"sail": "white"}},
		{name: "ANNA", length: 9, state: "", crew: []string{"Gerd"}},
	}
}

func namesOf(items []boat) string {
	all := make([]string, len(items))
	for i, b := range items {
		all[i] = b.name
	}
	return strings.Join(all, " ")
}

func TestRun(t *testing.T) {
	tests := []struct {
		name   string
		kind   *List[boat]
		params Params
		want   string
		total  int64
	}{
		{"all by name", boats, Params{}, "ANNA anna bert carl dora", 5},
		{"all in the kind's own order", barges, Params{}, "anna ANNA carl dora bert", 5},

		{"first page", boats, Params{Size: proto.Int32(2)}, "ANNA anna", 5},
		{"second page", boats, Params{Page: proto.Int32(1), Size: proto.Int32(2)}, "bert carl", 5},
		{"last page", boats, Params{Page: proto.Int32(2), Size: proto.Int32(2)}, "dora", 5},
		{"behind the last page", boats, Params{Page: proto.Int32(3), Size: proto.Int32(2)}, "", 5},
		{"far behind the last page", boats, Params{Page: proto.Int32(1<<31 - 1), Size: proto.Int32(MaxSize)}, "", 5},

		{"sorted", boats, Params{Sort: []string{"length"}}, "bert ANNA carl dora anna", 5},
		{"ascending", boats, Params{Sort: []string{"length,asc"}}, "bert ANNA carl dora anna", 5},
		{"descending", boats, Params{Sort: []string{"length,desc"}}, "anna ANNA carl dora bert", 5},
		{"capitals and spaces", boats, Params{Sort: []string{" length , DESC "}}, "anna ANNA carl dora bert", 5},
		{"two criteria", boats, Params{Sort: []string{"length", "name,desc"}}, "bert dora carl ANNA anna", 5},
		{"the same criterion twice", boats, Params{Sort: []string{"length", "length,desc"}}, "bert ANNA carl dora anna", 5},
		{"blank criterion", boats, Params{Sort: []string{"", " "}}, "ANNA anna bert carl dora", 5},
		{"sorting replaces the kind's own order", barges, Params{Sort: []string{"length"}}, "bert ANNA carl dora anna", 5},

		{"filter by name", boats, Params{Filter: "name=*a"}, "anna dora", 2},
		{"filter by label", boats, Params{Filter: "labels.sail"}, "bert dora", 2},
		{"filter by attribute", boats, Params{Filter: "state in (sailing, sunk)"}, "bert carl dora", 3},
		{"filter matches nothing", boats, Params{Filter: "name=none"}, "", 0},
		{"page of what the filter matches", boats, Params{Filter: "state=SAILING", Page: proto.Int32(1), Size: proto.Int32(1)}, "dora", 2},

		{"search ignores case", boats, Params{Search: "ANN", SearchScope: "name"}, "ANNA anna", 2},
		{"search in a field that must be equal", boats, Params{Search: "Kiel", SearchScope: "port"}, "anna dora", 2},
		{"and by case", boats, Params{Search: "kiel", SearchScope: "port"}, "", 0},
		{"search in a list", boats, Params{Search: "ole", SearchScope: "crew"}, "anna", 1},
		{"search in one of several", boats, Params{Search: "er", SearchScope: "name, crew"}, "ANNA bert", 2},
		{"search and filter", boats, Params{Search: "a", SearchScope: "name", Filter: "state=SAILING"}, "carl dora", 2},
		{"search for a space", boats, Params{Search: " ", SearchScope: "name"}, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q, err := Parse(test.kind, test.params)
			if err != nil {
				t.Fatal(err)
			}
			items := fleet()
			page := q.Run(items)
			if got := namesOf(page.Items); got != test.want {
				t.Errorf("items %q, want %q", got, test.want)
			}
			if got := page.Metadata.GetSize(); got != test.total {
				t.Errorf("metadata.size %d, want %d", got, test.total)
			}
			if got, want := namesOf(items), namesOf(fleet()); got != want {
				t.Errorf("the list itself became %q", got)
			}
		})
	}
}

func TestPageableEchoesTheRequest(t *testing.T) {
	tests := []struct {
		name       string
		params     Params
		page, size int32
		sorted     bool
	}{
		{"defaults", Params{}, 0, DefaultSize, false},
		{"given", Params{Page: proto.Int32(3), Size: proto.Int32(7)}, 3, 7, false},
		{"sorted", Params{Sort: []string{"name"}}, 0, DefaultSize, true},
		{"blank sort", Params{Sort: []string{""}}, 0, DefaultSize, false},
		{"the most", Params{Page: proto.Int32(1<<31 - 1), Size: proto.Int32(MaxSize)}, 1<<31 - 1, MaxSize, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q, err := Parse(boats, test.params)
			if err != nil {
				t.Fatal(err)
			}
			want := &cmfv1.Pageable{Page: &test.page, Size: &test.size, Sort: &cmfv1.Sort{
				Sorted: proto.Bool(test.sorted), Unsorted: proto.Bool(!test.sorted), Empty: proto.Bool(!test.sorted),
			}}
			if diff := cmp.Diff(want, q.Run(nil).Pageable, protocmp.Transform()); diff != "" {
				t.Errorf("pageable (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReportsViolations(t *testing.T) {
	tests := []struct {
		name   string
		kind   *List[boat]
		params Params
		want   []string
	}{
		{"page below 0", boats, Params{Page: proto.Int32(-1)}, []string{"page: must be at least 0, is -1."}},
		{"size 0", boats, Params{Size: proto.Int32(0)}, []string{"size: must be at least 1, is 0."}},
		{"unknown property", boats, Params{Sort: []string{"mast,desc"}}, []string{`sort: boats cannot be sorted by "mast" (allowed: length, name).`}},
		{"unknown direction", boats, Params{Sort: []string{"name,up"}}, []string{`sort: the direction of "name" must be asc or desc, is "up".`}},
		{"no direction after the comma", boats, Params{Sort: []string{"name,"}}, []string{`sort: the direction of "name" must be asc or desc, is "".`}},
		{"two properties in one", boats, Params{Sort: []string{"name,length"}}, []string{`sort: the direction of "name" must be asc or desc, is "length".`}},
		{"filter", boats, Params{Filter: "phase=A"}, []string{`filter: position 1: boats cannot be filtered by "phase" (allowed: name, labels.<key>, state).`}},
		{"filter of a list that cannot be filtered", barges, Params{Filter: "name=a"}, []string{"filter: barges cannot be filtered."}},
		{"search without searchScope", boats, Params{Search: "a"}, []string{"searchScope: must be given together with search (allowed: crew, name, port)."}},
		{"searchScope without search", boats, Params{SearchScope: "name"}, []string{"search: must be given together with searchScope."}},
		{"unknown scope", boats, Params{Search: "a", SearchScope: "name,mast"}, []string{`searchScope: boats cannot be searched in "mast" (allowed: crew, name, port).`}},
		{"empty scope", boats, Params{Search: "a", SearchScope: "name,"}, []string{`searchScope: boats cannot be searched in "" (allowed: crew, name, port).`}},
		{"search of a list that cannot be searched", barges, Params{Search: "a", SearchScope: "name"}, []string{"search: barges cannot be searched."}},
		{"fields", boats, Params{Fields: "mast"}, []string{`fields: "mast" is not a field in "mast" (allowed: apiVersion, kind, metadata, spec, status).`}},
		{"fields of a list without fields", barges, Params{Fields: "name"}, []string{"fields: the fields of barges cannot be selected."}},
		{"everything at once", boats, Params{
			Page: proto.Int32(-2), Size: proto.Int32(-3), Sort: []string{"a", "name,b"}, Filter: "name",
			SearchScope: "mast", Fields: "c",
		}, []string{
			"page: must be at least 0, is -2.",
			"size: must be at least 1, is -3.",
			`sort: boats cannot be sorted by "a" (allowed: length, name).`,
			`sort: the direction of "name" must be asc or desc, is "b".`,
			`filter: position 5: expected "=", "!=", "in" or "notin" after "name", found the end.`,
			"search: must be given together with searchScope.",
			`searchScope: boats cannot be searched in "mast" (allowed: crew, name, port).`,
			`fields: "c" is not a field in "c" (allowed: apiVersion, kind, metadata, spec, status).`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.kind, test.params)
			f, ok := errors.AsType[*apierror.Error](err)
			if !ok {
				t.Fatalf("got %v, want an API error", err)
			}
			if diff := cmp.Diff(test.want, f.Messages()); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if got := f.GRPCStatus().Code().String(); got != "InvalidArgument" {
				t.Errorf("code %s", got)
			}
		})
	}
}

func TestWhereFiltersACopy(t *testing.T) {
	q, err := Parse(boats, Params{Filter: "state=SAILING"})
	if err != nil {
		t.Fatal(err)
	}
	inOslo := q.Where(func(b boat) bool { return b.port == "Oslo" })
	inKiel := q.Where(func(b boat) bool { return b.port == "Kiel" })
	for want, query := range map[string]Query[boat]{"carl": inOslo, "dora": inKiel, "carl dora": q} {
		if got := namesOf(query.Run(fleet()).Items); got != want {
			t.Errorf("items %q, want %q", got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	tests := []struct {
		params Params
		want   bool
	}{
		{Params{}, true},
		{Params{Page: proto.Int32(1), Size: proto.Int32(2), Fields: "kind"}, true},
		{Params{Sort: []string{"name"}}, false},
		{Params{Filter: "labels.sail"}, false},
		{Params{Search: "a", SearchScope: "name"}, false},
	}
	for _, test := range tests {
		q, err := Parse(boats, test.params)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Plain(); got != test.want {
			t.Errorf("%+v is plain: %v", test.params, got)
		}
		if got := q.Where(func(boat) bool { return true }).Plain(); got {
			t.Errorf("%+v with a condition is plain", test.params)
		}
	}
}

// A source that is in order already can serve a plain query from the window.
func TestWindowReturnsThePage(t *testing.T) {
	items := fleet()
	slices.SortFunc(items, boats.total())
	for number := range int32(4) {
		q, err := Parse(boats, Params{Page: &number, Size: proto.Int32(2)})
		if err != nil {
			t.Fatal(err)
		}
		from, to := q.Window(len(items))
		want, got := q.Run(items), PageOf(q, items[from:to], len(items))
		if diff := cmp.Diff(namesOf(want.Items), namesOf(got.Items)); diff != "" {
			t.Errorf("page %d (-Run +Window):\n%s", number, diff)
		}
		if diff := cmp.Diff(want.Metadata, got.Metadata, protocmp.Transform()); diff != "" {
			t.Errorf("page %d (-Run +Page):\n%s", number, diff)
		}
	}
}

func TestFieldsReachTheQuery(t *testing.T) {
	q, err := Parse(boats, Params{Fields: "status.state"})
	if err != nil {
		t.Fatal(err)
	}
	savepoint := &cmfv1.Savepoint{Kind: "Savepoint", Status: &cmfv1.SavepointStatus{State: "FAILED", Error: "disk"}}
	want := &cmfv1.Savepoint{Kind: "Savepoint", Status: &cmfv1.SavepointStatus{State: "FAILED"}}
	if diff := cmp.Diff(want, fields.Apply(q.Fields, savepoint), protocmp.Transform()); diff != "" {
		t.Errorf("projected (-want +got):\n%s", diff)
	}
}

func TestParamsOf(t *testing.T) {
	tests := []struct {
		request proto.Message
		want    Params
	}{
		{&cmfv1.ListEnvironmentsRequest{}, Params{}},
		{
			&cmfv1.ListEnvironmentsRequest{
				Page: proto.Int32(0), Size: proto.Int32(5), Sort: []string{"a", "b"},
				Filter: "f", Search: "s", SearchScope: "c", Fields: "x",
			},
			Params{
				Page: proto.Int32(0), Size: proto.Int32(5), Sort: []string{"a", "b"},
				Filter: "f", Search: "s", SearchScope: "c", Fields: "x",
			},
		},
		{
			&cmfv1.ListKafkaDatabasesRequest{CatName: "c", Page: proto.Int32(2)},
			Params{Page: proto.Int32(2)},
		},
		{&cmfv1.GetEnvironmentRequest{EnvName: "e"}, Params{}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, ParamsOf(test.request)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", test.request, diff)
		}
	}
}

func ExampleParse() {
	environments := &List[*cmfv1.Environment]{
		Plural:     "environments",
		Name:       (*cmfv1.Environment).GetName,
		Sort:       map[string]Order[*cmfv1.Environment]{"name": By((*cmfv1.Environment).GetName)},
		Filterable: true,
		Message:    Descriptor[*cmfv1.Environment](),
	}
	query, err := Parse(environments, ParamsOf(&cmfv1.ListEnvironmentsRequest{
		Filter: "name=prod*", Sort: []string{"name,desc"}, Fields: "name",
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	page := query.Run([]*cmfv1.Environment{
		{Name: "prod-a", KubernetesNamespace: "flink"}, {Name: "test"}, {Name: "prod-b"},
	})
	for _, environment := range fields.ApplyAll(query.Fields, page.Items) {
		fmt.Printf("%q %q\n", environment.GetName(), environment.GetKubernetesNamespace())
	}
	fmt.Println(page.Metadata.GetSize(), "in all")
	// Output:
	// "prod-b" ""
	// "prod-a" ""
	// 2 in all
}
