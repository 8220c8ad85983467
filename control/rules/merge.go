package rules

import (
	"fmt"
	"maps"
	"sort"
	"strings"
)

// Merge lays over on base: objects merge key by key at every depth, and
// anything else in over replaces what base has, lists included. Neither
// argument is changed.
func Merge(base, over Object) Object {
	out := make(Object, len(base)+len(over))
	maps.Copy(out, base)
	for key, value := range over {
		inner, isObject := value.(Object)
		if existing, ok := out[key].(Object); ok && isObject {
			out[key] = Merge(existing, inner)
			continue
		}
		if isObject {
			value = Merge(nil, inner)
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
	keys := make([]string, 0, len(configuration))
	for key := range configuration {
		keys = append(keys, key)
	}
	// In order, so that a key given in both forms resolves the same each time.
	sort.Strings(keys)
	for _, key := range keys {
		switch value := configuration[key].(type) {
		case Object:
			flattenInto(out, prefix+key+".", value)
		case []any:
			parts := make([]string, len(value))
			for i, v := range value {
				parts[i] = fmt.Sprint(v)
			}
			out[prefix+key] = strings.Join(parts, ";")
		default:
			out[prefix+key] = value
		}
	}
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
