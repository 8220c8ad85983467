package query

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
)

// Order compares two resources: negative where a comes before b, 0 where the
// order does not tell them apart.
type Order[T any] func(a, b T) int

// Descending is the order the other way round.
func (o Order[T]) Descending() Order[T] {
	return func(a, b T) int { return o(b, a) }
}

// By orders by text, byte by byte.
func By[T any](text func(T) string) Order[T] {
	return func(a, b T) int { return strings.Compare(text(a), text(b)) }
}

// ByTimestamp orders by time; those without one come first.
func ByTimestamp[T any](timestamp func(T) *timestamppb.Timestamp) Order[T] {
	return func(a, b T) int {
		x, y := timestamp(a), timestamp(b)
		if x == nil || y == nil {
			return cmp.Compare(present(x), present(y))
		}
		return cmp.Or(cmp.Compare(x.Seconds, y.Seconds), cmp.Compare(x.Nanos, y.Nanos))
	}
}

func present(t *timestamppb.Timestamp) int {
	if t == nil {
		return 0
	}
	return 1
}

// ByTime orders by time.
func ByTime[T any](instant func(T) time.Time) Order[T] {
	return func(a, b T) int { return instant(a).Compare(instant(b)) }
}

// inTurn lets each order decide what the ones before it left open.
func inTurn[T any](orders []Order[T]) Order[T] {
	if len(orders) == 1 {
		return orders[0]
	}
	return func(a, b T) int {
		for _, order := range orders {
			if c := order(a, b); c != 0 {
				return c
			}
		}
		return 0
	}
}

// parseSort reads the sort parameters, each "property" or "property,asc" or
// "property,desc". Blank ones count as not given.
func parseSort[T any](kind *Kind[T], sort []string, violations *apierror.Violations) []Order[T] {
	var orders []Order[T]
	for _, criterion := range sort {
		if strings.TrimSpace(criterion) == "" {
			continue
		}
		property, direction, directed := strings.Cut(criterion, ",")
		property, direction = strings.TrimSpace(property), strings.ToLower(strings.TrimSpace(direction))
		order, known := kind.Sort[property]
		if !known {
			violations.Addf("sort: %s cannot be sorted by %q (allowed: %s).",
				kind.Plural, property, strings.Join(names(kind.Sort), ", "))
		}
		if directed && !slices.Contains([]string{"asc", "desc"}, direction) {
			violations.Addf("sort: the direction of %q must be asc or desc, is %q.", property, direction)
		}
		if !known {
			continue
		}
		if direction == "desc" {
			order = order.Descending()
		}
		orders = append(orders, order)
	}
	return orders
}
