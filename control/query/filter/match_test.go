package filter

import (
	"strings"
	"testing"
)

type resource struct {
	name, state string
	labels      map[string]string
}

var resources = Getters[resource]{
	Name:   func(r resource) string { return r.name },
	Labels: func(r resource) map[string]string { return r.labels },
	Attributes: map[string]func(resource) string{
		"state": func(r resource) string { return r.state },
		"type":  func(resource) string { return "" },
	},
}

func matches(t *testing.T, input string, r resource) bool {
	t.Helper()
	filter, violations := Parse(input, applications)
	if len(violations) > 0 {
		t.Fatalf("Parse(%q): %q", input, violations)
	}
	for _, predicate := range Compile(filter, resources) {
		if !predicate(r) {
			return false
		}
	}
	return true
}

func TestMatch(t *testing.T) {
	orders := resource{
		name:   "prod-orders",
		state:  "RUNNING",
		labels: map[string]string{"env": "production", "empty": "", "app.kubernetes.io/name": "orders"},
	}
	tests := []struct {
		filter string
		want   bool
	}{
		{"", true},

		{"name=prod-orders", true},
		{"name=Prod-orders", false},
		{"name=prod", false},
		{"name=prod*", true},
		{"name=*orders", true},
		{"name=p*d-o*s", true},
		{"name=*", true},
		{"name=p*x", false},
		{`name=""`, false},
		{"name!=prod*", false},
		{"name!=qa*", true},
		{"name in (qa*, prod-orders)", true},
		{"name in (qa*, prod-or*)", true},
		{"name notin (qa*, prod-or*)", false},

		{"labels.env=production", true},
		{"labels.env=Production", false},
		{"labels.env=prod*", false},
		{"labels.env!=production", false},
		{"labels.env!=qa", true},
		{"labels.env in (qa, production)", true},
		{"labels.env notin (qa, production)", false},
		{"labels.env", true},
		{"!labels.env", false},
		{"labels.app.kubernetes.io/name=orders", true},

		{"labels.none", false},
		{"!labels.none", true},
		{"labels.none=", false},
		{"labels.none!=qa", true},
		{"labels.none in (qa, \"\")", false},
		{"labels.none notin (qa)", true},

		{"labels.empty", true},
		{"labels.empty=", true},
		{"labels.empty!=", false},
		{"labels.empty in (\"\")", true},

		{"state=RUNNING", true},
		{"state=running", true},
		{"state=RUN*", false},
		{"state!=failed", true},
		{"state in (Running, FAILED)", true},
		{"state notin (RUNNING, FAILED)", false},
		{"type=x", false},
		{"type!=x", true},
		{`type=""`, true},

		{"name=prod*,state=RUNNING,!labels.development", true},
		{"name=prod*,state=FAILED", false},
		{"state=RUNNING,state=FAILED", false},
	}
	for _, test := range tests {
		if got := matches(t, test.filter, orders); got != test.want {
			t.Errorf("%q matches: %v, want %v", test.filter, got, test.want)
		}
	}
}

func TestResourceWithoutLabelsAndState(t *testing.T) {
	for filter, want := range map[string]bool{
		"labels.a": false, "!labels.a": true, "labels.a!=b": true, "state=RUNNING": false, "state!=RUNNING": true,
	} {
		if got := matches(t, filter, resource{}); got != want {
			t.Errorf("%q matches: %v, want %v", filter, got, want)
		}
	}
}

// A matcher that backtracks would not come to an end here.
func TestManyWildcardsAreMatchedQuickly(t *testing.T) {
	pattern := CompilePattern(strings.Repeat("a*", 2000) + "b")
	if pattern.Match(strings.Repeat("a", 100_000)) {
		t.Error("matches text without the b that it ends in")
	}
}
