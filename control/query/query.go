package query

import (
	"slices"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/query/filter"
)

// Query is a list request that has been checked: which resources, in which
// order, which page of them and which of their fields.
type Query[T any] struct {
	number, size int32
	sorted       bool
	order        Order[T]
	conditions   []func(T) bool
	// Fields is applied to the items of a page once they are messages.
	Fields fields.Projection
}

// Parse checks the parameters against what the kind allows. The error
// lists everything that is wrong with them.
func Parse[T any](kind *Kind[T], params Params) (Query[T], error) {
	var violations apierror.Violations
	var q Query[T]
	q.number, q.size = parsePage(params, &violations)

	orders := parseSort(kind, params.Sort, &violations)
	q.sorted = len(orders) > 0
	if !q.sorted && kind.Default != nil {
		orders = []Order[T]{kind.Default}
	}
	q.order = kind.total(orders...)

	q.conditions = parseFilter(kind, params.Filter, &violations)
	if found := parseSearch(kind, params.Search, params.SearchScope, &violations); found != nil {
		q.conditions = append(q.conditions, found)
	}
	q.Fields = parseFields(kind, params.Fields, &violations)
	if err := violations.Invalid(); err != nil {
		return Query[T]{}, err
	}
	return q, nil
}

func parseFilter[T any](kind *Kind[T], input string, violations *apierror.Violations) []func(T) bool {
	if input != "" && !kind.Filterable {
		violations.Addf("filter: %s cannot be filtered.", kind.Plural)
		return nil
	}
	parsed, wrong := filter.Parse(input, kind.vocabulary())
	*violations = append(*violations, wrong...)
	return filter.Compile(parsed, kind.getters())
}

func parseFields[T any](kind *Kind[T], input string, violations *apierror.Violations) fields.Projection {
	if kind.Message == nil {
		if input != "" {
			violations.Addf("fields: the fields of %s cannot be chosen.", kind.Plural)
		}
		return fields.Projection{}
	}
	projection, wrong := fields.Parse(kind.Message, input)
	*violations = append(*violations, wrong...)
	return projection
}

// Where narrows the query by a condition of the service's own.
func (q Query[T]) Where(condition func(T) bool) Query[T] {
	q.conditions = append(slices.Clip(q.conditions), condition)
	return q
}

// Plain tells that the client asked for all resources in the default order, so
// that a source which has them in that order needs to give the Window only.
func (q Query[T]) Plain() bool { return len(q.conditions) == 0 && !q.sorted }

// Run gives the page of those items that match. It leaves the slice as it is.
func (q Query[T]) Run(items []T) Page[T] {
	matching := q.matching(items)
	from, to := q.Window(len(matching))
	if from == to {
		return q.Page(nil, len(matching))
	}
	return q.Page(first(matching, to, q.order)[from:], len(matching))
}

// matching gives the items that all conditions hold for.
func (q Query[T]) matching(items []T) []T {
	if len(q.conditions) == 0 {
		return items
	}
	var matching []T
	for _, item := range items {
		if q.Matches(item) {
			matching = append(matching, item)
		}
	}
	return matching
}

// Matches tells whether all conditions hold for the item.
func (q Query[T]) Matches(item T) bool {
	for _, condition := range q.conditions {
		if !condition(item) {
			return false
		}
	}
	return true
}
