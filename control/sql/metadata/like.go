package metadata

import (
	"slices"
	"strings"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/token"
)

// Wildcards in a compiled pattern. They are not valid characters.
const (
	anyOne rune = -1 - iota
	anyMany
)

// matcher returns the predicate of LIKE. `%` stands for any characters, `_` for
// one, and a backslash takes the meaning from those and from itself.
func matcher(like *sql.Like) (func(string) bool, error) {
	if like == nil {
		return func(string) bool { return true }, nil
	}
	fold := func(text string) string { return text }
	if like.IgnoreCase {
		fold = strings.ToLower
	}
	pattern, err := compile(fold(like.Pattern))
	if err != nil {
		return nil, err
	}
	return func(name string) bool { return match(pattern, []rune(fold(name))) != like.Not }, nil
}

func compile(text string) ([]rune, error) {
	var pattern []rune
	escaped := false
	for _, r := range text {
		switch {
		case escaped && !strings.ContainsRune(`%_\`, r):
			return nil, invalidEscape(text)
		case escaped:
			pattern = append(pattern, r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '_':
			pattern = append(pattern, anyOne)
		case r == '%' && len(pattern) > 0 && pattern[len(pattern)-1] == anyMany:
		case r == '%':
			pattern = append(pattern, anyMany)
		default:
			pattern = append(pattern, r)
		}
	}
	if escaped {
		return nil, invalidEscape(text)
	}
	return pattern, nil
}

func invalidEscape(pattern string) error {
	return errorf(`In pattern %s, a backslash must be followed by %%, _ or another backslash.`, token.QuoteString(pattern))
}

// match goes back to the last anyMany only, which is enough, and keeps the time
// quadratic in the name.
func match(pattern, name []rune) bool {
	at, back, from := 0, -1, 0
	for i := 0; i < len(name); {
		switch {
		case at < len(pattern) && pattern[at] == anyMany:
			back, from = at+1, i
			at++
		case at < len(pattern) && (pattern[at] == anyOne || pattern[at] == name[i]):
			at++
			i++
		case back >= 0:
			from++
			at, i = back, from
		default:
			return false
		}
	}
	return !slices.ContainsFunc(pattern[at:], func(r rune) bool { return r != anyMany })
}
