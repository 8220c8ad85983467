package filter

import "strings"

// Subject is what an expression looks at.
type Subject int

// The subjects.
const (
	// Name is the name of the resource; its values are patterns.
	Name Subject = iota
	// Label is one label of the resource.
	Label
	// Attribute is a property that some kinds have, such as state.
	Attribute
)

// Operator is how an expression compares.
type Operator int

// The operators. Exists and Absent apply to labels only and have no values;
// Equals and NotEquals have exactly one.
const (
	Equals Operator = iota
	NotEquals
	In
	NotIn
	Exists
	Absent
)

// Expression is one condition.
type Expression struct {
	Subject Subject
	// Key is the key of the label or the name of the attribute, and empty for
	// names.
	Key      string
	Operator Operator
	Values   []string
}

// Filter is the conjunction of its expressions. Without any it matches all.
type Filter struct {
	Expressions []Expression
}

// String writes the filter in its own language. Parsing that gives an equal
// filter.
func (f Filter) String() string {
	parts := make([]string, len(f.Expressions))
	for i, e := range f.Expressions {
		parts[i] = e.String()
	}
	return strings.Join(parts, ",")
}

// String writes the expression in the language of filters.
func (e Expression) String() string {
	subject := e.subject()
	switch e.Operator {
	case Equals:
		return subject + " = " + quote(e.Values[0])
	case NotEquals:
		return subject + " != " + quote(e.Values[0])
	case In:
		return subject + " in (" + quoteAll(e.Values) + ")"
	case NotIn:
		return subject + " notin (" + quoteAll(e.Values) + ")"
	case Absent:
		return "!" + subject
	default:
		return subject
	}
}

func (e Expression) subject() string {
	switch e.Subject {
	case Label:
		return labelPrefix + e.Key
	case Attribute:
		return e.Key
	default:
		return nameWord
	}
}

func quoteAll(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return strings.Join(quoted, ", ")
}

// quote leaves a value alone where it can stand bare.
func quote(value string) string {
	if value != "" && strings.IndexFunc(value, isSpecial) < 0 {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
