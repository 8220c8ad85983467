package sql

import "github.com/openweir/weir/control/sql/token"

// sources reads what follows FROM: tables and queries, with commas or joins in
// between.
func (p *parser) sources() ([]Source, error) {
	first, err := p.sourceOrJoin()
	if err != nil {
		return nil, err
	}
	return p.joins(first)
}

// joins reads what is joined with the sources before it.
func (p *parser) joins(sources []Source) ([]Source, error) {
	for {
		joined, err := p.joinWords()
		if err != nil || !joined {
			return sources, err
		}
		more, err := p.sourceOrJoin()
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
		switch {
		case p.Accept("ON"):
			err = p.expression()
		case p.Accept("USING"):
			_, err = inParentheses(p, p.columnName)
		}
		if err != nil {
			return nil, err
		}
	}
}

// joinWords reads a comma or the words up to JOIN; false where neither is next.
func (p *parser) joinWords() (bool, error) {
	if p.AcceptSymbol(",") {
		return true, nil
	}
	found := p.Accept("NATURAL")
	switch {
	case p.Accept("INNER"), p.Accept("CROSS"):
		found = true
	case p.Accept("LEFT"), p.Accept("RIGHT"), p.Accept("FULL"):
		p.Accept("OUTER")
		found = true
	}
	if p.Accept("JOIN") {
		return true, nil
	}
	if found {
		return false, p.Unexpected("JOIN")
	}
	return false, nil
}

// sourceOrJoin reads one source or, in parentheses, several that are joined.
func (p *parser) sourceOrJoin() ([]Source, error) {
	p.Accept("LATERAL")
	if !p.IsSymbol("(") {
		source, err := p.source()
		return []Source{source}, err
	}
	sources, err := p.inner()
	if err != nil {
		return nil, err
	}
	return p.named(sources)
}

// inner reads parentheses in FROM. Whether there is a query in them or a join
// shows only behind the first of several parentheses: ((SELECT ...) UNION ...)
// or ((SELECT ...) AS a JOIN b).
func (p *parser) inner() ([]Source, error) {
	if err := p.Enter(); err != nil {
		return nil, err
	}
	defer p.Leave()
	if err := p.ExpectSymbol("("); err != nil {
		return nil, err
	}
	sources, err := p.innerSources()
	if err != nil {
		return nil, err
	}
	return sources, p.ExpectSymbol(")")
}

func (p *parser) innerSources() ([]Source, error) {
	switch {
	case p.startsQuery(p.Peek()):
		query, err := p.query()
		return []Source{{Query: query}}, err
	case !p.IsSymbol("("):
		return p.sources()
	}
	sources, err := p.inner()
	if err != nil {
		return nil, err
	}
	if len(sources) == 1 && sources[0].Query != nil && (p.atSetOperation() || p.Is("ORDER") || p.Is("LIMIT") || p.Is("OFFSET") || p.Is("FETCH")) {
		return sources, p.restOfQuery(sources[0].Query)
	}
	if sources, err = p.named(sources); err != nil {
		return nil, err
	}
	return p.joins(sources)
}

// source reads a table, or a function in its place, with its name.
func (p *parser) source() (Source, error) {
	source, err := p.unnamedSource()
	if err != nil {
		return Source{}, err
	}
	p.SkipHints()
	if p.Accept("FOR") {
		if err := p.Expect("SYSTEM_TIME", "AS", "OF"); err != nil {
			return Source{}, err
		}
		if err := p.pointInTime(); err != nil {
			return Source{}, err
		}
	}
	if p.Accept("MATCH_RECOGNIZE") {
		source = Source{}
		if err := p.brackets("(", ")"); err != nil {
			return Source{}, err
		}
	}
	named, err := p.named([]Source{source})
	if err != nil {
		return Source{}, err
	}
	return named[0], nil
}

// pointInTime skips an expression that a name without AS may follow.
func (p *parser) pointInTime() error {
	if p.endsExpression() {
		return p.Unexpected("a point in time")
	}
	for !p.endsExpression() && (!endsOperand(p.Last()) || !p.Peek().IsIdentifier() || p.Last().IsSymbol(".")) {
		if err := p.step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) unnamedSource() (Source, error) {
	switch {
	case p.Is("TABLE") && p.PeekAt(1).IsSymbol("("), p.Is("UNNEST"):
		p.Next()
		if err := p.brackets("(", ")"); err != nil {
			return Source{}, err
		}
		if p.Accept("WITH") {
			return Source{}, p.Expect("ORDINALITY")
		}
		return Source{}, nil
	}
	p.Accept("TABLE")
	name, err := p.tableName()
	if err != nil {
		return Source{}, err
	}
	if p.IsSymbol("(") {
		return Source{}, p.brackets("(", ")")
	}
	return p.lookUp(name), nil
}

// lookUp tells tables from queries that WITH names.
func (p *parser) lookUp(name Name) Source {
	last := name.Parts[len(name.Parts)-1]
	if len(name.Parts) == 1 {
		if named, found := p.scope.find(last); found {
			return Source{Query: named.query, Alias: last, Columns: named.columns}
		}
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	if !p.seen[name.String()] {
		p.seen[name.String()] = true
		p.tables = append(p.tables, name)
	}
	return Source{Table: name, Alias: last}
}

// named reads [AS] name [(columns)] behind sources, if it is there. A name for
// several sources hides what they were.
func (p *parser) named(sources []Source) ([]Source, error) {
	if !p.Accept("AS") && !p.atImplicitName() {
		return sources, nil
	}
	alias, err := p.ExpectIdentifier("an alias")
	if err != nil {
		return nil, err
	}
	source := Source{}
	if len(sources) == 1 {
		source = sources[0]
	}
	source.Alias = alias
	if p.IsSymbol("(") {
		if source.Columns, err = inParentheses(p, p.columnName); err != nil {
			return nil, err
		}
	}
	p.SkipHints()
	return []Source{source}, nil
}

func (p *parser) atImplicitName() bool {
	t := p.Peek()
	return t.IsIdentifier() && (t.Kind == token.Quoted || !clauses[t.Keyword])
}
