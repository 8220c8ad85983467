package metadata

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openweir/weir/control/sql"
)

func TestLike(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"a%", "a", true},
		{"a%", "abc", true},
		{"%c", "abc", true},
		{"%b%", "abc", true},
		{"%%", "", true},
		{"a_c", "abc", true},
		{"a_c", "ac", false},
		{"_", "é", true},
		{"%a_b%", "xxaaxb", true},
		{`a\_c`, "abc", false},
		{`a\_c`, "a_c", true},
		{`100\%`, "100%", true},
		{`100\%`, "1000", false},
		{`a\\b`, `a\b`, true},
		{"A", "a", false},
		{"a.c", "abc", false},
	}
	for _, test := range tests {
		matches, err := matcher(&sql.Like{Pattern: test.pattern})
		if err != nil {
			t.Errorf("%q: %v", test.pattern, err)
			continue
		}
		if got := matches(test.name); got != test.want {
			t.Errorf("%q LIKE %q is %v", test.name, test.pattern, got)
		}
	}
}

func TestLikeRejectsDanglingBackslashes(t *testing.T) {
	for _, pattern := range []string{`\`, `a\`, `\a`, `%\\\`} {
		if _, err := matcher(&sql.Like{Pattern: pattern}); err == nil {
			t.Errorf("%q is accepted", pattern)
		}
	}
}

// A regular expression says the same.
func TestLikeIsARegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab_%]{0,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab]{0,10}`).Draw(t, "name")
		not := rapid.Bool().Draw(t, "not")
		same := regexp.MustCompile("^" + strings.NewReplacer("_", ".", "%", ".*").Replace(pattern) + "$")
		matches, err := matcher(&sql.Like{Pattern: pattern, Not: not})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := matches(name), same.MatchString(name) != not; got != want {
			t.Fatalf("%q LIKE %q is %v", name, pattern, got)
		}
	})
}
