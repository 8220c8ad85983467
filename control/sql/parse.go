package sql

import "github.com/openweir/weir/control/sql/token"

// Parse reads exactly one statement, with or without a semicolon behind it.
// Errors are *token.Error where the text is wrong, and *UnsupportedError where
// it is a statement that Weir does not run.
func Parse(text string) (Statement, error) {
	r, err := token.NewReader(text)
	if err != nil {
		return nil, err
	}
	p := &parser{Reader: r}
	statement, err := p.statement()
	if err != nil {
		return nil, err
	}
	return statement, p.end()
}

// parser reads statements. It also carries what queries share.
type parser struct {
	*token.Reader
	// tables are those read so far by the statement, each once.
	tables []Name
	seen   map[string]bool
	// scope has the queries named by WITH that can be read here.
	scope scope
	// placing is set where FIRST or AFTER may follow an expression.
	placing bool
}

// end makes sure that nothing but semicolons follows.
func (p *parser) end() error {
	if p.Peek().Kind != token.End && !p.IsSymbol(";") {
		return p.Unexpected("the end of the statement")
	}
	for p.AcceptSymbol(";") {
	}
	if next := p.Peek(); next.Kind != token.End {
		return token.Errorf(next.Position, "Only one statement is allowed, but another one starts here.")
	}
	return nil
}

func (p *parser) statement() (Statement, error) {
	first := p.Peek()
	if first.Kind == token.End || first.IsSymbol(";") {
		return nil, token.Errorf(first.Position, "The statement is empty.")
	}
	switch {
	case p.atQuery():
		return p.selectStatement()
	case p.Is("INSERT"):
		return p.insert()
	case p.Accept("EXECUTE", "STATEMENT", "SET"):
		return p.statementSet()
	case p.Accept("CREATE", "TABLE"):
		return p.createTable()
	case p.Accept("ALTER", "TABLE"):
		return p.alterTable()
	case p.Accept("DROP", "TABLE"):
		return p.dropTable()
	case p.Accept("SHOW"), p.Accept("LIST"):
		return p.show()
	case p.Accept("DESCRIBE"), p.Accept("DESC"):
		return p.describe()
	}
	if err := p.refuse("", refusals); err != nil {
		return nil, err
	}
	return nil, p.Unexpected("a statement")
}

func (p *parser) dropTable() (Statement, error) {
	ifExists := p.Accept("IF")
	if ifExists {
		if err := p.Expect("EXISTS"); err != nil {
			return nil, err
		}
	}
	name, err := p.tableName()
	return &DropTable{Table: name, IfExists: ifExists}, err
}

func (p *parser) tableName() (Name, error) { return p.ExpectName("the name of a table", 3) }

// list reads at least one element, with commas in between.
func list[T any](p *parser, element func() (T, error)) ([]T, error) {
	var all []T
	for {
		one, err := element()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		if !p.AcceptSymbol(",") {
			return all, nil
		}
	}
}

// inParentheses reads a list in parentheses.
func inParentheses[T any](p *parser, element func() (T, error)) ([]T, error) {
	if err := p.ExpectSymbol("("); err != nil {
		return nil, err
	}
	all, err := list(p, element)
	if err != nil {
		return nil, err
	}
	return all, p.ExpectSymbol(")")
}

func (p *parser) columnName() (string, error) { return p.ExpectIdentifier("the name of a column") }
