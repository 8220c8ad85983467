package driver

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is a field of an object that differs from its desired state.
type difference struct {
	path             []string
	desired, current any
	added            bool // the field exists and should not
}

// differences compares the current state with the desired one. With exact, any
// field that is not desired counts; without, it may be a default of the API
// server.
func differences(desired, current any, exact bool) []difference {
	return compare(nil, desired, current, exact, nil)
}

func compare(path []string, desired, current any, exact bool, found []difference) []difference {
	switch desired := desired.(type) {
	case map[string]any:
		current, ok := current.(map[string]any)
		if !ok {
			break
		}
		return compareFields(path, desired, current, exact, found)
	case []any:
		current, ok := current.([]any)
		if !ok || len(current) != len(desired) {
			break
		}
		for i := range desired {
			found = compare(extend(path, "["+strconv.Itoa(i)+"]"), desired[i], current[i], exact, found)
		}
		return found
	default:
		if equalScalars(desired, current) {
			return found
		}
	}
	return append(found, difference{path: path, desired: desired, current: current})
}

func compareFields(path []string, desired, current map[string]any, exact bool, found []difference) []difference {
	for _, field := range slices.Sorted(maps.Keys(desired)) {
		value, exists := current[field]
		if !exists && desired[field] == nil {
			continue // an explicit null desires nothing
		}
		found = compare(extend(path, field), desired[field], value, exact, found)
	}
	if !exact {
		return found
	}
	for _, field := range slices.Sorted(maps.Keys(current)) {
		if _, isDesired := desired[field]; !isDesired {
			found = append(found, difference{path: extend(path, field), current: current[field], added: true})
		}
	}
	return found
}

// extend appends to a path without sharing memory with other paths.
func extend(path []string, field string) []string {
	return append(slices.Clip(path), field)
}

// equalScalars compares two scalars. An API server may return 1 where 1.0 was
// applied.
func equalScalars(a, b any) bool {
	switch b.(type) {
	case map[string]any, []any:
		return false
	case int64:
		if _, ok := a.(int64); ok {
			return a == b // a float64 does not hold all digits
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
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

// mergePatch returns the JSON merge patch that turns one value into another; it
// is empty if they are equal. Numbers keep all digits of an int64, see
// docs/decisions/merge-patches.md.
func mergePatch(from, to map[string]any) map[string]any {
	patch := make(map[string]any)
	for field, value := range to {
		old, exists := from[field]
		if exists && len(differences(value, old, true)) == 0 {
			continue
		}
		oldMap, wasMap := old.(map[string]any)
		newMap, isMap := value.(map[string]any)
		if wasMap && isMap {
			patch[field] = mergePatch(oldMap, newMap)
			continue
		}
		if value != nil || exists {
			patch[field] = value
		}
	}
	for field := range from {
		if _, kept := to[field]; !kept {
			patch[field] = nil
		}
	}
	return patch
}

// without returns a copy of content without the given paths.
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
// Flink masks the values of its configuration.
var sensitive = regexp.MustCompile(`(?i)password|secret|token|credential|api-?key|access-?key|account\.key|auth|jaas|http-headers`)

// valueLimit is the length up to which a message quotes a value, in characters.
const valueLimit = 80

// quote formats the value of a field for a message to users.
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

// pathString formats a path as kubectl does.
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
