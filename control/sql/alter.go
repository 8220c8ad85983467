package sql

// alterTable reads what follows ALTER TABLE.
func (p *parser) alterTable() (Statement, error) {
	statement := &AlterTable{}
	if p.Accept("IF") {
		if err := p.Expect("EXISTS"); err != nil {
			return nil, err
		}
		statement.IfExists = true
	}
	var err error
	if statement.Table, err = p.tableName(); err != nil {
		return nil, err
	}
	statement.Change, err = p.tableChange()
	return statement, err
}

func (p *parser) tableChange() (Change, error) {
	if err := p.refuse("ALTER TABLE", alterRefusals); err != nil {
		return nil, err
	}
	switch {
	case p.Accept("SET"):
		options, err := p.options()
		return &SetOptions{options}, err
	case p.Accept("RESET"):
		keys, err := inParentheses(p, func() (string, error) { return p.ExpectString("the key of an option") })
		return &ResetOptions{keys}, err
	case p.Accept("ADD"):
		schema, distribution, err := p.schemaChange()
		return &AddSchema{schema, distribution}, err
	case p.Accept("MODIFY"):
		schema, distribution, err := p.schemaChange()
		return &ModifySchema{schema, distribution}, err
	case p.Accept("RENAME"):
		return p.renameColumn()
	case p.Accept("DROP"):
		return p.dropPart()
	}
	return nil, p.Unexpected("SET, RESET, ADD, MODIFY, DROP or RENAME")
}

// schemaChange reads one element or several in parentheses, or a distribution.
func (p *parser) schemaChange() (schema Schema, distribution *Distribution, err error) {
	switch {
	case p.Accept("DISTRIBUTION"):
		distribution, err = p.distribution()
	case p.IsSymbol("("):
		_, err = inParentheses(p, func() (struct{}, error) { return struct{}{}, p.placedElement(&schema) })
	default:
		p.Accept("COLUMN")
		err = p.placedElement(&schema)
	}
	return schema, distribution, err
}

// placedElement reads an element and, for columns, where it goes.
func (p *parser) placedElement(schema *Schema) error {
	p.placing = true
	before := len(schema.Columns)
	if err := p.schemaElement(schema); err != nil || len(schema.Columns) == before {
		return err
	}
	place := &schema.Columns[before].Place
	switch {
	case p.Accept("FIRST"):
		place.First = true
	case p.Accept("AFTER"):
		var err error
		if place.After, err = p.columnName(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) renameColumn() (Change, error) {
	p.Accept("COLUMN")
	from, err := p.columnName()
	if err != nil {
		return nil, err
	}
	if err := p.Expect("TO"); err != nil {
		return nil, err
	}
	to, err := p.columnName()
	return &RenameColumn{From: from, To: to}, err
}

// dropPart reads what follows ALTER TABLE ... DROP.
func (p *parser) dropPart() (Change, error) {
	switch {
	case p.Accept("PRIMARY", "KEY"):
		return &DropPrimaryKey{}, nil
	case p.Accept("CONSTRAINT"):
		name, err := p.ExpectIdentifier("the name of a constraint")
		return &DropPrimaryKey{Constraint: name}, err
	case p.Accept("WATERMARK"):
		return &DropWatermark{}, nil
	case p.Accept("DISTRIBUTION"):
		return &DropDistribution{}, nil
	case p.IsSymbol("("):
		columns, err := inParentheses(p, p.columnName)
		return &DropColumns{columns}, err
	}
	p.Accept("COLUMN")
	column, err := p.columnName()
	return &DropColumns{[]string{column}}, err
}
