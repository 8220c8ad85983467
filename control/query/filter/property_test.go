package filter

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// expressions are all that Parse can give.
func expressions() *rapid.Generator[Expression] {
	value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z*"'\\(),=! ]{0,8}`))
	return rapid.Custom(func(t *rapid.T) Expression {
		e := Expression{Subject: rapid.SampledFrom([]Subject{Name, Label, Attribute}).Draw(t, "subject")}
		operators := []Operator{Equals, NotEquals, In, NotIn}
		switch e.Subject {
		case Label:
			e.Key = rapid.StringMatching(`[-a-zA-Z0-9._/]{1,20}`).Draw(t, "key")
			operators = append(operators, Exists, Absent)
		case Attribute:
			e.Key = rapid.SampledFrom(applications.Attributes).Draw(t, "attribute")
		}
		e.Operator = rapid.SampledFrom(operators).Draw(t, "operator")
		switch e.Operator {
		case Equals, NotEquals:
			e.Values = []string{value.Draw(t, "value")}
		case In, NotIn:
			e.Values = rapid.SliceOfN(value, 1, 5).Draw(t, "values")
		}
		return e
	})
}

func TestParseIsTheInverseOfString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Filter{Expressions: rapid.SliceOfN(expressions(), 0, 6).Draw(t, "expressions")}
		got, violations := Parse(want.String(), applications)
		if len(violations) > 0 {
			t.Fatalf("Parse(%q): %q", want, violations)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("through %q (-want +got):\n%s", want, diff)
		}
	})
}

// TestNegatedOperatorsMatchTheRest: every resource matches either an operator or
// its negation.
func TestNegatedOperatorsMatchTheRest(t *testing.T) {
	opposite := map[Operator]Operator{
		Equals: NotEquals, NotEquals: Equals, In: NotIn, NotIn: In, Exists: Absent, Absent: Exists,
	}
	short := rapid.StringMatching(`[ab]{0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		e := expressions().Draw(t, "expression")
		item := resource{
			name:   short.Draw(t, "name"),
			state:  short.Draw(t, "state"),
			labels: map[string]string{short.Draw(t, "key"): short.Draw(t, "value")},
		}
		other := e
		other.Operator = opposite[e.Operator]
		if compile(e, resources)(item) == compile(other, resources)(item) {
			t.Fatalf("%q and %q agree on %v", e, other, item)
		}
	})
}

func TestPatternAgreesWithRegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab.]{0,12}`).Draw(t, "text")
		pattern := rapid.StringMatching(`[ab.*]{0,8}`).Draw(t, "pattern")
		expression := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$"
		want := regexp.MustCompile(expression).MatchString(text)
		if got := CompilePattern(pattern).Match(text); got != want {
			t.Fatalf("%q describes %q: %v, want %v", pattern, text, got, want)
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"name=prod*,labels.environment in (production, qa),!labels.development",
		`labels.a.b/c != "x\"y",state notin('', b),type==c`,
		"labels.a=,labels.b", "name in (", "!!", `"`, "labels.größe\xff=\\",
	} {
		f.Add(seed)
	}
	item := resource{name: "prod", state: "RUNNING", labels: map[string]string{"a": "b"}}
	f.Fuzz(func(t *testing.T, input string) {
		filter, violations := Parse(input, applications)
		if len(violations) > 0 {
			if len(filter.Expressions) > 0 {
				t.Fatalf("Parse(%q) is wrong and gives %v", input, filter)
			}
			return
		}
		for _, predicate := range Compile(filter, resources) {
			predicate(item)
		}
		written := filter.String()
		if len(written) > MaxLength {
			return
		}
		again, violations := Parse(written, applications)
		if diff := cmp.Diff(filter, again, cmpopts.EquateEmpty()); diff != "" || len(violations) > 0 {
			t.Fatalf("%q became %q: %q\n%s", input, written, violations, diff)
		}
	})
}
