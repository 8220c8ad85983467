package metadata

import (
	"slices"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// change applies ALTER TABLE to a table.
func change(table *storev1.TableRecord, change sql.Change) error {
	switch c := change.(type) {
	case *sql.SetOptions:
		return setOptions(table, c.Options)
	case *sql.ResetOptions:
		return resetOptions(table, c.Keys)
	case *sql.AddSchema:
		return add(table, c)
	case *sql.ModifySchema:
		return modify(table, c)
	case *sql.DropColumns:
		return dropColumns(table, c.Columns)
	case *sql.DropPrimaryKey:
		return dropPrimaryKey(table, c.Constraint)
	case *sql.DropWatermark:
		if table.GetWatermark() == nil {
			return errorf("The table does not define a watermark.")
		}
		table.Watermark = nil
	case *sql.DropDistribution:
		if table.GetDistribution() == nil {
			return errorf("The table does not define a distribution.")
		}
		table.Distribution = nil
	case *sql.RenameColumn:
		return renameColumn(table, c.From, c.To)
	}
	return nil
}

func setOptions(table *storev1.TableRecord, options map[string]string) error {
	if len(options) == 0 {
		return errorf("ALTER TABLE ... SET requires an option.")
	}
	if table.Options == nil {
		table.Options = map[string]string{}
	}
	for key, value := range options {
		table.Options[key] = value
	}
	return nil
}

func resetOptions(table *storev1.TableRecord, keys []string) error {
	for _, key := range keys {
		if key == "connector" {
			return errorf("Option 'connector' cannot be reset: every table has one.")
		}
		delete(table.Options, key)
	}
	return nil
}

func add(table *storev1.TableRecord, c *sql.AddSchema) error {
	if len(c.Schema.Columns) > maxColumns {
		return errorf("A table must have at most %d columns.", maxColumns)
	}
	for _, column := range c.Schema.Columns {
		if findColumn(table, column.Name) >= 0 {
			return errorf("Column %s already exists in the table.", quotePath(column.Name))
		}
		if err := insertColumn(table, column, len(table.GetColumns())); err != nil {
			return err
		}
	}
	switch {
	case c.Schema.PrimaryKey != nil && table.GetPrimaryKey() != nil:
		return errorf("The table already defines a primary key.")
	case c.Schema.Watermark != nil && table.GetWatermark() != nil:
		return errorf("The table already defines a watermark.")
	case c.Distribution != nil && table.GetDistribution() != nil:
		return errorf("The table already defines a distribution.")
	}
	replaceParts(table, c.Schema, c.Distribution)
	return nil
}

func modify(table *storev1.TableRecord, c *sql.ModifySchema) error {
	for _, column := range c.Schema.Columns {
		at := findColumn(table, column.Name)
		if at < 0 {
			return errorf("Column %s does not exist in the table.", quotePath(column.Name))
		}
		table.Columns = slices.Delete(table.Columns, at, at+1)
		if err := insertColumn(table, column, at); err != nil {
			return err
		}
	}
	switch {
	case c.Schema.PrimaryKey != nil && table.GetPrimaryKey() == nil:
		return errorf("The table does not define a primary key.")
	case c.Schema.Watermark != nil && table.GetWatermark() == nil:
		return errorf("The table does not define a watermark.")
	case c.Distribution != nil && table.GetDistribution() == nil:
		return errorf("The table does not define a distribution.")
	}
	replaceParts(table, c.Schema, c.Distribution)
	return nil
}

// insertColumn inserts a column at its place, or else at the index.
func insertColumn(table *storev1.TableRecord, column sql.Column, at int) error {
	switch {
	case column.Place.First:
		at = 0
	case column.Place.After != "":
		before := findColumn(table, column.Place.After)
		if before < 0 {
			return errorf("Column %s, after which %s is placed, does not exist in the table.", quotePath(column.Place.After), quotePath(column.Name))
		}
		at = before + 1
	}
	table.Columns = slices.Insert(table.Columns, at, columnOf(column))
	return nil
}

// replaceParts replaces the parts that are given.
func replaceParts(table *storev1.TableRecord, schema sql.Schema, distribution *sql.Distribution) {
	if schema.PrimaryKey != nil {
		table.PrimaryKey = primaryKeyOf(schema.PrimaryKey)
	}
	if schema.Watermark != nil {
		table.Watermark = watermarkOf(schema.Watermark)
	}
	if distribution != nil {
		table.Distribution = distributionOf(distribution)
	}
}

func dropColumns(table *storev1.TableRecord, names []string) error {
	for _, name := range names {
		at := findColumn(table, name)
		if at < 0 {
			return errorf("Column %s does not exist in the table.", quotePath(name))
		}
		table.Columns = slices.Delete(table.Columns, at, at+1)
	}
	for _, name := range names {
		if user := userOf(table, name); user != "" {
			return errorf("Column %s cannot be dropped: it is used by %s.", quotePath(name), user)
		}
	}
	return nil
}

func dropPrimaryKey(table *storev1.TableRecord, constraint string) error {
	key := table.GetPrimaryKey()
	switch {
	case key == nil:
		return errorf("The table does not define a primary key.")
	case constraint != "" && constraint != key.GetName():
		return errorf("The table does not define the constraint %s.", quotePath(constraint))
	}
	table.PrimaryKey = nil
	return nil
}

func renameColumn(table *storev1.TableRecord, from, to string) error {
	at := findColumn(table, from)
	switch {
	case at < 0:
		return errorf("Column %s does not exist in the table.", quotePath(from))
	case findColumn(table, to) >= 0:
		return errorf("Column %s already exists in the table.", quotePath(to))
	}
	// The primary key is renamed too; expressions and the topic's layout are not.
	for i, name := range table.GetPrimaryKey().GetColumns() {
		if name == from {
			table.PrimaryKey.Columns[i] = to
		}
	}
	if user := userOf(table, from); user != "" {
		return errorf("Column %s cannot be renamed: it is used by %s.", quotePath(from), user)
	}
	table.Columns[at].Name = to
	return nil
}

// userOf names the part of the table that uses a column, or is empty.
func userOf(table *storev1.TableRecord, name string) string {
	watermark := table.GetWatermark()
	switch {
	case slices.Contains(table.GetPrimaryKey().GetColumns(), name):
		return "the primary key"
	case watermark != nil && (watermark.GetColumn()[0] == name || mentions(watermark.GetExpression(), name)):
		return "the watermark"
	case slices.Contains(table.GetPartitionKeys(), name):
		return "PARTITIONED BY"
	case slices.Contains(table.GetDistribution().GetColumns(), name):
		return "DISTRIBUTED BY"
	}
	for _, c := range table.GetColumns() {
		if c.GetKind() == storev1.TableColumn_KIND_COMPUTED && mentions(c.GetExpression(), name) {
			return "the computed column " + quotePath(c.GetName())
		}
	}
	return ""
}

// mentions reports whether the expression contains the name as an identifier.
func mentions(expression, name string) bool {
	tokens, err := token.Scan(expression)
	return err == nil && slices.ContainsFunc(tokens, func(t token.Token) bool {
		return t.IsIdentifier() && t.Text == name
	})
}
