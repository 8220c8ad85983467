package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// list is one list of the contract: what is in it, and what it allows beyond
// the parameters that the contract has for it.
type list struct {
	path string
	// given makes one item, called {item}, and what it is in.
	given []step
	item  string
	// filters and sorts are the properties to filter and sort by.
	filters, sorts []string
	scopes         []string
	// field is a path that every item has.
	field string
}

var (
	times = []string{"name", "uid", "creationTimestamp", "updateTimestamp", "metadata.name"}
	// Environments have no uid.
	timesOfEnvironments = []string{"name", "creationTimestamp", "updateTimestamp", "metadata.name"}

	byState = []string{"name", "state"}
	byPhase = []string{"name", "phase"}
)

var lists = []list{
	{path: envs, given: []step{environment}, item: "envName", filters: []string{"name"}, sorts: timesOfEnvironments, scopes: []string{"name", "kubernetesNamespace"}, field: "name"},
	{path: apps, given: []step{suspended}, item: "appName", filters: byState, sorts: times, field: "metadata.name"},
	{path: instances, given: []step{instance}, item: "instName", sorts: times},
	{path: events, given: []step{settled, anEvent}, item: "eventName", filters: []string{"name", "type"}, sorts: times[:3], scopes: []string{"message", "flinkApplicationInstance"}, field: "metadata.name"},
	{path: appPoints, given: []step{savepoint}, item: "savepointName", filters: byState, sorts: times, field: "metadata.name"},
	{path: detacheds, given: []step{detached}, item: "detachedSavepointName", filters: byState, sorts: times, field: "metadata.name"},
	{path: secrets, given: []step{secret}, item: "secretName", filters: []string{"name"}, sorts: times, scopes: []string{"name", "environments"}, field: "metadata.name"},
	{path: mappings, given: []step{mapping}, item: "name", sorts: times},
	{path: catalogs, given: []step{catalog}, item: "catName", sorts: times},
	{path: databases, given: []step{database}, item: "dbName", sorts: times},
	{path: clusters, given: []step{cluster}, item: "kubernetesClusterName", filters: byState, sorts: times, field: "metadata.name"},
	{path: pools, given: []step{pool}, item: "computePoolName", filters: byPhase, sorts: times, field: "metadata.name"},
	{path: statements, given: []step{showing}, item: "stmtName", filters: byPhase, sorts: times, scopes: []string{"name", "statement"}, field: "metadata.name"},
	{path: stmtPoints, given: []step{stmtSavepoint}, item: "savepointName", filters: byState, sorts: times, field: "metadata.name"},
}

// settled is an application to which nothing happens any more.
func settled(s *scene) {
	running(s)
	s.awaits(oneApp, "status.lifecycleState", "STABLE")
}

// anEvent takes the oldest event of the application.
func anEvent(s *scene) {
	a := s.ask("GET", s.fill(events)+"?sort=creationTimestamp", "", "")
	s.vars["eventName"] = a.at("items.0.metadata.name").(string)
}

// TestEveryListIsInTheMatrix holds the matrix to the contract.
func TestEveryListIsInTheMatrix(t *testing.T) {
	for _, operation := range law.Operations {
		paged := operation.Parameters["query page"] != ""
		known := slices.ContainsFunc(lists, func(l list) bool { return l.path == operation.Path })
		if operation.Method == http.MethodGet && paged != known {
			t.Errorf("%s: pages in the contract: %v, in the matrix: %v", operation.Name(), paged, known)
		}
	}
}

// TestLists asks every list for everything that lists can be asked for.
func TestLists(t *testing.T) {
	for _, l := range lists {
		t.Run(l.path, func(t *testing.T) {
			s := newScene(t, inJSON)
			for _, step := range l.given {
				step(s)
			}
			t.Run("pages", func(t *testing.T) { l.pages(s.on(t)) })
			t.Run("sort", func(t *testing.T) { l.sort(s.on(t)) })
			t.Run("filter", func(t *testing.T) { l.filter(s.on(t)) })
			t.Run("search", func(t *testing.T) { l.search(s.on(t)) })
			t.Run("fields", func(t *testing.T) { l.fields(s.on(t)) })
			t.Run("include-resource-information", func(t *testing.T) { l.resources(s.on(t)) })
			t.Run("ETag", func(t *testing.T) { l.etag(s.on(t)) })
		})
	}
}

// on is the scene in a test within its own.
func (s *scene) on(t *testing.T) *scene { return &scene{t: t, format: s.format, vars: s.vars} }

func (l list) takes(parameter string) bool {
	operation, _ := operationOf(http.MethodGet, l.path)
	return operation.Parameters["query "+parameter] != ""
}

// get asks for the list with parameters, given as names and values in turn.
func (l list) get(s *scene, status int, parameters ...string) answer {
	s.t.Helper()
	query := url.Values{}
	for pair := range slices.Chunk(parameters, 2) {
		query.Add(pair[0], s.fill(pair[1]))
	}
	a := s.ask(http.MethodGet, s.fill(l.path)+"?"+query.Encode(), "", "")
	if a.status != status {
		s.t.Errorf("%s: answered %d, want %d: %s", a.request, a.status, status, a.body)
		return a
	}
	conforms(s.t, a, l.path, s.format, !query.Has("fields"))
	return a
}

// refused asks for what the list does not allow, which the answer has to name.
func (l list) refused(s *scene, names string, parameters ...string) {
	s.t.Helper()
	if a := l.get(s, http.StatusBadRequest, parameters...); !strings.Contains(string(a.body), names) {
		s.t.Errorf("%s: the answer does not name %s: %s", a.request, names, a.body)
	}
}

// itemNames are the names of the items of a page.
func itemNames(a answer) []string {
	items, _ := a.object["items"].([]any)
	out := make([]string, len(items))
	for i := range items {
		if out[i], _ = a.at(fmt.Sprintf("items.%d.metadata.name", i)).(string); out[i] == "" {
			out[i], _ = a.at(fmt.Sprintf("items.%d.name", i)).(string)
		}
	}
	return out
}

// finds asks for what has to hold the scene's item.
func (l list) finds(s *scene, parameters ...string) {
	s.t.Helper()
	a := l.get(s, http.StatusOK, append(parameters, "size", "2000")...)
	if !slices.Contains(itemNames(a), s.vars[l.item]) {
		s.t.Errorf("%s: %s is not there", a.request, s.vars[l.item])
	}
}

// findsNone asks for what nothing can match.
func (l list) findsNone(s *scene, parameters ...string) {
	s.t.Helper()
	if a := l.get(s, http.StatusOK, parameters...); len(itemNames(a)) != 0 || a.at("metadata.size") != 0.0 {
		s.t.Errorf("%s: found %v", a.request, itemNames(a))
	}
}

func (l list) pages(s *scene) {
	all := itemNames(l.get(s, http.StatusOK, "size", "2000"))
	var walked []string
	size := max(1, len(all)/3)
	for page := 0; ; page++ {
		a := l.get(s, http.StatusOK, "page", fmt.Sprint(page), "size", fmt.Sprint(size))
		for path, want := range map[string]any{
			"pageable.page": float64(page), "pageable.size": float64(size), "metadata.size": float64(len(all)),
			"pageable.sort.sorted": false, "pageable.sort.unsorted": true, "pageable.sort.empty": true,
		} {
			has(path, want)(s, a)
		}
		if len(itemNames(a)) == 0 || page > len(all) {
			break
		}
		walked = append(walked, itemNames(a)...)
	}
	if len(all) == 0 || !slices.Equal(walked, all) {
		s.t.Errorf("page after page gave %v, want %v", walked, all)
	}
	l.findsNoItem(s, "page", "2147483647", "size", "2000")
	l.refused(s, "page", "page", "-1")
	l.refused(s, "page", "page", "one")
	l.refused(s, "page", "page", "2147483648")
	l.refused(s, "size", "size", "0")
	limited := l.get(s, http.StatusOK, "size", "3000")
	has("pageable.size", 2000.0)(s, limited)
	if warnings := limited.header.Values("Warning"); !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "size: limited to 2000") }) {
		s.t.Errorf("%s: the Warning headers are %q", limited.request, warnings)
	}
	l.refused(s, "size", "size", "many")
}

// findsNoItem asks for a page behind the last.
func (l list) findsNoItem(s *scene, parameters ...string) {
	s.t.Helper()
	a := l.get(s, http.StatusOK, parameters...)
	if items, isList := a.object["items"].([]any); !isList || len(items) != 0 {
		s.t.Errorf("%s: items is %v, want []", a.request, a.object["items"])
	}
}

func (l list) sort(s *scene) {
	for _, property := range l.sorts {
		up := itemNames(l.get(s, http.StatusOK, "sort", property, "sort", "name", "size", "2000"))
		down := itemNames(l.get(s, http.StatusOK, "sort", property+",desc", "sort", "name,desc", "size", "2000"))
		slices.Reverse(down)
		if !slices.Equal(up, down) {
			s.t.Errorf("by %s, up is %v, and down, turned around, %v", property, up, down)
		}
		if property == "name" && !slices.IsSorted(up) {
			s.t.Errorf("by name: %v", up)
		}
	}
	has("pageable.sort.sorted", true)(s, l.get(s, http.StatusOK, "sort", "name,asc", "sort", "creationTimestamp,desc"))
	l.refused(s, "sort", "sort", "colour")
	l.refused(s, "sort", "sort", "name,sideways")
}

func (l list) filter(s *scene) {
	if !l.takes("filter") {
		l.finds(s, "filter", "name=none")
		return
	}
	item := "name={" + l.item + "}"
	l.finds(s, "filter", item)
	l.finds(s, "filter", item+"*,!labels.none")
	l.finds(s, "filter", "name in ({"+l.item+"}, other),labels.none!=a,labels.none notin (a, b)")
	l.findsNone(s, "filter", item+",labels.none")
	l.findsNone(s, "filter", item+",labels.none=a")
	l.findsNone(s, "filter", item+",labels.none in (a, b)")
	for _, property := range []string{"state", "phase", "type"} {
		if !slices.Contains(l.filters, property) {
			l.refused(s, property, "filter", property+"=RUNNING")
			continue
		}
		l.finds(s, "filter", item+","+property+"!=NONE")
		l.finds(s, "filter", item+","+property+" notin (NONE, OTHER)")
		l.findsNone(s, "filter", item+","+property+"=NONE")
		l.findsNone(s, "filter", item+","+property+" in (NONE, OTHER)")
	}
	l.refused(s, "colour", "filter", "colour=red")
	l.refused(s, "filter", "filter", "name=")
	l.refused(s, "filter", "filter", "name in (a")
}

func (l list) search(s *scene) {
	if !l.takes("search") {
		l.finds(s, "search", "none", "searchScope", "name")
		return
	}
	for _, scope := range l.scopes {
		l.findsNone(s, "search", "none-has-this", "searchScope", scope)
	}
	l.findsNone(s, "search", "none-has-this", "searchScope", strings.Join(l.scopes, ","))
	if slices.Contains(l.scopes, "name") {
		l.finds(s, "search", "{"+l.item+"}", "searchScope", "name")
	}
	l.refused(s, "colour", "search", "a", "searchScope", "colour")
	l.refused(s, "searchScope", "search", "a")
	l.refused(s, "search", "searchScope", l.scopes[0])
}

func (l list) fields(s *scene) {
	if !l.takes("fields") {
		l.finds(s, "fields", "none")
		return
	}
	a := l.get(s, http.StatusOK, "fields", l.field, "size", "2000")
	items, _ := a.object["items"].([]any)
	for _, item := range items {
		kept, _ := item.(map[string]any)
		top, _, _ := strings.Cut(l.field, ".")
		for name := range kept {
			if name != top && name != "apiVersion" && name != "kind" {
				s.t.Errorf("%s: an item has %s too", a.request, name)
			}
		}
		if kept[top] == nil || (kept["kind"] == nil && l.path != envs) {
			s.t.Errorf("%s: an item is %v", a.request, kept)
		}
	}
	l.refused(s, "colour", "fields", "metadata.colour")
}

func (l list) resources(s *scene) {
	if !l.takes("include-resource-information") {
		l.finds(s, "include-resource-information", "true")
		return
	}
	with := l.get(s, http.StatusOK, "include-resource-information", "true")
	without := l.get(s, http.StatusOK, "include-resource-information", "false")
	if with.at("items.0.status.resourceSummary") == nil || without.at("items.0.status.resourceSummary") != nil {
		s.t.Errorf("%s: %s; without: %s", with.request, with.body, without.body)
	}
	l.refused(s, "include-resource-information", "include-resource-information", "perhaps")
}

func (l list) etag(s *scene) {
	operation, _ := operationOf(http.MethodGet, l.path)
	if a := l.get(s, http.StatusOK); (a.header.Get("ETag") != "") != operation.Etag {
		s.t.Errorf("%s: ETag %q; the contract has one: %v", a.request, a.header.Get("ETag"), operation.Etag)
	}
}
