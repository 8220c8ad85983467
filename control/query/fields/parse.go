package fields

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/apierror"
)

// Limits of one projection.
const (
	MaxLength = 8192 // bytes
	MaxPaths  = 200
)

// always are the fields of a resource that no projection takes away.
var always = []protoreflect.Name{"api_version", "kind"}

// contractExamples are paths that the contract shows in the example which it
// gives for every list, whether or not the resources have them. They are no
// error anywhere, and choose nothing where they do not exist.
var contractExamples = []string{"status.phase", "metadata.createdTimestamp"}

// Parse reads a projection of messages of the type. A blank one chooses all.
// Every path that is wrong is reported.
func Parse(message protoreflect.MessageDescriptor, input string) (Projection, apierror.Violations) {
	var violations apierror.Violations
	if strings.TrimSpace(input) == "" {
		return Projection{}, nil
	}
	if len(input) > MaxLength {
		violations.Addf("fields: must be at most %d bytes long, is %d.", MaxLength, len(input))
		return Projection{}, violations
	}
	paths := strings.Split(input, ",")
	if len(paths) > MaxPaths {
		violations.Addf("fields: must have at most %d paths, has %d.", MaxPaths, len(paths))
		return Projection{}, violations
	}
	root := &node{}
	for _, name := range always {
		if message.Fields().ByName(name) != nil {
			root.child(name).whole = true
		}
	}
	for _, path := range paths {
		root.add(message, strings.TrimSpace(path), &violations)
	}
	if len(violations) > 0 {
		return Projection{}, violations
	}
	return Projection{root: root}, nil
}

// add chooses what the path leads to, from a message of the type.
func (n *node) add(message protoreflect.MessageDescriptor, path string, violations *apierror.Violations) {
	segments := strings.Split(path, ".")
	if slices.Contains(segments, "") {
		violations.Addf("fields: %q contains an empty name (paths look like metadata.name).", path)
		return
	}
	for i, segment := range segments {
		field := message.Fields().ByJSONName(segment)
		if field == nil {
			if !slices.Contains(contractExamples, path) {
				violations.Addf("fields: %q is not a field%s in %q (allowed: %s).",
					segment, within(segments[:i]), path, strings.Join(jsonNames(message), ", "))
			}
			return
		}
		n = n.child(field.Name())
		rest := segments[i+1:]
		switch {
		case len(rest) == 0:
			n.whole = true
			return
		case field.IsMap() || isOpen(field):
			n.keys = append(n.keys, strings.Join(rest, "."))
			return
		case isLeaf(field):
			violations.Addf("fields: %q has no fields of its own, in %q.", strings.Join(segments[:i+1], "."), path)
			return
		}
		message = field.Message()
	}
}

func (n *node) child(name protoreflect.Name) *node {
	if n.fields == nil {
		n.fields = make(map[protoreflect.Name]*node)
	}
	if n.fields[name] == nil {
		n.fields[name] = &node{}
	}
	return n.fields[name]
}

// isOpen tells the messages that REST shows as objects with keys of their own.
func isOpen(field protoreflect.FieldDescriptor) bool {
	m := field.Message()
	return m != nil && (m.FullName() == jsonObject || m.FullName() == stringMap)
}

// isLeaf tells the fields that REST shows as single values: scalars, and
// well-known types such as Timestamp.
func isLeaf(field protoreflect.FieldDescriptor) bool {
	m := field.Message()
	return m == nil || m.FullName().Parent() == "google.protobuf"
}

func within(segments []string) string {
	if len(segments) == 0 {
		return ""
	}
	return " of " + `"` + strings.Join(segments, ".") + `"`
}

func jsonNames(message protoreflect.MessageDescriptor) []string {
	names := make([]string, message.Fields().Len())
	for i := range names {
		names[i] = message.Fields().Get(i).JSONName()
	}
	return names
}
