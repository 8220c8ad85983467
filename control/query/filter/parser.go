package filter

import (
	"fmt"
	"strings"

	"github.com/openweir/weir/control/apierror"
)

// Limits of one filter. They bound what evaluating it over every resource of a
// list can cost.
const (
	MaxLength      = 8192 // bytes
	MaxExpressions = 100
	MaxValues      = 1000 // of all expressions together
)

const (
	nameWord    = "name"
	labelPrefix = "labels."
)

// Vocabulary says which filters a kind of resource understands.
type Vocabulary struct {
	// Plural names the resources in messages, such as "applications".
	Plural string
	// Attributes can be compared beside name and labels.
	Attributes []string
}

// Parse reads a filter. A blank one has no expressions. Every expression that
// is wrong is reported, by the position where it went wrong.
func Parse(input string, vocabulary Vocabulary) (Filter, apierror.Violations) {
	p := parser{vocabulary: vocabulary}
	if len(input) > MaxLength {
		p.violations.Addf("filter: must be at most %d bytes long, is %d.", MaxLength, len(input))
		return Filter{}, p.violations
	}
	p.tokens = tokens(input)
	if p.peek().kind == endToken {
		return Filter{}, nil
	}
	filter := p.filter()
	if len(p.violations) > 0 {
		return Filter{}, p.violations
	}
	return filter, nil
}

// parser reads the tokens. The last one is never consumed.
type parser struct {
	vocabulary Vocabulary
	tokens     []token
	depth      int // of parentheses, around the next token
	values     int // read so far
	violations apierror.Violations
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if len(p.tokens) > 1 {
		p.tokens = p.tokens[1:]
	}
	switch t.kind {
	case openToken:
		p.depth++
	case closeToken:
		p.depth--
	}
	return t
}

// filter reads expressions up to the end. After an invalid one it continues after
// the next comma that separates expressions.
func (p *parser) filter() Filter {
	var filter Filter
	for {
		expression, err := p.expression()
		if err == nil {
			err = p.separator()
		}
		if err != nil {
			p.violations.Addf("filter: %v.", err)
			p.skipExpression()
		}
		filter.Expressions = append(filter.Expressions, expression)
		if p.next().kind != commaToken {
			break
		}
		if len(filter.Expressions) == MaxExpressions {
			p.violations.Addf("filter: must have at most %d expressions.", MaxExpressions)
			break
		}
	}
	if p.values > MaxValues {
		p.violations.Addf("filter: must have at most %d values, has %d.", MaxValues, p.values)
	}
	return filter
}

// separator checks that an expression is followed by another one or nothing.
func (p *parser) separator() error {
	if t := p.peek(); t.kind != commaToken && t.kind != endToken {
		return wanted(t, `"," or the end`)
	}
	return nil
}

// skipExpression goes to the next comma outside parentheses, or the end.
func (p *parser) skipExpression() {
	for {
		t := p.peek()
		if t.kind == endToken || t.kind == brokenToken || t.kind == commaToken && p.depth <= 0 {
			p.depth = 0
			return
		}
		p.next()
	}
}

func (p *parser) expression() (Expression, error) {
	if p.peek().kind == notToken {
		p.next()
		return p.absent()
	}
	first := p.peek()
	if first.kind != wordToken {
		return Expression{}, wanted(first, "an expression")
	}
	expression, err := p.subject()
	if err != nil {
		return Expression{}, err
	}
	return p.condition(expression)
}

// absent reads what stands behind an exclamation mark.
func (p *parser) absent() (Expression, error) {
	word := p.peek()
	if word.kind != wordToken || !strings.HasPrefix(word.text, labelPrefix) {
		return Expression{}, wanted(word, `labels.<key> after "!"`)
	}
	expression, err := p.subject()
	expression.Operator = Absent
	return expression, err
}

// subject reads a word as what an expression is about.
func (p *parser) subject() (Expression, error) {
	word := p.next()
	if word.text == nameWord {
		return Expression{Subject: Name}, nil
	}
	if key, ok := strings.CutPrefix(word.text, labelPrefix); ok {
		if key == "" {
			return Expression{}, fmt.Errorf("position %d: expected the key of a label after %q", word.position, labelPrefix)
		}
		return Expression{Subject: Label, Key: key}, nil
	}
	for _, attribute := range p.vocabulary.Attributes {
		if word.text == attribute {
			return Expression{Subject: Attribute, Key: attribute}, nil
		}
	}
	allowed := append([]string{nameWord, labelPrefix + "<key>"}, p.vocabulary.Attributes...)
	return Expression{}, fmt.Errorf("position %d: %s cannot be filtered by %q (allowed: %s)",
		word.position, p.vocabulary.Plural, word.text, strings.Join(allowed, ", "))
}

// condition reads the operator and its values.
func (p *parser) condition(expression Expression) (Expression, error) {
	operator := p.peek()
	switch {
	case operator.kind == equalsToken:
		expression.Operator = Equals
	case operator.kind == notEqualsToken:
		expression.Operator = NotEquals
	case isKeyword(operator, "in"):
		expression.Operator = In
	case isKeyword(operator, "notin"):
		expression.Operator = NotIn
	case expression.Subject == Label && (operator.kind == commaToken || operator.kind == endToken):
		expression.Operator = Exists
		return expression, nil
	default:
		return Expression{}, wanted(operator, fmt.Sprintf(`"=", "!=", "in" or "notin" after %q`, expression.subject()))
	}
	p.next()
	var err error
	if expression.Operator == In || expression.Operator == NotIn {
		expression.Values, err = p.list()
	} else {
		expression.Values, err = p.single(expression)
	}
	p.values += len(expression.Values)
	return expression, err
}

func isKeyword(t token, keyword string) bool {
	return t.kind == wordToken && strings.EqualFold(t.text, keyword)
}

// single reads the value of = and !=. That of a label can be left out, as in
// Kubernetes, and is empty then.
func (p *parser) single(expression Expression) ([]string, error) {
	t := p.peek()
	if expression.Subject == Label && (t.kind == commaToken || t.kind == endToken) {
		return []string{""}, nil
	}
	value, err := p.value()
	return []string{value}, err
}

// list reads values in parentheses.
func (p *parser) list() ([]string, error) {
	if t := p.peek(); t.kind != openToken {
		return nil, wanted(t, `"("`)
	}
	p.next()
	var values []string
	for {
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		switch t := p.peek(); t.kind {
		case commaToken:
			p.next()
		case closeToken:
			p.next()
			return values, nil
		default:
			return nil, wanted(t, `"," or ")"`)
		}
	}
}

func (p *parser) value() (string, error) {
	t := p.peek()
	if t.kind != wordToken && t.kind != quotedToken {
		return "", wanted(t, "a value")
	}
	p.next()
	return t.text, nil
}

// wanted is the error that a token is not what had to come.
func wanted(found token, expected string) error {
	if found.kind == brokenToken {
		return fmt.Errorf("position %d: %s", found.position, found.text)
	}
	return fmt.Errorf("position %d: expected %s, found %v", found.position, expected, found)
}
