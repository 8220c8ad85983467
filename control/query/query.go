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
	byName       bool
	order        Order[T]
	conditions   []func(T) bool
	// Fields is applied to the items of a page once they are messages.
	Fields fields.Projection
}

// Parse checks the parameters against what the list allows. The error
// lists everything that is wrong with them.
func Parse[T any](list *List[T], params Params) (Query[T], error) {
	var violations apierror.Violations
	var q Query[T]
	q.number, q.size = parsePage(params, &violations)

	orders := parseSort(list, params.Sort, &violations)
	q.sorted = len(orders) > 0
	if !q.sorted && list.Default != nil {
		orders = []Order[T]{list.Default}
	}
	q.byName = len(orders) == 0
	q.order = list.total(orders...)

	q.conditions = parseFilter(list, params.Filter, &violations)
	if found := parseSearch(list, params.Search, params.SearchScope, &violations); found != nil {
		q.conditions = append(q.conditions, found)
	}
	q.Fields = parseFields(list, params.Fields, &violations)
	if err := violations.Invalid(); err != nil {
		return Query[T]{}, err
	}
	return q, nil
}

func parseFilter[T any](list *List[T], input string, violations *apierror.Violations) []func(T) bool {
	if input != "" && !list.Filterable {
		violations.Addf("filter: %s cannot be filtered.", list.Plural)
		return nil
	}
	parsed, wrong := filter.Parse(input, list.vocabulary())
	*violations = append(*violations, wrong...)
	return filter.Compile(parsed, list.getters())
}

func parseFields[T any](list *List[T], input string, violations *apierror.Violations) fields.Projection {
	if list.Message == nil {
		if input != "" {
			violations.Addf("fields: the fields of %s cannot be selected.", list.Plural)
		}
		return fields.Projection{}
	}
	projection, wrong := fields.Parse(list.Message, input)
	*violations = append(*violations, wrong...)
	return projection
}

// Where narrows the query by a condition of the service's own.
func (q Query[T]) Where(condition func(T) bool) Query[T] {
	q.conditions = append(slices.Clip(q.conditions), condition)
	return q
}

// ByName is true if the resources are asked for in the order of their names, so that
// a source which has them in that order need not sort them.
func (q Query[T]) ByName() bool { return q.byName }

// Plain is true if all resources are asked for in the order of their names, so
// that a source which has them in that order needs to give the Window only.
func (q Query[T]) Plain() bool { return len(q.conditions) == 0 && q.byName }

// Select gives those of the matching items that are on the page, in order.
func (q Query[T]) Select(matching []T) []T {
	from, to := q.Window(len(matching))
	if from == to {
		return nil
	}
	return first(matching, to, q.order)[from:]
}

// Run gives the page of those items that match. It leaves the slice as it is.
func (q Query[T]) Run(items []T) Page[T] {
	matching := items
	if len(q.conditions) > 0 {
		matching = nil
		for _, item := range items {
			if q.Matches(item) {
				matching = append(matching, item)
			}
		}
	}
	return PageOf(q, q.Select(matching), len(matching))
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
