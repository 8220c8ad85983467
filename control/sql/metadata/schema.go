package metadata

import (
	"fmt"
	"slices"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// What Weir looks into; nothing that people write comes near.
const (
	maxSources = 100   // of one FROM
	maxDerived = 50000 // columns of all queries in a query
)

// Schema gives the columns that a query would have, as far as its text and the
// catalogs tell: what it cannot tell the type of is a string. It is false where
// a star stands for columns that nobody knows. Only Flink has the last word.
func Schema(query *sql.Query, session Session, catalogs Catalogs) (*cmfv1.ResultSchema, bool) {
	d := deriver{resolver: resolver{session, catalogs}, known: map[*sql.Query][]typed{}, left: maxDerived}
	columns, ok := d.query(query)
	if !ok {
		return nil, false
	}
	schema := &cmfv1.ResultSchema{}
	for _, c := range columns {
		if c.dataType == nil {
			c.dataType = logical.String()
		}
		schema.Columns = append(schema.Columns, &cmfv1.ResultSchemaColumn{Name: c.name, Type: c.dataType})
	}
	return schema, true
}

// typed is a column; its type is nil where it is not known.
type typed struct {
	name     string
	dataType *cmfv1.DataType
}

// source is an element of FROM with its columns.
type source struct {
	alias   string
	columns []typed
	// known is false where the columns are not known.
	known bool
	// byName has the first column of each name.
	byName map[string]*cmfv1.DataType
}

// index fills byName in, once the columns are there.
func (s *source) index() {
	s.byName = make(map[string]*cmfv1.DataType, len(s.columns))
	for _, c := range slices.Backward(s.columns) {
		s.byName[c.name] = c.dataType
	}
}

type deriver struct {
	resolver
	// known has nil for queries whose columns cannot be told.
	known map[*sql.Query][]typed
	// left is how many more columns may be derived.
	left int
}

func (d *deriver) query(query *sql.Query) ([]typed, bool) {
	if query == nil {
		return nil, false
	}
	if columns, done := d.known[query]; done {
		return columns, columns != nil
	}
	columns := d.columns(query)
	d.known[query] = columns
	return columns, columns != nil
}

// columns is nil where they cannot be told.
func (d *deriver) columns(query *sql.Query) []typed {
	if len(query.Rows) > 0 {
		return valuesColumns(query.Rows)
	}
	if len(query.Sources) > maxSources {
		return nil
	}
	var sources []source
	for _, s := range query.Sources {
		sources = append(sources, d.source(s))
	}
	var columns []typed
	for i, item := range query.Items {
		more := itemColumns(item, i, sources)
		if d.left -= len(more); more == nil || d.left < 0 {
			return nil
		}
		columns = append(columns, more...)
	}
	return columns
}

func (d *deriver) source(s sql.Source) source {
	out := source{alias: s.Alias}
	switch {
	case s.Query != nil:
		out.columns, out.known = d.query(s.Query)
	case len(s.Table.Parts) > 0:
		path, err := d.table(s.Table)
		if err != nil {
			return out
		}
		if table, found := d.catalogs.Table(path); found {
			out.columns, out.known = columnsOf(table), true
			d.left -= len(out.columns)
		}
	}
	if len(s.Columns) > 0 {
		out.rename(s.Columns)
	}
	out.index()
	return out
}

// rename gives new names to the columns, which makes them known.
func (s *source) rename(names []string) {
	renamed := make([]typed, len(names))
	for i, name := range names {
		renamed[i].name = name
		if i < len(s.columns) {
			renamed[i].dataType = s.columns[i].dataType
		}
	}
	s.columns, s.known = renamed, true
}

// itemColumns gives the columns of an element of the select list. It is nil
// where they are not known.
func itemColumns(item sql.Item, index int, sources []source) []typed {
	if item.Star {
		return starColumns(item.Qualifier, sources)
	}
	name := item.Name
	if name == "" {
		name = fmt.Sprintf("EXPR$%d", index)
	}
	if len(item.Column) > 0 {
		return []typed{{name, lookUp(item.Column, sources)}}
	}
	return []typed{{name, derive(item.Expression, sources)}}
}

func starColumns(qualifier []string, sources []source) []typed {
	var columns []typed
	for _, s := range sources {
		if len(qualifier) > 0 && qualifier[len(qualifier)-1] != s.alias {
			continue
		}
		if !s.known {
			return nil
		}
		columns = append(columns, s.columns...)
	}
	return columns
}

// lookUp finds the type of a column, perhaps with its table before it or a field
// behind it.
func lookUp(path []string, sources []source) *cmfv1.DataType {
	for _, s := range sources {
		if len(path) > 1 && path[0] == s.alias {
			if found := s.find(path[1:]); found != nil {
				return found
			}
		}
		if found := s.find(path); found != nil {
			return found
		}
	}
	return nil
}

func (s source) find(path []string) *cmfv1.DataType {
	found, _ := descend(s.byName[path[0]], path[1:])
	return found
}

// columnsOf gives the columns of a table in order.
func columnsOf(table *storev1.TableRecord) []typed {
	columns := make([]typed, len(table.GetColumns()))
	for i, c := range table.GetColumns() {
		columns[i].name = c.GetName()
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
		columns[i].dataType = dataType
	}
	// Computed columns see the others, but not each other.
	others := []source{{columns: columns, known: true}}
	others[0].index()
	for i, c := range table.GetColumns() {
		if c.GetKind() == storev1.TableColumn_KIND_COMPUTED {
			columns[i].dataType = derive(c.GetExpression(), others)
		}
	}
	return columns
}

// valuesColumns gives the columns of VALUES.
func valuesColumns(rows [][]string) []typed {
	columns := make([]typed, len(rows[0]))
	for i := range columns {
		columns[i].name = fmt.Sprintf("EXPR$%d", i)
		var cells []*cmfv1.DataType
		for _, row := range rows {
			if i < len(row) {
				cells = append(cells, derive(row[i], nil))
			}
		}
		columns[i].dataType = union(cells)
	}
	return columns
}
