package query

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/query/filter"
)

// List declares what the list of one kind of resource allows. T is what is
// listed.
type List[T any] struct {
	// Plural names the resources in messages, such as "applications".
	Plural string
	// Name is unique in a list, or else UID is.
	Name func(T) string
	// UID is nil for kinds that have none.
	UID func(T) string
	// Sort holds the properties that a client can sort by, aliases included.
	Sort map[string]Order[T]
	// Default is the order where the client asks for none; nil means by name.
	// Whatever the order, ties are broken by name and then by UID, so that it
	// is total and pages neither repeat nor lose a resource.
	Default Order[T]
	// Filterable kinds take the parameter filter on name, labels and the
	// Attributes.
	Filterable bool
	Labels     func(T) map[string]string
	Attributes map[string]func(T) string
	// Scopes are the fields that search can look into. A kind without any
	// takes neither search nor searchScope.
	Scopes map[string]Scope[T]
	// Message is the type that the parameter fields chooses from; nil where the
	// kind does not take it.
	Message protoreflect.MessageDescriptor
}

// total is the order completed by name and UID.
func (l *List[T]) total(first ...Order[T]) Order[T] {
	orders := append(slices.Clip(first), By(l.Name))
	if l.UID != nil {
		orders = append(orders, By(l.UID))
	}
	return inTurn(orders)
}

func (l *List[T]) vocabulary() filter.Vocabulary {
	return filter.Vocabulary{Plural: l.Plural, Attributes: names(l.Attributes)}
}

func (l *List[T]) getters() filter.Getters[T] {
	return filter.Getters[T]{Name: l.Name, Labels: l.Labels, Attributes: l.Attributes}
}

// names gives the keys of a table in the order that messages list them.
func names[V any](table map[string]V) []string {
	return slices.Sorted(maps.Keys(table))
}
