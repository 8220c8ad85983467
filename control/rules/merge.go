package rules

import (
	"maps"
	"slices"
	"strings"
)

// Merge lays over on base: objects merge key by key at every depth, and
// anything else in over replaces what base has, lists and null included.
// Neither argument is changed, nor is it by setting fields of the result.
func Merge(base, over Object) Object {
	out := make(Object, len(base)+len(over))
	for key, value := range base {
		if _, replaced := over[key]; replaced {
			continue
		}
		if inner, isObject := value.(Object); isObject {
			value = Merge(inner, nil)
		}
		out[key] = value
	}
	for key, value := range over {
		if inner, isObject := value.(Object); isObject {
			beneath, _ := base[key].(Object)
			value = Merge(beneath, inner)
		}
		out[key] = value
	}
	return out
}

// FlattenConfiguration gives Flink configuration its flat form: the operator
// accepts nested objects for dotted keys, and a key must be the same key in
// both forms when defaults are merged. Lists are joined with semicolons, as
// the operator does.
func FlattenConfiguration(configuration Object) Object {
	out := Object{}
	flattenInto(out, "", configuration)
	return out
}

func flattenInto(out Object, prefix string, configuration Object) {
	// In order, so that a key given in both forms resolves the same each time:
	// the dotted form wins.
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		switch value := configuration[key].(type) {
		case Object:
			flattenInto(out, prefix+key+".", value)
		case []any:
			parts := make([]string, len(value))
			for i, v := range value {
				parts[i] = element(v)
			}
			out[prefix+key] = strings.Join(parts, ";")
		default:
			out[prefix+key] = value
		}
	}
}

// WithTextConfiguration is a specification whose Flink configuration is text
// throughout, which it is to Flink anyhow: the definitions of older operators
// allow nothing else. Options of null are left out.
func WithTextConfiguration(spec Object) Object {
	configuration, ok := spec[flinkConfigurations].(Object)
	if !ok {
		return spec
	}
	texts := Object{}
	for key, value := range FlattenConfiguration(configuration) {
		if value != nil {
			texts[key] = element(value)
		}
	}
	return with(spec, flinkConfigurations, texts)
}

// element is an element of a list as it appears in Flink configuration:
// strings as they are, anything else as its JSON.
func element(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return encode(value)
}

// with is a copy of an object with one key set.
func with(o Object, key string, value any) Object {
	out := maps.Clone(o)
	out[key] = value
	return out
}

// without is a copy of an object with one key left out.
func without(o Object, key string) Object {
	out := maps.Clone(o)
	delete(out, key)
	return out
}
