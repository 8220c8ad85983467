package sql

import "github.com/openweir/weir/control/sql/token"

// show reads what follows SHOW or LIST.
func (p *parser) show() (Statement, error) {
	switch {
	case p.Accept("CATALOGS"):
		like, err := p.like()
		return &ShowCatalogs{Like: like}, err
	case p.Accept("DATABASES"):
		name, like, err := p.scopeAndLike("the name of a catalog", 1)
		return &ShowDatabases{Catalog: name, Like: like}, err
	case p.Accept("TABLES"):
		name, like, err := p.scopeAndLike("the name of a database", 2)
		return &ShowTables{Database: name, Like: like}, err
	case p.Accept("CURRENT", "CATALOG"):
		return &ShowCurrent{}, nil
	case p.Accept("CURRENT", "DATABASE"):
		return &ShowCurrent{Database: true}, nil
	case p.Accept("COLUMNS"):
		return p.showColumns()
	case p.Accept("CREATE", "TABLE"):
		name, err := p.tableName()
		return &ShowCreateTable{Table: name}, err
	}
	if err := p.refuse("SHOW", showRefusals); err != nil {
		return nil, err
	}
	return nil, p.Unexpected("CATALOGS, DATABASES, TABLES, COLUMNS, CURRENT or CREATE TABLE")
}

func (p *parser) showColumns() (Statement, error) {
	if !p.Accept("FROM") && !p.Accept("IN") {
		return nil, p.Unexpected("FROM")
	}
	name, err := p.tableName()
	if err != nil {
		return nil, err
	}
	like, err := p.like()
	return &ShowColumns{Table: name, Like: like}, err
}

// scopeAndLike reads FROM or IN with a name, and LIKE; both may be missing.
func (p *parser) scopeAndLike(what string, parts int) (Name, *Like, error) {
	var name Name
	if p.Accept("FROM") || p.Accept("IN") {
		var err error
		if name, err = p.ExpectName(what, parts); err != nil {
			return Name{}, nil, err
		}
	}
	like, err := p.like()
	return name, like, err
}

// like reads [NOT] LIKE or ILIKE with its pattern, or nothing.
func (p *parser) like() (*Like, error) {
	like := &Like{Not: p.Accept("NOT")}
	switch {
	case p.Accept("ILIKE"):
		like.IgnoreCase = true
	case p.Accept("LIKE"):
	case like.Not:
		return nil, p.Unexpected("LIKE")
	default:
		return nil, nil
	}
	var err error
	like.Pattern, err = p.ExpectString("a pattern")
	return like, err
}

// describe reads what follows DESCRIBE.
func (p *parser) describe() (Statement, error) {
	// A table may bear the name of one of these words: then nothing follows it.
	if p.PeekAt(1).Kind != token.End && !p.PeekAt(1).IsSymbol(";") && !p.PeekAt(1).IsSymbol(".") {
		if err := p.refuse("DESCRIBE", describeRefusals); err != nil {
			return nil, err
		}
	}
	statement := &Describe{}
	if p.Is("EXTENDED") && p.PeekAt(1).IsIdentifier() {
		p.Next()
		statement.Extended = true
	}
	var err error
	statement.Table, err = p.tableName()
	return statement, err
}
