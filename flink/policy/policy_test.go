package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/openweir/weir/flink/policy"
)

// object decodes a manifest.
func object(t testing.TB, manifest string) map[string]any {
	t.Helper()
	var content map[string]any
	if err := kjson.Unmarshal([]byte(manifest), &content); err != nil {
		t.Fatal(err)
	}
	return policy.Prepare(content)
}

func rule(expression string) policy.Definition {
	return policy.Definition{Name: "p", Kinds: []string{"FlinkDeployment"}, Validations: []policy.Validation{{Expression: expression, Message: "violated"}}}
}

func compile(t testing.TB, d policy.Definition) *policy.Policy {
	t.Helper()
	p, problems := policy.Compile(policy.ControlPlane, "spec.", d)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

const deployment = `{"kind":"FlinkDeployment","metadata":{"name":"orders","namespace":"flink"},"spec":{
	"image":"flink:1.20","flinkConfiguration":{"state":{"backend":{"type":"rocksdb"}}},"job":{"parallelism":4,"ratio":0.5}}}`

func TestEvaluate(t *testing.T) {
	environment := map[string]any{"name": "prod", "labels": map[string]any{"tier": "1"}}
	with := func(change func(*policy.Definition)) policy.Definition {
		d := rule("false")
		change(&d)
		return d
	}
	for name, test := range map[string]struct {
		policy policy.Definition
		want   []string
	}{
		"complied with":             {rule("object.spec.job.parallelism <= 4 && object.spec.job.ratio < 1"), nil},
		"violated":                  {rule("object.spec.job.parallelism < 4"), []string{"violated"}},
		"the configuration is flat": {rule("object.spec.flinkConfiguration['state.backend.type'] == 'rocksdb'"), nil},
		"the environment":           {rule("environment.name == 'prod' && environment.labels.tier == '1'"), nil},
		"no object before":          {rule("oldObject == null"), nil},
		"a field that is not there": {rule("object.spec.none == 1"), []string{"spec.validations[0].expression cannot be evaluated: no such key: none"}},
		"an optional field":         {rule("object.spec.?none.orValue(1) == 1"), nil},
		"of another kind":           {with(func(d *policy.Definition) { d.Kinds = []string{"FlinkSessionJob"} }), nil},
		"of several kinds":          {with(func(d *policy.Definition) { d.Kinds = policy.Kinds }), []string{"violated"}},
		"conditions that are true":  {with(func(d *policy.Definition) { d.MatchConditions = []policy.Condition{{Expression: "true"}} }), []string{"violated"}},
		"a condition that is false": {with(func(d *policy.Definition) {
			d.MatchConditions = []policy.Condition{{Expression: "true"}, {Expression: "object.kind == ''"}}
		}), nil},
		"a condition that fails": {with(func(d *policy.Definition) { d.MatchConditions = []policy.Condition{{Expression: "object.none == 1"}} }), []string{"spec.matchConditions[0].expression cannot be evaluated: no such key: none"}},
		"every rule": {with(func(d *policy.Definition) {
			d.Validations = append(d.Validations, policy.Validation{Expression: "1 > 2"})
		}), []string{"violated", "the expression is false: 1 > 2"}},
		"a message of an expression": {with(func(d *policy.Definition) { d.Validations[0].MessageExpression = "'the image is ' + object.spec.image" }), []string{"the image is flink:1.20"}},
		"a message that fails":       {with(func(d *policy.Definition) { d.Validations[0].MessageExpression = "string(object.none)" }), []string{"violated"}},
		"a message of several lines": {with(func(d *policy.Definition) { d.Validations[0].MessageExpression = `"a\n b"` }), []string{"a b"}},
		"a message that is empty":    {with(func(d *policy.Definition) { d.Validations[0].MessageExpression = "''" }), []string{"violated"}},
		"a message of several values": {with(func(d *policy.Definition) {
			d.Validations[0].MessageExpression = "'n=' + string(object.spec.job.parallelism)"
		}), []string{"n=4"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := compile(t, test.policy).Evaluate(t.Context(), policy.Object{Content: object(t, deployment), Environment: environment})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheObjectBeforeIsReadIfNeeded(t *testing.T) {
	read := 0
	on := policy.Object{Content: object(t, deployment), Old: func() (map[string]any, error) {
		read++
		return object(t, strings.Replace(deployment, "1.20", "1.19", 1)), nil
	}}
	if got := compile(t, rule("true")).Evaluate(t.Context(), on); got != nil || read != 0 {
		t.Errorf("got %v, read %d times", got, read)
	}
	if got := compile(t, rule("oldObject.spec.image == 'flink:1.19'")).Evaluate(t.Context(), on); got != nil || read != 1 {
		t.Errorf("got %v, read %d times", got, read)
	}
	on.Old = func() (map[string]any, error) { return nil, fmt.Errorf("none") }
	if got := compile(t, rule("oldObject == null")).Evaluate(t.Context(), on); len(got) != 1 || got[0] != "the object before cannot be read: none" {
		t.Errorf("got %v", got)
	}
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ expression, want string }{
		"syntax":                  {"object.spec.", "is not a valid expression: 1:13: Syntax error"},
		"an unknown variable":     {"request.user == 'a'", "is not a valid expression: 1:1: undeclared reference to 'request'"},
		"an unknown function":     {"now() == 1", "is not a valid expression: 1:4: undeclared reference to 'now'"},
		"another type":            {"'a'", "must be of type bool, but is of type string"},
		"an unknown type":         {"object.spec.flag", "must be of type bool, but is of type dyn"},
		"empty":                   {"  ", "must not be empty"},
		"an invalid pattern":      {"'a'.matches('(')", "is not a valid expression: 1:13: invalid matches argument"},
		"a function with no cost": {"object.kind.replace('a', 'bbbb') == ''", "must not call replace(), which is not available"},
		"too long":                {"'" + strings.Repeat("a", 5000) + "' == ''", "is not a valid expression: "},
		"nested too deep":         {strings.Repeat("(", 900) + "true" + strings.Repeat(")", 900), "is not a valid expression: expression recursion limit exceeded"},
		"too deep":                {"object.a.all(a, object.a.all(b, object.a.all(c, object.a.all(d, d == a))))", "is not a valid expression: 1:"},
		"too expensive":           {"object.a.all(a, object.a.all(b, object.a.all(c, c.matches('(x+x+)+y'))))", "costs too much: the estimate for lists and strings of 100 elements is"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := policy.Compile(policy.ControlPlane, "spec.", policy.Definition{
				Kinds: policy.Kinds, Validations: []policy.Validation{{Expression: "true"}, {Expression: "true"}, {Expression: test.expression}},
			})
			if len(problems) != 1 || problems[0].Field != "spec.validations[2].expression" || !strings.HasPrefix(problems[0].Rule, test.want) {
				t.Errorf("got %v, want %s", problems, test.want)
			}
		})
	}
	_, problems := policy.Compile(policy.Agent, "policies[0].", rule("environment.name == 'prod'"))
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "policies[0].validations[0].expression: is not a valid expression: 1:1: undeclared reference to 'environment'") {
		t.Errorf("the agent knows environments: %v", problems)
	}
}

func TestAnEvaluationIsBounded(t *testing.T) {
	many := make([]any, 20_000)
	for i := range many {
		many[i] = int64(i)
	}
	content := map[string]any{"kind": "FlinkDeployment", "many": many}
	const loop = "object.many.all(a, object.many.all(b, a + b >= 0))"
	got := compile(t, rule(loop)).Evaluate(t.Context(), policy.Object{Content: content})
	if len(got) != 1 || !strings.Contains(got[0], "spec.validations[0].expression cannot be evaluated: operation cancelled: actual cost limit exceeded") {
		t.Errorf("got %v", got)
	}
	// And that of all expressions together.
	d := rule(loop)
	for range 12 {
		d.Validations = append(d.Validations, d.Validations[0])
	}
	got = compile(t, d).Evaluate(t.Context(), policy.Object{Content: content})
	if want := "the expressions of the policy cost more than 200000 in total"; len(got) != 13 || !strings.Contains(got[12], want) {
		t.Errorf("got %v", got)
	}
	// A request that is over ends it.
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := compile(t, rule(loop)).Evaluate(over, policy.Object{Content: content}); len(got) != 1 || !strings.Contains(got[0], "interrupted") {
		t.Errorf("got %v", got)
	}
}

func TestPrepare(t *testing.T) {
	for name, test := range map[string]struct{ manifest, want string }{
		"nested":       {`{"kind":"FlinkDeployment","spec":{"flinkConfiguration":{"a":{"b":1}}}}`, `{"kind":"FlinkDeployment","spec":{"flinkConfiguration":{"a.b":"1"}}}`},
		"none":         {`{"kind":"FlinkDeployment","spec":{}}`, `{"kind":"FlinkDeployment","spec":{"flinkConfiguration":{}}}`},
		"no spec":      {`{"kind":"FlinkDeployment"}`, `{"kind":"FlinkDeployment","spec":{"flinkConfiguration":{}}}`},
		"a statement":  {`{"kind":"Statement","spec":{"configuration":{"a":"1"}}}`, `{"kind":"Statement","spec":{"configuration":{"a":"1"},"flinkConfiguration":{"a":"1"}}}`},
		"another kind": {`{"kind":"Secret"}`, `{"kind":"Secret","spec":{"flinkConfiguration":{}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			var content, want map[string]any
			if err := kjson.Unmarshal([]byte(test.manifest), &content); err != nil {
				t.Fatal(err)
			}
			if err := kjson.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, policy.Prepare(content)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASCII(t *testing.T) {
	if got, want := policy.ASCII("a\nü\"–"), `a\u000a\u00fc"\u2013`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseFile(t *testing.T) {
	const valid = `
policies:
  - name: images
    kinds: [FlinkDeployment]
    validations: [{expression: object.spec.image != ""}]
`
	policies, err := policy.ParseFile([]byte(valid))
	if err != nil || len(policies) != 1 || policies[0].Name() != "images" {
		t.Fatalf("got %v, %v", policies, err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":              {"", "policies: is required"},
		"no YAML":            {"a: [", "read policies: error"},
		"an unknown field":   {strings.Replace(valid, "kinds", "kind", 1), `unknown field "kind"`},
		"an action":          {valid + "    action: Warn\n", `unknown field "action"`},
		"an unknown kind":    {strings.Replace(valid, "FlinkDeployment", "Pod", 1), `policies[0].kinds: must be among FlinkDeployment, FlinkSessionJob, Statement, got "Pod"`},
		"no name":            {strings.Replace(valid, "images", `""`, 1), "policies[0].name: must not be empty"},
		"the same name":      {valid + valid[strings.Index(valid, "  -"):], `policies[1].name: there is another policy "images"`},
		"no rules":           {"policies: [{name: a, kinds: [FlinkDeployment]}]", "policies[0].validations: must not be empty"},
		"no kinds":           {"policies: [{name: a, validations: [{expression: 'true'}]}]", "policies[0].kinds: must not be empty"},
		"a wrong expression": {strings.Replace(valid, "!=", "!!", 1), "policies[0].validations[0].expression: is not a valid expression: 1:"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := policy.ParseFile([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// A policy must neither fail nor take long, whatever it is and whatever the object is.
func FuzzEvaluate(f *testing.F) {
	f.Add("object.spec.image == 'a'", deployment)
	f.Add("object.spec.flinkConfiguration.all(k, k.startsWith('a'))", `{"kind":"FlinkDeployment"}`)
	f.Fuzz(func(t *testing.T, expression, manifest string) {
		var content map[string]any
		if err := kjson.Unmarshal([]byte(manifest), &content); err != nil {
			return
		}
		p, problems := policy.Compile(policy.ControlPlane, "spec.", rule(expression))
		if len(problems) > 0 {
			return
		}
		p.Evaluate(t.Context(), policy.Object{Content: policy.Prepare(content)})
	})
}

// BenchmarkEvaluate is the cost of a typical policy for a change.
func BenchmarkEvaluate(b *testing.B) {
	p := compile(b, rule("object.spec.image.startsWith('flink') && object.spec.flinkConfiguration.all(k, !k.startsWith('kubernetes.'))"))
	on := policy.Object{Content: object(b, deployment)}
	for b.Loop() {
		p.Evaluate(b.Context(), on)
	}
}
