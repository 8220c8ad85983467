package access

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// bindingFile is what is read of a file of role bindings, and what is wrong with its
// fields.
type bindingFile struct {
	given      bool // there is a list of role bindings
	specs      []*cmfv1.RoleBindingSpec
	violations apierror.Violations
}

func (f *bindingFile) read(document *yaml.Node) {
	if len(document.Content) == 0 {
		return
	}
	f.object("", document.Content[0], map[string]func(string, *yaml.Node){
		"roleBindings": func(path string, value *yaml.Node) {
			f.list(path, value, func(path string, item *yaml.Node) {
				spec := &cmfv1.RoleBindingSpec{}
				f.specs = append(f.specs, spec)
				f.spec(path, item, spec)
			})
			f.given = value.Kind == yaml.SequenceNode
		},
	})
}

func (f *bindingFile) spec(path string, node *yaml.Node, spec *cmfv1.RoleBindingSpec) {
	f.object(path, node, map[string]func(string, *yaml.Node){
		"principal":   f.text(&spec.Principal),
		"role":        f.text(&spec.Role),
		"environment": f.text(&spec.Environment),
		"resources": func(path string, value *yaml.Node) {
			f.list(path, value, func(path string, item *yaml.Node) {
				pattern := &cmfv1.ResourcePattern{}
				spec.Resources = append(spec.Resources, pattern)
				f.object(path, item, map[string]func(string, *yaml.Node){
					"resourceType": f.text(&pattern.ResourceType),
					"name":         f.text(&pattern.Name),
					"patternType":  f.text(&pattern.PatternType),
				})
			})
		},
	})
}

// object reads the fields of an object. path is its own, empty for the file.
func (f *bindingFile) object(path string, node *yaml.Node, fields map[string]func(path string, value *yaml.Node)) {
	node = resolved(node)
	if node.Kind != yaml.MappingNode {
		f.wrong(path, node, "must be an object")
		return
	}
	given := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolved(node.Content[i+1])
		field := key.Value
		if path != "" {
			field = path + "." + field
		}
		switch read := fields[key.Value]; {
		case read == nil:
			f.wrong(field, key, "is not a known field")
		case given[key.Value]:
			f.wrong(field, key, "is given twice")
		case value.Tag == "!!null":
		default:
			read(field, value)
		}
		given[key.Value] = true
	}
}

func (f *bindingFile) list(path string, node *yaml.Node, read func(path string, item *yaml.Node)) {
	if node.Kind != yaml.SequenceNode {
		f.wrong(path, node, "must be a list")
		return
	}
	for i, item := range node.Content {
		read(fmt.Sprintf("%s[%d]", path, i), item)
	}
}

func (f *bindingFile) text(into *string) func(string, *yaml.Node) {
	return func(path string, value *yaml.Node) {
		if value.Kind != yaml.ScalarNode || value.Tag != "!!str" {
			f.wrong(path, value, "must be a string")
			return
		}
		*into = value.Value
	}
}

func (f *bindingFile) wrong(path string, at *yaml.Node, rule string) {
	if path == "" {
		path = "the file"
	}
	f.violations.Addf("%s: %s (line %d)", path, rule, at.Line)
}

// resolved is what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}
