// Package querytest is for tests of what lists of resources allow.
package querytest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/query"
)

// Agrees fails the test unless the list allows a parameter exactly if its request
// has it, and has the attributes and the scopes that are given.
func Agrees[T any](t *testing.T, list *query.List[T], request proto.Message, attributes, scopes string) {
	t.Helper()
	message := request.ProtoReflect().Descriptor()
	if list.Plural == "" || list.Name == nil || list.Filterable && list.Labels == nil {
		t.Error("the list lacks a plural, a name or labels")
	}
	for parameter, allowed := range map[string]bool{
		"page": true, "size": true, "sort": true,
		"filter": list.Filterable, "fields": list.Message != nil,
		"search": len(list.Scopes) > 0, "searchScope": len(list.Scopes) > 0,
	} {
		if has := message.Fields().ByJSONName(parameter) != nil; has != allowed {
			t.Errorf("%s: %s has it: %v, the list allows it: %v", parameter, message.Name(), has, allowed)
		}
	}
	if got := keys(list.Attributes); got != attributes {
		t.Errorf("attributes %q, want %q", got, attributes)
	}
	if got := keys(list.Scopes); got != scopes {
		t.Errorf("scopes %q, want %q", got, scopes)
	}
	for _, property := range []string{"name", "creationTimestamp", "updateTimestamp", "uid"} {
		if property == "updateTimestamp" && message.Name() == "ListApplicationEventsRequest" {
			continue // events never change
		}
		if list.Sort[property] == nil || list.Sort["metadata."+property] == nil {
			t.Errorf("cannot be sorted by %s and metadata.%s", property, property)
		}
	}
}

func keys[V any](table map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(table)), " ")
}

// Names joins the names of the items on the page of a request.
func Names[T any](t *testing.T, list *query.List[T], params query.Params, items ...T) string {
	t.Helper()
	q, err := query.Parse(list, params)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range q.Run(items).Items {
		names = append(names, list.Name(item))
	}
	return strings.Join(names, " ")
}
