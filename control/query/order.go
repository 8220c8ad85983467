package query

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
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

// Described are the orders that most lists have: by name, uid, and the times of
// creation and update, each also under its full path. update is where an item's
// own metadata does not tell.
func Described[T any](metadata func(T) *cmfv1.ObjectMeta, update Order[T]) map[string]Order[T] {
	if update == nil {
		update = ByTimestamp(func(item T) *timestamppb.Timestamp { return metadata(item).GetUpdateTimestamp() })
	}
	return Aliased(map[string]Order[T]{
		"name":              By(func(item T) string { return metadata(item).GetName() }),
		"uid":               By(func(item T) string { return metadata(item).GetUid() }),
		"creationTimestamp": ByTimestamp(func(item T) *timestamppb.Timestamp { return metadata(item).GetCreationTimestamp() }),
		"updateTimestamp":   update,
	})
}

// Aliased adds each property under its full path too.
func Aliased[T any](properties map[string]Order[T]) map[string]Order[T] {
	both := make(map[string]Order[T], 2*len(properties))
	for property, order := range properties {
		both[property] = order
		both["metadata."+property] = order
	}
	return both
}

// Newest puts the newest first. The names of what comes to be within one
// millisecond are UUIDs that grow.
func Newest[T any](time, name Order[T]) Order[T] {
	return inTurn([]Order[T]{time, name}).Descending()
}

// Descriptor is that of a message, for List.Message.
func Descriptor[M proto.Message]() protoreflect.MessageDescriptor {
	var zero M
	return zero.ProtoReflect().Descriptor()
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
func parseSort[T any](list *List[T], sort []string, violations *apierror.Violations) []Order[T] {
	var orders []Order[T]
	for _, criterion := range sort {
		if strings.TrimSpace(criterion) == "" {
			continue
		}
		property, direction, directed := strings.Cut(criterion, ",")
		property, direction = strings.TrimSpace(property), strings.ToLower(strings.TrimSpace(direction))
		order, known := list.Sort[property]
		if !known {
			violations.Addf("sort: %s cannot be sorted by %q (allowed: %s).",
				list.Plural, property, strings.Join(names(list.Sort), ", "))
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
