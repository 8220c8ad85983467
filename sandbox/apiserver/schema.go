package apiserver

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// structure is the part of a structural OpenAPI schema that the sandbox holds
// objects to: types, enumerations, required fields, and which fields there are.
type structure struct {
	Type                 string                `json:"type"`
	Properties           map[string]*structure `json:"properties"`
	AdditionalProperties *structure            `json:"additionalProperties"`
	Items                *structure            `json:"items"`
	Enum                 []string              `json:"enum"`
	Required             []string              `json:"required"`
	Format               string                `json:"format"`
	Nullable             bool                  `json:"nullable"`
	PreserveUnknown      bool                  `json:"x-kubernetes-preserve-unknown-fields"`
	IntOrString          bool                  `json:"x-kubernetes-int-or-string"`
	ListType             string                `json:"x-kubernetes-list-type"`
	ListMapKeys          []string              `json:"x-kubernetes-list-map-keys"`
	MapType              string                `json:"x-kubernetes-map-type"`
}

// decodeStructure reads a schema as a custom resource definition holds it.
func decodeStructure(schema any) (*structure, error) {
	data, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	s := &structure{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("decode the schema: %w", err)
	}
	return s, nil
}

// prune removes the fields that the schema does not know, as an API server
// does without a word, and returns their paths.
func (s *structure) prune(value any, path string) []string {
	var pruned []string
	switch value := value.(type) {
	case map[string]any:
		for _, name := range sortedNames(value) {
			child, known := s.Properties[name]
			switch {
			case known:
			case s.AdditionalProperties != nil:
				child = s.AdditionalProperties
			case s.PreserveUnknown:
				continue
			default:
				delete(value, name)
				pruned = append(pruned, join(path, name))
				continue
			}
			pruned = append(pruned, child.prune(value[name], join(path, name))...)
		}
	case []any:
		if s.Items == nil {
			return nil
		}
		for i, item := range value {
			pruned = append(pruned, s.Items.prune(item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return pruned
}

// validate returns what is wrong with a value.
func (s *structure) validate(value any, path *field.Path) field.ErrorList {
	if value == nil && s.Nullable {
		return nil
	}
	if !s.accepts(value) {
		want := s.Type
		if s.IntOrString {
			want = "integer or string"
		}
		return field.ErrorList{field.TypeInvalid(path, typeName(value),
			fmt.Sprintf("%s in body must be of type %s: %q", path, want, typeName(value)))}
	}
	var wrong field.ErrorList
	switch value := value.(type) {
	case string:
		if len(s.Enum) > 0 && !contains(s.Enum, value) {
			wrong = append(wrong, field.NotSupported(path, value, s.Enum))
		}
	case int64:
		if s.Format == "int32" && (value > math.MaxInt32 || value < math.MinInt32) {
			wrong = append(wrong, field.Invalid(path, value, fmt.Sprintf("%s in body must be of type int32", path)))
		}
	case []any:
		for i, item := range value {
			if s.Items != nil {
				wrong = append(wrong, s.Items.validate(item, path.Index(i))...)
			}
		}
	case map[string]any:
		wrong = append(wrong, s.validateFields(value, path)...)
	}
	return wrong
}

func (s *structure) validateFields(value map[string]any, path *field.Path) field.ErrorList {
	var wrong field.ErrorList
	for _, name := range s.Required {
		if _, ok := value[name]; !ok {
			wrong = append(wrong, field.Required(child(path, name), ""))
		}
	}
	for _, name := range sortedNames(value) {
		if property, ok := s.Properties[name]; ok {
			wrong = append(wrong, property.validate(value[name], child(path, name))...)
		} else if s.AdditionalProperties != nil {
			wrong = append(wrong, s.AdditionalProperties.validate(value[name], path.Key(name))...)
		}
	}
	return wrong
}

// accepts tells whether the value is of the schema's type.
func (s *structure) accepts(value any) bool {
	if s.IntOrString {
		switch value.(type) {
		case int64, string:
			return true
		}
		return false
	}
	switch s.Type {
	case "":
		return true
	case "number":
		return typeName(value) == "number" || typeName(value) == "integer"
	case "integer":
		// 4.0 is an integer in JSON schema.
		if number, ok := value.(float64); ok {
			return number == math.Trunc(number)
		}
	}
	return typeName(value) == s.Type
}

// typeName names the JSON type of a decoded value.
func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64:
		return "integer"
	case float64:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return fmt.Sprintf("%T", value)
}

func child(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(name)
	}
	return path.Child(name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func contains(list []string, value string) bool {
	for _, item := range list {
		if item == value {
			return true
		}
	}
	return false
}

func sortedNames(value map[string]any) []string {
	names := make([]string, 0, len(value))
	for name := range value {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
