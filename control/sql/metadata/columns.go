package metadata

import (
	"slices"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Schema returns the columns of a query that only selects columns of one table, whose types the
// table declares. It returns nil for every other query: their types are the planner's to decide.
func Schema(query *sql.Query, session Session, catalogs Catalogs) *cmfv1.ResultSchema {
	if len(query.Sources) != 1 || query.Grouped || query.Combined {
		return nil
	}
	source := query.Sources[0]
	if len(source.Table.Parts) == 0 || len(source.Columns) > 0 {
		return nil
	}
	path, err := Resolve(source.Table, session, catalogs)
	if err != nil {
		return nil
	}
	table, found := catalogs.Table(path)
	if !found {
		return nil
	}
	all := declaredColumns(table)
	schema := &cmfv1.ResultSchema{}
	for _, item := range query.Items {
		schema.Columns = append(schema.Columns, selected(item, source.Alias, all)...)
	}
	names := map[string]bool{}
	for _, c := range schema.Columns {
		// Flink renames columns of equal names.
		if c.GetType() == nil || names[c.GetName()] {
			return nil
		}
		names[c.GetName()] = true
	}
	return schema
}

// selected returns the columns of an element of the select list. An expression has no type.
func selected(item sql.Item, alias string, all []*cmfv1.ResultSchemaColumn) []*cmfv1.ResultSchemaColumn {
	if item.Star {
		if len(item.Qualifier) == 0 || slices.Equal(item.Qualifier, []string{alias}) {
			return all
		}
		return []*cmfv1.ResultSchemaColumn{{}}
	}
	column := &cmfv1.ResultSchemaColumn{Name: item.Name}
	path := item.Column
	if len(path) == 2 && path[0] == alias {
		path = path[1:]
	}
	for _, c := range all {
		if len(path) == 1 && path[0] == c.GetName() {
			column.Type = c.GetType()
		}
	}
	return []*cmfv1.ResultSchemaColumn{column}
}

// declaredColumns returns the columns of a table. Computed columns other than casts have no type.
func declaredColumns(table *storev1.TableRecord) []*cmfv1.ResultSchemaColumn {
	columns := make([]*cmfv1.ResultSchemaColumn, len(table.GetColumns()))
	declared := map[string]*cmfv1.DataType{}
	for i, c := range table.GetColumns() {
		columns[i] = &cmfv1.ResultSchemaColumn{Name: c.GetName()}
		if c.GetKind() == storev1.TableColumn_KIND_COMPUTED {
			continue
		}
		dataType, err := logical.Parse(c.GetType())
		if err != nil {
			continue
		}
		if c.GetNotNull() {
			dataType = logical.NotNull(dataType)
		}
		columns[i].Type, declared[c.GetName()] = dataType, dataType
	}
	for i, c := range table.GetColumns() {
		if c.GetKind() == storev1.TableColumn_KIND_COMPUTED {
			columns[i].Type = castType(c.GetExpression(), declared)
		}
	}
	return columns
}

// castType returns the type of CAST(column AS type) and TRY_CAST(expression AS type), and nil for
// every other expression. A cast of a column is nullable if the column is.
func castType(text string, declared map[string]*cmfv1.DataType) *cmfv1.DataType {
	tokens, err := token.Scan(text)
	if err != nil || len(tokens) < 7 || !tokens[1].IsSymbol("(") {
		return nil
	}
	last := len(tokens) - 2 // the token before the end
	as := topLevel(tokens[2:last], "AS") + 2
	if as <= 2 || as+1 >= last || !tokens[last].IsSymbol(")") {
		return nil
	}
	target, err := logical.Parse(text[tokens[as+1].Start:tokens[last].Start])
	switch {
	case err != nil:
		return nil
	case tokens[0].Is("TRY_CAST"):
		return target
	}
	operand := declared[tokens[2].Text]
	if !tokens[0].Is("CAST") || as != 3 || !tokens[2].IsIdentifier() || operand == nil {
		return nil
	}
	if !operand.GetNullable() {
		target = logical.NotNull(target)
	}
	return target
}

// topLevel returns the index of a keyword outside of all parentheses, or -1.
func topLevel(tokens []token.Token, keyword string) int {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.IsSymbol("("):
			depth++
		case t.IsSymbol(")"):
			depth--
		case depth == 0 && t.Is(keyword):
			return i
		}
	}
	return -1
}
