package sql

import (
	"github.com/openweir/weir/control/sql/logical"
	"github.com/openweir/weir/control/sql/token"
)

// schema reads columns, constraints and watermarks in parentheses.
func (p *parser) schema() (Schema, error) {
	var schema Schema
	_, err := inParentheses(p, func() (struct{}, error) { return struct{}{}, p.schemaElement(&schema) })
	return schema, err
}

func (p *parser) schemaElement(schema *Schema) error {
	switch {
	case p.Is("PRIMARY", "KEY"), p.Is("UNIQUE"), p.Is("CONSTRAINT"):
		return p.constraint(schema)
	case p.Is("WATERMARK", "FOR"):
		return p.watermark(schema)
	default:
		column, err := p.column(schema)
		if err != nil {
			return err
		}
		schema.Columns = append(schema.Columns, column)
		return nil
	}
}

func (p *parser) constraint(schema *Schema) error {
	position := p.Peek().Position
	key := &PrimaryKey{}
	if p.Accept("CONSTRAINT") {
		var err error
		if key.Name, err = p.ExpectIdentifier("the name of a constraint"); err != nil {
			return err
		}
	}
	if err := p.primaryKeyWords(); err != nil {
		return err
	}
	var err error
	if key.Columns, err = inParentheses(p, p.columnName); err != nil {
		return err
	}
	return p.setPrimaryKey(schema, key, position)
}

// primaryKeyWords reads PRIMARY KEY. UNIQUE is SQL, but not Flink's.
func (p *parser) primaryKeyWords() error {
	if p.Is("UNIQUE") {
		return &UnsupportedError{"UNIQUE", "PRIMARY KEY is the only constraint that Flink has."}
	}
	return p.Expect("PRIMARY", "KEY")
}

// setPrimaryKey reads NOT ENFORCED, then makes the key that of the schema.
func (p *parser) setPrimaryKey(schema *Schema, key *PrimaryKey, position token.Position) error {
	if !p.Accept("NOT", "ENFORCED") {
		return token.Errorf(p.Peek().Position, "A primary key must be NOT ENFORCED: Flink does not own the data and cannot enforce that keys are unique.")
	}
	if schema.PrimaryKey != nil {
		return token.Errorf(position, "The table defines more than one primary key.")
	}
	schema.PrimaryKey = key
	return nil
}

func (p *parser) watermark(schema *Schema) error {
	position := p.Next().Position
	p.Next()
	var watermark Watermark
	for {
		part, err := p.columnName()
		if err != nil {
			return err
		}
		watermark.Column = append(watermark.Column, part)
		if !p.AcceptSymbol(".") {
			break
		}
	}
	err := p.Expect("AS")
	if err != nil {
		return err
	}
	if watermark.Expression, err = p.expressionText(); err != nil {
		return err
	}
	if schema.Watermark != nil {
		return token.Errorf(position, "The table defines more than one watermark.")
	}
	schema.Watermark = &watermark
	return nil
}

// column reads a column. A primary key that stands with the column goes to the
// schema.
func (p *parser) column(schema *Schema) (column Column, err error) {
	if column.Name, err = p.columnName(); err != nil {
		return column, err
	}
	if p.Accept("AS") {
		column.Kind = Computed
		column.Expression, err = p.expressionText()
	} else {
		err = p.typedColumn(&column, schema)
	}
	if err != nil {
		return column, err
	}
	if p.Accept("COMMENT") {
		if column.Comment, err = p.ExpectString("a comment"); err != nil {
			return column, err
		}
	}
	return column, nil
}

func (p *parser) typedColumn(column *Column, schema *Schema) (err error) {
	if column.Type, err = logical.Read(p.Reader); err != nil {
		return err
	}
	if p.Accept("METADATA") {
		column.Kind = FromMetadata
		if p.Accept("FROM") {
			if column.MetadataKey, err = p.ExpectString("the key of the metadata"); err != nil {
				return err
			}
		}
		column.Virtual = p.Accept("VIRTUAL")
		return nil
	}
	return p.columnConstraint(column.Name, schema)
}

func (p *parser) columnConstraint(column string, schema *Schema) error {
	if !p.Is("PRIMARY", "KEY") && !p.Is("UNIQUE") && !p.Is("CONSTRAINT") {
		return nil
	}
	position := p.Peek().Position
	key := &PrimaryKey{Columns: []string{column}}
	if p.Accept("CONSTRAINT") {
		var err error
		if key.Name, err = p.ExpectIdentifier("the name of a constraint"); err != nil {
			return err
		}
	}
	if err := p.primaryKeyWords(); err != nil {
		return err
	}
	return p.setPrimaryKey(schema, key, position)
}

// expressionText reads an expression and gives it as written.
func (p *parser) expressionText() (string, error) {
	start := p.Peek().Start
	if err := p.expression(); err != nil {
		return "", err
	}
	return p.Text(start, p.Last().End), nil
}
