// Package policy holds the Kubernetes objects of Flink clusters to policies in the Common
// Expression Language (CEL). The control plane evaluates those of its users when
// resources change, and the agent those of its cluster before it applies an object, so
// that a cluster is protected from a control plane as well.
//
// An expression cannot take long: its cost is bounded by an estimate when it is compiled
// and by a limit when it is evaluated. Functions whose result can be much larger than
// their arguments are not available.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/openjson"
)

// Definition is a policy as it is written.
type Definition struct {
	Name string `json:"name"`
	// Kinds are the kinds of the objects that the policy is for.
	Kinds           []string     `json:"kinds"`
	MatchConditions []Condition  `json:"matchConditions"`
	Validations     []Validation `json:"validations"`
}

// Condition is a condition for a policy to apply.
type Condition struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
}

// Validation is a rule with the message for objects that do not comply.
type Validation struct {
	Expression        string `json:"expression"`
	Message           string `json:"message"`
	MessageExpression string `json:"messageExpression"`
}

// KindStatement is the kind of the job of a statement on a session cluster, which no API
// server has.
const KindStatement = "Statement"

// Kinds are the kinds of objects that policies can be for.
var Kinds = []string{flink.KindDeployment, flink.KindSessionJob, KindStatement}

// Policy is a compiled policy.
type Policy struct {
	name        string
	kinds       []string
	conditions  []*expression
	validations []compiled
	readsOld    bool
}

type compiled struct {
	rule, message *expression // message may be nil
	text          string
}

// Object is what policies are evaluated on.
type Object struct {
	// Content is the object as it would be written, of the types of encoding/json with
	// int64 for integers. See Prepare.
	Content map[string]any
	// Old returns the object before; nil if there is none. It is called only if a policy
	// needs it.
	Old func() (map[string]any, error)
	// Environment is what the expressions of the control plane know of the environment.
	Environment map[string]any
}

// Compile compiles a policy whose fields are under a path, such as "spec.". It returns
// what is wrong with the expressions.
func Compile(scope Scope, path string, d Definition) (*Policy, []validation.Problem) {
	var problems []validation.Problem
	compile := func(field, text string, want *cel.Type) *expression {
		e, rule := scope.compile(text, want)
		if rule != "" {
			problems = append(problems, validation.Problem{Field: path + field, Rule: rule})
			return nil
		}
		e.field = path + field
		return e
	}
	p := &Policy{name: d.Name, kinds: d.Kinds}
	for i, c := range d.MatchConditions {
		p.conditions = append(p.conditions, compile(fmt.Sprintf("matchConditions[%d].expression", i), c.Expression, cel.BoolType))
	}
	for i, v := range d.Validations {
		out := compiled{rule: compile(fmt.Sprintf("validations[%d].expression", i), v.Expression, cel.BoolType), text: v.Message}
		if v.MessageExpression != "" {
			out.message = compile(fmt.Sprintf("validations[%d].messageExpression", i), v.MessageExpression, cel.StringType)
		}
		if out.text == "" {
			out.text = "the expression is false: " + v.Expression
		}
		p.validations = append(p.validations, out)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	for _, e := range p.expressions() {
		p.readsOld = p.readsOld || e.readsOld
	}
	return p, nil
}

func (p *Policy) expressions() []*expression {
	all := slices.Clone(p.conditions)
	for _, v := range p.validations {
		all = append(all, v.rule)
		if v.message != nil {
			all = append(all, v.message)
		}
	}
	return all
}

// Name returns the name of the policy.
func (p *Policy) Name() string { return p.name }

// maxTotal bounds the cost of all expressions of a policy for one object.
const maxTotal = 4 * maxCost

// Evaluate returns the messages of the rules that an object does not comply with. An
// expression that cannot be evaluated is such a rule. It returns nothing for objects of
// other kinds.
func (p *Policy) Evaluate(ctx context.Context, o Object) []string {
	kind, _ := o.Content["kind"].(string)
	if !slices.Contains(p.kinds, kind) {
		return nil
	}
	e := evaluation{ctx: ctx, left: maxTotal, variables: map[string]any{
		variableObject: o.Content, variableOld: nil, variableEnvironment: o.Environment,
	}}
	if p.readsOld && o.Old != nil {
		old, err := o.Old()
		if err != nil {
			return []string{"the object before cannot be read: " + err.Error()}
		}
		if old != nil {
			e.variables[variableOld] = old
		}
	}
	for _, condition := range p.conditions {
		if applies, problem := e.isTrue(condition); problem != "" {
			return []string{problem}
		} else if !applies {
			return nil
		}
	}
	var messages []string
	for _, v := range p.validations {
		if complies, problem := e.isTrue(v.rule); problem != "" {
			messages = append(messages, problem)
		} else if !complies {
			messages = append(messages, e.message(v))
		}
	}
	return messages
}

// Prepare completes a decoded manifest for expressions, which find the Flink
// configuration in spec.flinkConfiguration, whatever the kind: flat, of strings, and
// present even if it is empty. The manifest is not changed.
func Prepare(manifest openjson.Object) map[string]any {
	spec, ok := manifest["spec"].(openjson.Object)
	if !ok {
		spec = openjson.Object{}
	}
	if manifest["kind"] == KindStatement {
		spec = openjson.With(spec, flink.FieldConfiguration, spec["configuration"])
	}
	options := openjson.Object{}
	for name, value := range flink.Options(spec) {
		options[name] = value
	}
	return openjson.With(manifest, "spec", openjson.With(spec, flink.FieldConfiguration, options))
}

// ASCII is a message with all but printable ASCII escaped, for headers.
func ASCII(message string) string {
	var out strings.Builder
	for _, r := range message {
		if r >= ' ' && r <= '~' {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
