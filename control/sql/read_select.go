package sql

import (
	"strings"

	"github.com/openweir/weir/control/sql/token"
)

// selectQuery reads what follows SELECT.
func (p *parser) selectQuery() (*Query, error) {
	p.SkipHints()
	query := &Query{Grouped: p.Accept("DISTINCT")}
	p.Accept("ALL")
	var err error
	if query.Items, err = list(p, func() (Item, error) { return p.item(query) }); err != nil {
		return nil, err
	}
	if p.Accept("FROM") {
		if query.Sources, err = p.sources(); err != nil {
			return nil, err
		}
	}
	for _, clause := range []string{"WHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY"} {
		if p.Accept(clause) {
			if err := p.clause(clause, query); err != nil {
				return nil, err
			}
		}
	}
	return query, nil
}

// clause skips the rest of a clause of SELECT.
func (p *parser) clause(name string, query *Query) error {
	mark := p.Mark()
	switch name {
	case "GROUP":
		query.Grouped = true
		if err := p.Expect("BY"); err != nil {
			return err
		}
		if err := p.expressions(); err != nil {
			return err
		}
		query.Windowed = mentionWindow(p.Since(mark))
		return nil
	case "WINDOW":
		_, err := list(p, func() (struct{}, error) { return struct{}{}, p.namedWindow() })
		return err
	default:
		return p.expression()
	}
}

// namedWindow reads: name AS (PARTITION BY ...).
func (p *parser) namedWindow() error {
	if _, err := p.ExpectIdentifier("the name of a window"); err != nil {
		return err
	}
	if err := p.Expect("AS"); err != nil {
		return err
	}
	return p.brackets("(", ")")
}

// windowWords tell in GROUP BY that groups are windows of time.
var windowWords = []string{"WINDOW_START", "WINDOW_END", "TUMBLE", "HOP", "SESSION", "CUMULATE"}

func mentionWindow(tokens []token.Token) bool {
	for _, t := range tokens {
		for _, word := range windowWords {
			if t.Is(word) || t.Kind == token.Quoted && strings.EqualFold(t.Text, word) {
				return true
			}
		}
	}
	return false
}

// item reads an element of the select list, with its name.
func (p *parser) item(query *Query) (Item, error) {
	mark := p.Mark()
	if p.AcceptSymbol("*") {
		return Item{Star: true}, nil
	}
	if err := p.expression(); err != nil {
		return Item{}, err
	}
	tokens := p.Since(mark)
	query.Grouped = query.Grouped || aggregates(tokens)
	var item Item
	var err error
	if p.Accept("AS") {
		item.Name, err = p.columnName()
	} else if hasImplicitName(tokens) {
		item.Name = tokens[len(tokens)-1].Text
		tokens = tokens[:len(tokens)-1]
	}
	item.fillIn(tokens)
	return item, err
}

// hasImplicitName reports whether the last token is a name without AS before it:
// the token before it ends an operand already.
func hasImplicitName(tokens []token.Token) bool {
	n := len(tokens)
	if n < 2 || !tokens[n-1].IsIdentifier() || !endsOperand(tokens[n-2]) {
		return false
	}
	// Units have a plural form that is not reserved: INTERVAL '5' SECONDS.
	return n < 3 || !tokens[n-3].Is("INTERVAL")
}

// fillIn looks whether the tokens are but a column or a star.
func (i *Item) fillIn(tokens []token.Token) {
	var path []string
	for at, t := range tokens {
		last := at == len(tokens)-1
		switch {
		case at%2 == 1 && !t.IsSymbol("."), at%2 == 1 && last:
			return
		case at%2 == 1:
		case t.IsSymbol("*") && last && at > 0:
			i.Star, i.Qualifier = true, path
			return
		case t.Kind == token.Word && at > 0, t.IsIdentifier():
			path = append(path, t.Text)
		default:
			return
		}
	}
	i.Column = path
	if i.Name == "" {
		i.Name = path[len(path)-1]
	}
}

// aggregateFunctions are those of Flink.
var aggregateFunctions = map[string]bool{
	"COUNT": true, "SUM": true, "AVG": true, "MIN": true, "MAX": true,
	"STDDEV_POP": true, "STDDEV_SAMP": true, "STDDEV": true, "VAR_POP": true, "VAR_SAMP": true, "VARIANCE": true,
	"COLLECT": true, "ARRAY_AGG": true, "LISTAGG": true, "FIRST_VALUE": true, "LAST_VALUE": true,
	"JSON_OBJECTAGG": true, "JSON_ARRAYAGG": true, "APPROX_COUNT_DISTINCT": true, "PERCENTILE": true,
}

// aggregates reports whether an aggregate function is called, other than over a
// window of rows.
func aggregates(tokens []token.Token) bool {
	for i := range tokens {
		if aggregateFunctions[tokens[i].Keyword] && i+1 < len(tokens) && tokens[i+1].IsSymbol("(") &&
			!isOver(tokens[closing(tokens, i+1):]) {
			return true
		}
	}
	return false
}

// closing returns the index behind the parenthesis that ends the one at begin.
func closing(tokens []token.Token, begin int) int {
	depth := 0
	for i := begin; i < len(tokens); i++ {
		switch {
		case tokens[i].IsSymbol("("):
			depth++
		case tokens[i].IsSymbol(")"):
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(tokens)
}

// isOver reports whether OVER follows a call, perhaps behind FILTER (...).
func isOver(tokens []token.Token) bool {
	if len(tokens) > 1 && tokens[0].Is("FILTER") && tokens[1].IsSymbol("(") {
		tokens = tokens[closing(tokens, 1):]
	}
	return len(tokens) > 0 && tokens[0].Is("OVER")
}
