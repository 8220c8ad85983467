package query

import (
	"slices"
	"strings"

	"github.com/openweir/weir/control/apierror"
)

// Scope tells whether a search finds a resource in one of its fields.
type Scope[T any] func(item T, term Term) bool

// Term is what a client searches for.
type Term struct {
	exact, folded string
}

// NewTerm makes a term of what the client typed.
func NewTerm(text string) Term {
	return Term{exact: text, folded: strings.ToLower(text)}
}

// Contains finds the term anywhere in a field, whatever the case.
func Contains[T any](field func(T) string) Scope[T] {
	return func(item T, term Term) bool {
		return strings.Contains(strings.ToLower(field(item)), term.folded)
	}
}

// ContainsAny finds the term anywhere in one of the elements of a field,
// whatever the case.
func ContainsAny[T any](field func(T) []string) Scope[T] {
	return func(item T, term Term) bool {
		return slices.ContainsFunc(field(item), func(element string) bool {
			return strings.Contains(strings.ToLower(element), term.folded)
		})
	}
}

// Equals finds a field that is exactly the term.
func Equals[T any](field func(T) string) Scope[T] {
	return func(item T, term Term) bool { return field(item) == term.exact }
}

// parseSearch makes a predicate of search and searchScope: the term has to be
// found in one of the scopes. It is nil where nothing is searched for.
func parseSearch[T any](list *List[T], search, searchScope string, violations *apierror.Violations) func(T) bool {
	blank := strings.TrimSpace(searchScope) == ""
	switch {
	case search == "" && blank:
		return nil
	case len(list.Scopes) == 0:
		violations.Addf("search: %s cannot be searched.", list.Plural)
		return nil
	case search == "":
		violations.Addf("search: must be given together with searchScope.")
	case blank:
		violations.Addf("searchScope: must be given together with search (allowed: %s).",
			strings.Join(names(list.Scopes), ", "))
		return nil
	}
	var scopes []Scope[T]
	for _, name := range strings.Split(searchScope, ",") {
		scope, known := list.Scopes[strings.TrimSpace(name)]
		if !known {
			violations.Addf("searchScope: %s cannot be searched in %q (allowed: %s).",
				list.Plural, strings.TrimSpace(name), strings.Join(names(list.Scopes), ", "))
			continue
		}
		scopes = append(scopes, scope)
	}
	term := NewTerm(search)
	return func(item T) bool {
		return slices.ContainsFunc(scopes, func(scope Scope[T]) bool { return scope(item, term) })
	}
}
