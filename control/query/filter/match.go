package filter

import "strings"

// Getters tell what a filter has to know of a resource.
type Getters[T any] struct {
	Name       func(T) string
	Labels     func(T) map[string]string
	Attributes map[string]func(T) string
}

// Compile makes predicates of the expressions; a resource matches the filter if
// all of them hold. The filter must have been parsed with the attributes that
// the getters have.
func Compile[T any](f Filter, get Getters[T]) []func(T) bool {
	predicates := make([]func(T) bool, len(f.Expressions))
	for i, e := range f.Expressions {
		predicates[i] = compile(e, get)
	}
	return predicates
}

func compile[T any](e Expression, get Getters[T]) func(T) bool {
	wanted := e.Operator == Equals || e.Operator == In || e.Operator == Exists
	switch e.Subject {
	case Label:
		if e.Operator == Exists || e.Operator == Absent {
			return func(item T) bool {
				_, present := get.Labels(item)[e.Key]
				return present == wanted
			}
		}
		set := setOf(e.Values)
		// A label that is absent differs from every value, as in Kubernetes.
		return func(item T) bool {
			value, present := get.Labels(item)[e.Key]
			return (present && set[value]) == wanted
		}
	case Attribute:
		set := setOf(upper(e.Values))
		attribute := get.Attributes[e.Key]
		return func(item T) bool { return set[strings.ToUpper(attribute(item))] == wanted }
	default:
		matches := anyOf(e.Values)
		return func(item T) bool { return matches(get.Name(item)) == wanted }
	}
}

func setOf(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, value := range values {
		set[value] = true
	}
	return set
}

func upper(values []string) []string {
	folded := make([]string, len(values))
	for i, value := range values {
		folded[i] = strings.ToUpper(value)
	}
	return folded
}

// anyOf tells whether a name matches one of the patterns. Those without
// wildcards cost one look-up together.
func anyOf(values []string) func(string) bool {
	literals := make(map[string]bool)
	var patterns []Pattern
	for _, value := range values {
		if strings.Contains(value, "*") {
			patterns = append(patterns, CompilePattern(value))
		} else {
			literals[value] = true
		}
	}
	return func(name string) bool {
		if literals[name] {
			return true
		}
		for _, pattern := range patterns {
			if pattern.Match(name) {
				return true
			}
		}
		return false
	}
}
