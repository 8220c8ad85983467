package policy

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/ext"
)

// The variables of expressions.
const (
	variableObject      = "object"
	variableOld         = "oldObject"
	variableEnvironment = "environment"
)

const (
	// maxLength bounds the length of an expression, in characters.
	maxLength = 4096
	// maxCost bounds the cost of an evaluation, in units of CEL. Common policies cost
	// some hundreds. The library needs quadratic time for its own books in loops, so
	// that ten times the cost takes a hundred times as long.
	maxCost = 50_000
	// maxEstimate bounds the estimated cost of an expression if each list, map and
	// string has assumedSize elements.
	maxEstimate = 1_000_000
	assumedSize = 100
	// maxNesting bounds how deep loops are nested.
	maxNesting = 3
	// maxMessage bounds a message that an expression gives, in bytes.
	maxMessage = 1024
	// interruptEvery is the number of iterations after which it is checked whether the
	// request is over.
	interruptEvery = 100
)

// withheld are functions that make results much larger than their arguments, before
// their cost is known.
var withheld = map[string]bool{"replace": true, "join": true, "format": true}

// Scope is where expressions are evaluated, which says what they can use.
type Scope struct{ env func() (*cel.Env, error) }

// The scopes. The agent does not know environments.
var (
	ControlPlane = newScope(variableObject, variableOld, variableEnvironment)
	Agent        = newScope(variableObject, variableOld)
)

func newScope(variables ...string) Scope {
	return Scope{sync.OnceValues(func() (*cel.Env, error) {
		options := []cel.EnvOption{
			cel.OptionalTypes(),
			cel.CrossTypeNumericComparisons(true),
			cel.ParserExpressionSizeLimit(maxLength),
			cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(maxNesting)),
			ext.Strings(ext.StringsVersion(5)),
		}
		for _, name := range variables {
			options = append(options, cel.Variable(name, cel.DynType))
		}
		return cel.NewEnv(options...)
	})}
}

// expression is a compiled expression.
type expression struct {
	field    string
	program  cel.Program
	readsOld bool
}

// compile compiles an expression of a type, or says which rule it violates.
func (s Scope) compile(text string, want *cel.Type) (*expression, string) {
	env, err := s.env()
	if err != nil {
		panic(fmt.Sprintf("the environment of CEL is not valid: %v", err)) // it is constant
	}
	if strings.TrimSpace(text) == "" {
		return nil, "must not be empty"
	}
	compiled, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, "is not a valid expression: " + describe(issues)
	}
	if got := compiled.OutputType(); !got.IsExactType(want) {
		return nil, fmt.Sprintf("must be of type %s, but is of type %s", want, got)
	}
	e := &expression{}
	unavailable := ""
	ast.PreOrderVisit(compiled.NativeRep().Expr(), ast.NewExprVisitor(func(node ast.Expr) {
		switch node.Kind() {
		case ast.CallKind:
			if name := node.AsCall().FunctionName(); withheld[name] {
				unavailable = name
			}
		case ast.IdentKind:
			e.readsOld = e.readsOld || node.AsIdent() == variableOld
		}
	}))
	if unavailable != "" {
		return nil, fmt.Sprintf("must not call %s(), which is not available", unavailable)
	}
	estimate, err := env.EstimateCost(compiled, sizes{})
	if err != nil {
		return nil, "is not a valid expression: " + err.Error()
	}
	if estimate.Max > maxEstimate {
		return nil, fmt.Sprintf("costs too much: the estimate for lists and strings of %d elements is %d, and at most %d is allowed", assumedSize, estimate.Max, maxEstimate)
	}
	e.program, err = env.Program(compiled, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(interruptEvery), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, "is not a valid expression: " + err.Error()
	}
	return e, ""
}

// describe lists what is wrong with an expression, with line and column.
func describe(issues *cel.Issues) string {
	const most = 3
	var texts []string
	for i, problem := range issues.Errors() {
		if i == most {
			break
		}
		text := problem.Message
		if problem.Location.Line() > 0 { // else it is about the whole expression
			text = fmt.Sprintf("%d:%d: %s", problem.Location.Line(), problem.Location.Column()+1, text)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// sizes are the sizes that costs are estimated with.
type sizes struct{}

func (sizes) EstimateSize(checker.AstNode) *checker.SizeEstimate {
	return &checker.SizeEstimate{Max: assumedSize}
}

func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// evaluation evaluates the expressions of a policy on an object.
type evaluation struct {
	ctx       context.Context //nolint:containedctx // of one call
	variables map[string]any
	left      uint64
}

func (e *evaluation) value(of *expression) (any, error) {
	if e.left == 0 {
		return nil, fmt.Errorf("the expressions of the policy cost more than %d in total", maxTotal)
	}
	result, details, err := of.program.ContextEval(e.ctx, e.variables)
	cost := uint64(maxCost)
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	e.left -= min(e.left, cost)
	if err != nil {
		return nil, err
	}
	return result.Value(), nil
}

// isTrue evaluates an expression of type bool, or says why it cannot be evaluated.
func (e *evaluation) isTrue(of *expression) (value bool, problem string) {
	result, err := e.value(of)
	if err != nil {
		return false, fmt.Sprintf("%s cannot be evaluated: %v", of.field, err)
	}
	return result == true, ""
}

// message is the text for an object that does not comply with a rule.
func (e *evaluation) message(v compiled) string {
	if v.message == nil {
		return v.text
	}
	result, err := e.value(v.message)
	text, ok := result.(string)
	text = strings.Join(strings.Fields(text), " ")
	if err != nil || !ok || text == "" {
		return v.text
	}
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}
