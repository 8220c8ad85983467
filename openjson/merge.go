package openjson

import "maps"

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

// With is a copy of an object with one key set.
func With(o Object, key string, value any) Object {
	out := maps.Clone(o)
	out[key] = value
	return out
}

// Without is a copy of an object with one key left out.
func Without(o Object, key string) Object {
	out := maps.Clone(o)
	delete(out, key)
	return out
}
