package fields

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Projection is a choice of fields of one type of message. The zero value
// chooses all.
type Projection struct {
	root *node
}

// node is a choice of what is in one field. It is whole, or has one of the
// other two by the type of the field.
type node struct {
	whole bool
	// fields of a message.
	fields map[protoreflect.Name]*node
	// keys of a map or paths into an open-ended object.
	keys []string
}

var (
	jsonObject = (*cmfv1.JsonObject)(nil).ProtoReflect().Descriptor().FullName()
	stringMap  = (*cmfv1.StringMap)(nil).ProtoReflect().Descriptor().FullName()
)

// All tells that nothing is left out.
func (p Projection) All() bool { return p.root == nil }

// Apply gives a copy of the message that has only the fields chosen. A message
// or list in which nothing of what was asked for is found is left out itself;
// the elements of a list that is there all stay, so that they can be counted.
// A projection to all gives the message as it is.
func Apply[M proto.Message](p Projection, message M) M {
	if p.All() {
		return message
	}
	clone := proto.CloneOf(message)
	p.root.prune(clone.ProtoReflect())
	return clone
}

// ApplyAll applies the projection to each message.
func ApplyAll[M proto.Message](p Projection, messages []M) []M {
	if p.All() {
		return messages
	}
	projected := make([]M, len(messages))
	for i, m := range messages {
		projected[i] = Apply(p, m)
	}
	return projected
}

// prune removes what was not chosen and tells whether anything is left.
func (n *node) prune(m protoreflect.Message) bool {
	m.SetUnknown(nil)
	found := false
	descriptors := m.Descriptor().Fields()
	for i := range descriptors.Len() {
		fd := descriptors.Get(i)
		if !m.Has(fd) {
			continue
		}
		if n.fields[fd.Name()].pruneField(m, fd) {
			found = true
		} else {
			m.Clear(fd)
		}
	}
	return found
}

func (n *node) pruneField(m protoreflect.Message, fd protoreflect.FieldDescriptor) bool {
	switch {
	case n == nil:
		return false
	case n.whole:
		return true
	case fd.IsMap():
		return n.pruneMap(m.Mutable(fd).Map())
	case fd.IsList():
		return n.pruneList(m.Mutable(fd).List())
	default:
		return n.pruneMessage(m.Mutable(fd).Message())
	}
}

func (n *node) pruneMessage(m protoreflect.Message) bool {
	switch value := m.Interface().(type) {
	case *cmfv1.JsonObject:
		selected, found := selectPaths(value.GetJson(), n.keys)
		value.Json = selected
		return found
	case *cmfv1.StringMap:
		entries := m.Descriptor().Fields().ByName("entries")
		return m.Has(entries) && n.pruneMap(m.Mutable(entries).Map())
	default:
		return n.prune(m)
	}
}

func (n *node) pruneMap(entries protoreflect.Map) bool {
	chosen := make(map[string]bool, len(n.keys))
	for _, key := range n.keys {
		chosen[key] = true
	}
	var others []protoreflect.MapKey
	entries.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		if !chosen[key.String()] {
			others = append(others, key)
		}
		return true
	})
	for _, key := range others {
		entries.Clear(key)
	}
	return entries.Len() > 0
}

// pruneList keeps the length of the list. An open-ended object in it becomes an
// empty object, not an empty text.
func (n *node) pruneList(list protoreflect.List) bool {
	found := false
	for i := range list.Len() {
		element := list.Get(i).Message()
		if n.pruneMessage(element) {
			found = true
		} else if object, ok := element.Interface().(*cmfv1.JsonObject); ok {
			object.Json = "{}"
		}
	}
	return found
}
