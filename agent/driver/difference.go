package driver

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is a field of an object that is not as it should be.
type difference struct {
	path      []string
	want, is  any
	wanted    bool // the field should be there
	redundant bool // the field should not be there, and is
}

// differences compares what is with what is wanted. Where exact, fields that
// are there and not wanted count too; else they may be defaults of the API
// server's.
func differences(want, is any, exact bool) []difference {
	return compare(nil, want, is, exact, nil)
}

func compare(path []string, want, is any, exact bool, found []difference) []difference {
	switch want := want.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		if !ok {
			break
		}
		return compareFields(path, want, is, exact, found)
	case []any:
		is, ok := is.([]any)
		if !ok || len(is) != len(want) {
			break
		}
		for i := range want {
			found = compare(extend(path, "["+strconv.Itoa(i)+"]"), want[i], is[i], exact, found)
		}
		return found
	default:
		if sameScalar(want, is) {
			return found
		}
	}
	return append(found, difference{path: path, want: want, is: is, wanted: true})
}

func compareFields(path []string, want, is map[string]any, exact bool, found []difference) []difference {
	for _, field := range slices.Sorted(maps.Keys(want)) {
		value, there := is[field]
		if !there && want[field] == nil {
			continue // an explicit null asks for nothing
		}
		found = compare(extend(path, field), want[field], value, exact, found)
	}
	if !exact {
		return found
	}
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if _, wanted := want[field]; !wanted {
			found = append(found, difference{path: extend(path, field), is: is[field], redundant: true})
		}
	}
	return found
}

// extend appends without ever sharing memory with another path.
func extend(path []string, field string) []string {
	return append(slices.Clip(path), field)
}

// sameScalar compares two scalars. An API server may answer 1 where 1.0 was
// applied.
func sameScalar(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// mergePatch makes the JSON merge patch that turns one value into another;
// empty where they are equal already.
func mergePatch(from, to map[string]any) map[string]any {
	patch := make(map[string]any)
	for field, value := range to {
		old, there := from[field]
		if there && len(differences(value, old, true)) == 0 {
			continue
		}
		oldMap, wasMap := old.(map[string]any)
		newMap, isMap := value.(map[string]any)
		if wasMap && isMap {
			patch[field] = mergePatch(oldMap, newMap)
			continue
		}
		if value != nil || there {
			patch[field] = value
		}
	}
	for field := range from {
		if _, stays := to[field]; !stays {
			patch[field] = nil
		}
	}
	return patch
}

// without is a copy of content that lacks the given paths.
func without(content map[string]any, paths [][]string) map[string]any {
	if len(paths) == 0 {
		return content
	}
	rest := maps.Clone(content)
	below := make(map[string][][]string)
	for _, path := range paths {
		if len(path) == 1 {
			delete(rest, path[0])
		} else {
			below[path[0]] = append(below[path[0]], path[1:])
		}
	}
	for field, paths := range below {
		if child, ok := rest[field].(map[string]any); ok {
			rest[field] = without(child, paths)
		}
	}
	return rest
}

// sensitive matches the names of fields whose values may be secret, much as
// Flink itself hides values of its configuration.
var sensitive = regexp.MustCompile(`(?i)password|secret|token|credential|api-?key|access-?key|account\.key|auth|jaas|http-headers`)

// valueLimit is how much of a value a message quotes, in characters.
const valueLimit = 80

// quote writes a value of a field for a message to users.
func quote(path []string, value any) string {
	if sensitive.MatchString(strings.Join(path, ".")) {
		return "(hidden)"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "(unprintable)"
	}
	if sensitive.Match(text) {
		return "(hidden)"
	}
	if runes := []rune(string(text)); len(runes) > valueLimit {
		return string(runes[:valueLimit]) + "…"
	}
	return string(text)
}

// pathString writes a path as users know it from kubectl.
func pathString(path []string) string {
	var b strings.Builder
	for i, field := range path {
		switch {
		case strings.HasPrefix(field, "["):
		case strings.ContainsAny(field, "./ "):
			field = "[" + strconv.Quote(field) + "]"
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(field)
	}
	return b.String()
}
