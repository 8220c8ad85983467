package sql

import "github.com/openweir/weir/control/sql/token"

// clauses are the reserved words that end an expression.
var clauses = map[string]bool{
	"SELECT": true, "FROM": true, "WHERE": true, "GROUP": true, "HAVING": true, "WINDOW": true, "QUALIFY": true,
	"ORDER": true, "LIMIT": true, "OFFSET": true, "FETCH": true,
	"UNION": true, "INTERSECT": true, "EXCEPT": true, "MINUS": true,
	"JOIN": true, "INNER": true, "CROSS": true, "NATURAL": true, "FULL": true, "LEFT": true, "RIGHT": true,
	"ON": true, "USING": true, "AS": true,
}

// expression skips an expression that has at least one token. Of what is
// in it, only queries in parentheses are looked at.
func (p *parser) expression() error {
	if p.endsExpression() {
		return p.Unexpected("an expression")
	}
	for !p.endsExpression() {
		if err := p.step(); err != nil {
			return err
		}
	}
	return nil
}

// endsExpression reports whether the next token is not part of the expression
// that the last one belongs to.
func (p *parser) endsExpression() bool {
	t := p.Peek()
	switch {
	case t.Kind == token.End:
		return true
	case t.Kind == token.Symbol:
		return t.Text == "," || t.Text == ";" || t.Text == ")" || t.Text == "]" || t.Text == "}"
	case t.Kind != token.Word || p.Last().IsSymbol("."):
		return false
	case t.Keyword == "COMMENT":
		return p.PeekAt(1).Kind == token.String
	case t.Keyword == "FIRST", t.Keyword == "AFTER":
		return p.placing && endsOperand(p.Last())
	case t.Keyword == "LEFT", t.Keyword == "RIGHT":
		// Functions of the same names have arguments.
		return !p.PeekAt(1).IsSymbol("(")
	case t.Keyword == "GROUP":
		return !p.Last().Is("WITHIN")
	case t.Keyword == "FROM":
		return !p.Last().Is("DISTINCT")
	default:
		return clauses[t.Keyword]
	}
}

// operandEnds are the keywords that an operand can end with.
var operandEnds = map[string]bool{
	"END": true, "NULL": true, "TRUE": true, "FALSE": true, "UNKNOWN": true,
	"CURRENT_DATE": true, "CURRENT_TIME": true, "CURRENT_TIMESTAMP": true, "LOCALTIME": true, "LOCALTIMESTAMP": true,
	"YEAR": true, "MONTH": true, "DAY": true, "HOUR": true, "MINUTE": true, "SECOND": true,
}

// endsOperand reports whether an operand can end with the token, so that what
// follows is an operator or no longer part of the expression.
func endsOperand(t token.Token) bool {
	switch t.Kind {
	case token.Quoted, token.String, token.Binary, token.Number:
		return true
	case token.Word:
		return t.IsIdentifier() || operandEnds[t.Keyword]
	default:
		return t.IsSymbol(")") || t.IsSymbol("]")
	}
}

// step skips one token, or over brackets with all that is in them.
func (p *parser) step() error {
	switch {
	case p.IsSymbol("("):
		return p.parentheses()
	case p.IsSymbol("["):
		return p.brackets("[", "]")
	case p.IsSymbol("{"):
		return p.brackets("{", "}")
	default:
		p.Next()
		return nil
	}
}

// parentheses skips what is in parentheses: a query, or anything else.
func (p *parser) parentheses() error {
	if !p.startsQuery(p.PeekAt(1)) {
		return p.brackets("(", ")")
	}
	p.Next()
	if _, err := p.query(); err != nil {
		return err
	}
	return p.ExpectSymbol(")")
}

// brackets skips anything in brackets. Functions have tables as arguments:
// TUMBLE(TABLE orders, ...).
func (p *parser) brackets(begin, end string) error {
	if err := p.Enter(); err != nil {
		return err
	}
	defer p.Leave()
	if err := p.ExpectSymbol(begin); err != nil {
		return err
	}
	for !p.AcceptSymbol(end) {
		switch {
		case p.Peek().Kind == token.End, p.IsSymbol(";"), p.IsSymbol(")"), p.IsSymbol("]"), p.IsSymbol("}"):
			return p.Unexpected("\"" + end + "\"")
		case p.Is("TABLE") && p.PeekAt(1).IsIdentifier():
			p.Next()
			if _, err := p.source(); err != nil {
				return err
			}
		default:
			if err := p.step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// atQuery reports whether a query is next, perhaps in parentheses.
func (p *parser) atQuery() bool {
	n := 0
	for p.PeekAt(n).IsSymbol("(") {
		n++
	}
	return p.startsQuery(p.PeekAt(n)) || n == 0 && p.Is("TABLE") && p.PeekAt(1).IsIdentifier()
}

func (p *parser) startsQuery(t token.Token) bool {
	return t.Is("SELECT") || t.Is("WITH") || t.Is("VALUES")
}
