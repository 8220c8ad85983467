package sql

import "github.com/openweir/weir/control/sql/token"

// insert reads INSERT INTO or INSERT OVERWRITE. What it reads is its own, even
// in a statement set.
func (p *parser) insert() (*Insert, error) {
	p.tables, p.seen = nil, nil
	if err := p.Expect("INSERT"); err != nil {
		return nil, err
	}
	statement := &Insert{Overwrite: p.Accept("OVERWRITE")}
	if !statement.Overwrite && !p.Accept("INTO") {
		return nil, p.Unexpected("INTO or OVERWRITE")
	}
	p.Accept("TABLE")
	var err error
	if statement.Target, err = p.tableName(); err != nil {
		return nil, err
	}
	p.SkipHints()
	if p.Accept("PARTITION") {
		if err := p.parentheses(); err != nil {
			return nil, err
		}
	}
	if p.IsSymbol("(") && p.PeekAt(1).IsIdentifier() {
		if statement.Columns, err = inParentheses(p, p.columnPath); err != nil {
			return nil, err
		}
	}
	if !p.atQuery() {
		return nil, p.Unexpected("a query")
	}
	if statement.Query, err = p.query(); err != nil {
		return nil, err
	}
	statement.Tables = p.tables
	return statement, nil
}

// columnPath reads the name of a column or, with dots, of a field in it.
func (p *parser) columnPath() (string, error) {
	start := p.Peek().Start
	name, err := p.columnName()
	if err != nil || !p.IsSymbol(".") {
		return name, err
	}
	for p.AcceptSymbol(".") {
		if _, err := p.columnName(); err != nil {
			return "", err
		}
	}
	return p.Text(start, p.Last().End), nil
}

// statementSet reads what follows EXECUTE STATEMENT SET.
func (p *parser) statementSet() (Statement, error) {
	begin := p.Peek().Position
	if err := p.Expect("BEGIN"); err != nil {
		return nil, err
	}
	set := &StatementSet{}
	for !p.Accept("END") {
		insert, err := p.insert()
		if err != nil {
			return nil, err
		}
		if err := p.ExpectSymbol(";"); err != nil {
			return nil, err
		}
		set.Inserts = append(set.Inserts, insert)
	}
	if len(set.Inserts) == 0 {
		return nil, token.Errorf(begin, "The statement set is empty.")
	}
	return set, nil
}
