package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var applications = Vocabulary{Plural: "applications", Attributes: []string{"state", "type"}}

func TestParse(t *testing.T) {
	tests := []struct {
		name, input string
		want        []Expression
	}{
		{"nothing", "", nil},
		{"blank", " \t ", nil},
		{"name", "name=prod*", []Expression{{Name, "", Equals, []string{"prod*"}}}},
		{"spaces around everything", "  name  =  foo*bar  ", []Expression{{Name, "", Equals, []string{"foo*bar"}}}},
		{"other than a name", "name != a", []Expression{{Name, "", NotEquals, []string{"a"}}}},
		{"several names", "name in (a*, b)", []Expression{{Name, "", In, []string{"a*", "b"}}}},
		{"label equals", "labels.env = qa", []Expression{{Label, "env", Equals, []string{"qa"}}}},
		{"label equals, as in Kubernetes", "labels.env==qa", []Expression{{Label, "env", Equals, []string{"qa"}}}},
		{"label differs", "labels.env!=qa", []Expression{{Label, "env", NotEquals, []string{"qa"}}}},
		{"label in", "labels.env in (production, qa)", []Expression{{Label, "env", In, []string{"production", "qa"}}}},
		{"label not in", "labels.env notin(a,b)", []Expression{{Label, "env", NotIn, []string{"a", "b"}}}},
		{"keywords in capitals", "labels.env NOTIN (a),state IN (B)", []Expression{
			{Label, "env", NotIn, []string{"a"}}, {Attribute, "state", In, []string{"B"}},
		}},
		{"label exists", "labels.env", []Expression{{Label, "env", Exists, nil}}},
		{"label absent", "!labels.env", []Expression{{Label, "env", Absent, nil}}},
		{"label absent, with a space", "! labels.env", []Expression{{Label, "env", Absent, nil}}},
		{"key with dots and a slash", "labels.app.kubernetes.io/name=x", []Expression{{Label, "app.kubernetes.io/name", Equals, []string{"x"}}}},
		{"keys that are keywords", "labels.in in (in),labels.notin", []Expression{
			{Label, "in", In, []string{"in"}}, {Label, "notin", Exists, nil},
		}},
		{"empty value of a label", "labels.a=,labels.b!=", []Expression{
			{Label, "a", Equals, []string{""}}, {Label, "b", NotEquals, []string{""}},
		}},
		{"quotes of both kinds", `labels.a in ("x, y)", 'it"s', "")`, []Expression{{Label, "a", In, []string{"x, y)", `it"s`, ""}}}},
		{"escapes in quotes", `labels.a = "\"\\\n"`, []Expression{{Label, "a", Equals, []string{`"\n`}}}},
		{"spaces in quotes", "state = ' R '", []Expression{{Attribute, "state", Equals, []string{" R "}}}},
		{"the contract's first example", "name=prod*,labels.environment in (production, qa),!labels.development", []Expression{
			{Name, "", Equals, []string{"prod*"}},
			{Label, "environment", In, []string{"production", "qa"}},
			{Label, "development", Absent, nil},
		}},
		{"the contract's second example", "name=prod*,state in (RUNNING, FAILED)", []Expression{
			{Name, "", Equals, []string{"prod*"}}, {Attribute, "state", In, []string{"RUNNING", "FAILED"}},
		}},
		{"the contract's last example", "type=CMF_STATUS", []Expression{{Attribute, "type", Equals, []string{"CMF_STATUS"}}}},
		{"letters of other alphabets", "labels.größe = 漢字", []Expression{{Label, "größe", Equals, []string{"漢字"}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			filter, violations := Parse(test.input, applications)
			if len(violations) > 0 {
				t.Fatalf("Parse(%q): %q", test.input, violations)
			}
			if diff := cmp.Diff(test.want, filter.Expressions); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", test.input, diff)
			}
		})
	}
}

func TestParseReportsViolations(t *testing.T) {
	tests := []struct {
		name, input string
		want        []string
	}{
		{"no operator", "name", []string{`filter: position 5: expected "=", "!=", "in" or "notin" after "name", found the end.`}},
		{"no value", "name=", []string{`filter: position 6: expected a value, found the end.`}},
		{"no value before a comma", "state=,name=a", []string{`filter: position 7: expected a value, found ",".`}},
		{"no expression", ",name=a", []string{`filter: position 1: expected an expression, found ",".`}},
		{"comma at the end", "name=a,", []string{`filter: position 8: expected an expression, found the end.`}},
		{"value without a subject", "=a", []string{`filter: position 1: expected an expression, found "=".`}},
		{"no comma", "name=a state=b", []string{`filter: position 8: expected "," or the end, found "state".`}},
		{"two operators", "labels.a=b=c", []string{`filter: position 11: expected "," or the end, found "=".`}},
		{"two strings in a row", "name='it''s'", []string{`filter: position 10: expected "," or the end, found "s".`}},
		{"unknown attribute", "phase=RUNNING", []string{`filter: position 1: applications cannot be filtered by "phase" (allowed: name, labels.<key>, state, type).`}},
		{"another spelling", "Name=a", []string{`filter: position 1: applications cannot be filtered by "Name" (allowed: name, labels.<key>, state, type).`}},
		{"keyword without a space", "statein (a)", []string{`filter: position 1: applications cannot be filtered by "statein" (allowed: name, labels.<key>, state, type).`}},
		{"labels without a key", "labels=a", []string{`filter: position 1: applications cannot be filtered by "labels" (allowed: name, labels.<key>, state, type).`}},
		{"label with an empty key", "labels.=a", []string{`filter: position 1: expected the key of a label after "labels.".`}},
		{"absence of a name", "!name", []string{`filter: position 2: expected labels.<key> after "!", found "name".`}},
		{"absence with a value", "!labels.a=b", []string{`filter: position 10: expected "," or the end, found "=".`}},
		{"a single exclamation mark", "!", []string{`filter: position 2: expected labels.<key> after "!", found the end.`}},
		{"label and a word", "labels.a exists", []string{`filter: position 10: expected "=", "!=", "in" or "notin" after "labels.a", found "exists".`}},
		{"in without parentheses", "state in RUNNING", []string{`filter: position 10: expected "(", found "RUNNING".`}},
		{"empty list", "state in ()", []string{`filter: position 11: expected a value, found ")".`}},
		{"list with a hole", "state in (a,,b)", []string{`filter: position 13: expected a value, found ",".`}},
		{"list without an end", "state in (a", []string{`filter: position 12: expected "," or ")", found the end.`}},
		{"list without commas", "state in (a b, c),name=x", []string{`filter: position 13: expected "," or ")", found "b".`}},
		{"too many parentheses", "state in (a))", []string{`filter: position 13: expected "," or the end, found ")".`}},
		{"an unclosed quote", `name="a`, []string{`filter: position 6: the quote " is not closed.`}},
		{"an unclosed quote after an escape", `name='a\`, []string{`filter: position 6: the quote ' is not closed.`}},
		{"backslash outside quotes", `name=a\*`, []string{`filter: position 7: a backslash can stand only inside quotes.`}},
		{"positions count characters", "labels.größe=漢 字", []string{`filter: position 16: expected "," or the end, found "字".`}},
		{"every invalid expression", "name,foo=1,labels.ok=yes,state in (", []string{
			`filter: position 5: expected "=", "!=", "in" or "notin" after "name", found ",".`,
			`filter: position 6: applications cannot be filtered by "foo" (allowed: name, labels.<key>, state, type).`,
			`filter: position 36: expected a value, found the end.`,
		}},
		{"too long", "name=" + strings.Repeat("a", MaxLength), []string{"filter: must be at most 8192 bytes long, is 8197."}},
		{"too many expressions", strings.Repeat("labels.a,", MaxExpressions) + "labels.a", []string{"filter: must have at most 100 expressions."}},
		{"too many values", "name in (a" + strings.Repeat(",a", MaxValues) + ")", []string{"filter: must have at most 1000 values, has 1001."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			filter, violations := Parse(test.input, applications)
			if diff := cmp.Diff(test.want, []string(violations)); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", test.input, diff)
			}
			if len(filter.Expressions) > 0 {
				t.Errorf("Parse(%q) gives %v although it is wrong", test.input, filter)
			}
		})
	}
}

func TestParseAcceptsTheLimits(t *testing.T) {
	for name, input := range map[string]string{
		"length":      fmt.Sprintf("name=%s", strings.Repeat("a", MaxLength-len("name="))),
		"expressions": strings.Repeat("labels.a,", MaxExpressions-1) + "labels.a",
		"values":      "name in (a" + strings.Repeat(",a", MaxValues-1) + ")",
	} {
		if _, violations := Parse(input, applications); len(violations) > 0 {
			t.Errorf("%s: %q", name, violations)
		}
	}
}

func TestStringParsesToTheSame(t *testing.T) {
	for _, input := range []string{
		"",
		"name=prod*,labels.environment in (production, qa),!labels.development",
		`labels.a = "x, y",labels.b in ("", 'it"s', "back\\slash"),labels.c`,
		"state notin (A, B),type != C",
	} {
		filter, violations := Parse(input, applications)
		if len(violations) > 0 {
			t.Fatalf("Parse(%q): %q", input, violations)
		}
		again, violations := Parse(filter.String(), applications)
		if len(violations) > 0 {
			t.Fatalf("Parse(%q), written from %q: %q", filter, input, violations)
		}
		if diff := cmp.Diff(filter, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q became %q (-first +second):\n%s", input, filter, diff)
		}
	}
}
