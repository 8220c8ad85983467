package sql

import (
	"strconv"

	"github.com/openweir/weir/control/sql/token"
)

// createTable reads what follows CREATE TABLE.
func (p *parser) createTable() (Statement, error) {
	statement := &CreateTable{}
	if p.Accept("IF") {
		if err := p.Expect("NOT", "EXISTS"); err != nil {
			return nil, err
		}
		statement.IfNotExists = true
	}
	var err error
	if statement.Table, err = p.tableName(); err != nil {
		return nil, err
	}
	if p.IsSymbol("(") {
		if statement.Schema, err = p.schema(); err != nil {
			return nil, err
		}
	}
	if err := p.tableClauses(statement); err != nil {
		return nil, err
	}
	switch {
	case p.Is("AS"):
		return nil, &UnsupportedError{"CREATE TABLE AS", "create the table, then fill it with INSERT INTO."}
	case p.Is("LIKE"):
		return nil, &UnsupportedError{"CREATE TABLE LIKE", "write the columns and options; SHOW CREATE TABLE gives those of the other table."}
	case len(statement.Schema.Columns) == 0:
		return nil, token.Errorf(statement.Table.Position, "The table %s has no columns.", statement.Table)
	}
	return statement, nil
}

// tableClauses reads what stands between columns and the end.
func (p *parser) tableClauses(statement *CreateTable) (err error) {
	if p.Accept("COMMENT") {
		if statement.Comment, err = p.ExpectString("a comment"); err != nil {
			return err
		}
	}
	if p.Accept("DISTRIBUTED") {
		if statement.Distribution, err = p.distribution(); err != nil {
			return err
		}
	}
	if p.Accept("PARTITIONED") {
		if err = p.Expect("BY"); err != nil {
			return err
		}
		if statement.PartitionBy, err = inParentheses(p, p.columnName); err != nil {
			return err
		}
	}
	if p.Accept("WITH") {
		statement.Options, err = p.options()
	}
	return err
}

// distribution reads what follows DISTRIBUTED.
func (p *parser) distribution() (*Distribution, error) {
	distribution := &Distribution{}
	by := p.Accept("BY")
	if by {
		if p.Is("HASH") || p.Is("RANGE") {
			distribution.Algorithm = p.Next().Keyword
		}
		var err error
		if distribution.Columns, err = inParentheses(p, p.columnName); err != nil {
			return nil, err
		}
	}
	if !p.Accept("INTO") {
		if by {
			return distribution, nil
		}
		return nil, p.Unexpected("BY or INTO")
	}
	count := p.Peek()
	n, err := strconv.ParseInt(count.Text, 10, 32)
	if count.Kind != token.Number || err != nil || n < 1 {
		return nil, p.Unexpected("a positive number of buckets")
	}
	p.Next()
	distribution.Buckets = int32(n)
	return distribution, p.Expect("BUCKETS")
}

// options reads ('key' = 'value', ...). The parentheses may be empty.
func (p *parser) options() (map[string]string, error) {
	if err := p.ExpectSymbol("("); err != nil {
		return nil, err
	}
	options := map[string]string{}
	if p.AcceptSymbol(")") {
		return options, nil
	}
	_, err := list(p, func() (struct{}, error) { return struct{}{}, p.option(options) })
	if err != nil {
		return nil, err
	}
	return options, p.ExpectSymbol(")")
}

func (p *parser) option(options map[string]string) error {
	position := p.Peek().Position
	key, err := p.ExpectString("the key of an option")
	if err != nil {
		return err
	}
	if err := p.ExpectSymbol("="); err != nil {
		return err
	}
	value, err := p.ExpectString("the value of an option")
	if err != nil {
		return err
	}
	if _, twice := options[key]; twice {
		return token.Errorf(position, "Option %s is specified more than once.", token.QuoteString(key))
	}
	options[key] = value
	return nil
}
