package sql

import (
	"strconv"

	"github.com/openweir/weir/control/sql/token"
)

func (p *parser) selectStatement() (Statement, error) {
	query, err := p.query()
	return &Select{Query: query, Tables: p.tables}, err
}

// query reads a query up to what cannot be part of it.
func (p *parser) query() (*Query, error) {
	if err := p.Enter(); err != nil {
		return nil, err
	}
	defer p.Leave()
	defer p.scope.leave(p.scope.enter())
	if p.Accept("WITH") {
		if err := p.namedQueries(); err != nil {
			return nil, err
		}
	}
	query, err := p.queryTerm()
	if err != nil {
		return nil, err
	}
	return query, p.restOfQuery(query)
}

// restOfQuery reads what follows the first part of a query.
func (p *parser) restOfQuery(query *Query) error {
	for p.atSetOperation() {
		query.Combined = true
		operation := p.Next()
		all := p.Accept("ALL")
		p.Accept("DISTINCT")
		other, err := p.queryTerm()
		if err != nil {
			return err
		}
		query.Grouped = query.Grouped || other.Grouped || !all || !operation.Is("UNION")
		query.Windowed = query.Windowed && other.Windowed
	}
	if p.Accept("ORDER") {
		if err := p.Expect("BY"); err != nil {
			return err
		}
		if err := p.expressions(); err != nil {
			return err
		}
	}
	return p.limits(query)
}

func (p *parser) atSetOperation() bool {
	return p.Is("UNION") || p.Is("INTERSECT") || p.Is("EXCEPT") || p.Is("MINUS")
}

// expressions skips expressions with commas in between.
func (p *parser) expressions() error {
	_, err := list(p, func() (struct{}, error) { return struct{}{}, p.expression() })
	return err
}

// namedQueries reads what follows WITH.
func (p *parser) namedQueries() error {
	recursive := p.Accept("RECURSIVE")
	_, err := list(p, func() (struct{}, error) { return struct{}{}, p.namedQuery(recursive) })
	return err
}

func (p *parser) namedQuery(recursive bool) error {
	var named namedQuery
	var err error
	if named.name, err = p.ExpectIdentifier("the name of a query"); err != nil {
		return err
	}
	if p.IsSymbol("(") {
		if named.columns, err = inParentheses(p, p.columnName); err != nil {
			return err
		}
	}
	if err := p.Expect("AS"); err != nil {
		return err
	}
	if err := p.ExpectSymbol("("); err != nil {
		return err
	}
	outer := p.scope.enter()
	if recursive {
		p.scope.add(named)
	}
	if named.query, err = p.query(); err != nil {
		return err
	}
	p.scope.leave(outer)
	p.scope.add(named)
	return p.ExpectSymbol(")")
}

// queryTerm reads a part of a query: SELECT, VALUES, TABLE or parentheses.
func (p *parser) queryTerm() (*Query, error) {
	switch {
	case p.AcceptSymbol("("):
		query, err := p.query()
		if err != nil {
			return nil, err
		}
		return query, p.ExpectSymbol(")")
	case p.Accept("SELECT"):
		return p.selectQuery()
	case p.Accept("VALUES"):
		rows, err := list(p, p.row)
		return &Query{Rows: rows}, err
	case p.Accept("TABLE"):
		source, err := p.source()
		return &Query{Items: []Item{{Star: true}}, Sources: []Source{source}}, err
	}
	return nil, p.Unexpected("SELECT or VALUES")
}

// row reads a row of VALUES: (1, 'a'), ROW(1, 'a') or just 1.
func (p *parser) row() ([]string, error) {
	if p.Is("ROW") && p.PeekAt(1).IsSymbol("(") {
		p.Next()
	}
	if !p.IsSymbol("(") || p.startsQuery(p.PeekAt(1)) {
		text, err := p.expressionText()
		return []string{text}, err
	}
	return inParentheses(p, p.expressionText)
}

// limits reads LIMIT, OFFSET and FETCH.
func (p *parser) limits(query *Query) (err error) {
	for {
		switch {
		case p.Accept("LIMIT"):
			if query.Limit, err = p.limit(); err != nil {
				return err
			}
		case p.Accept("OFFSET"):
			if _, err = p.limit(); err != nil {
				return err
			}
			_ = p.Accept("ROW") || p.Accept("ROWS")
		case p.Accept("FETCH"):
			if err = p.fetch(query); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (p *parser) fetch(query *Query) (err error) {
	if !p.Accept("FIRST") && !p.Accept("NEXT") {
		return p.Unexpected("FIRST or NEXT")
	}
	if query.Limit, err = p.limit(); err != nil {
		return err
	}
	if !p.Accept("ROW") && !p.Accept("ROWS") {
		return p.Unexpected("ROWS")
	}
	return p.Expect("ONLY")
}

// limit reads a number of rows. It is nil where the number is not known.
func (p *parser) limit() (*int64, error) {
	if p.Accept("ALL") || p.AcceptSymbol("?") {
		return nil, nil
	}
	count := p.Peek()
	if count.Kind != token.Number {
		return nil, p.Unexpected("a number of rows")
	}
	n, err := strconv.ParseInt(count.Text, 10, 64)
	if err != nil {
		return nil, token.Errorf(count.Position, "%s is not a valid number of rows.", count.Text)
	}
	p.Next()
	return &n, nil
}
