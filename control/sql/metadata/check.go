package metadata

import (
	"regexp"

	"github.com/openweir/weir/control/sql/logical"
	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func quotePath(parts ...string) string { return token.QuoteParts(parts...) }

// maxColumns bounds the time that DDL takes.
const maxColumns = 2000

// topic matches valid topic names, and also . and .., which are not valid.
var topic = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// checkTopic requires the name of a table to be a valid topic name, as the table is
// a topic.
func checkTopic(name string) error {
	if !topic.MatchString(name) || name == "." || name == ".." {
		return errorf("Table name %s is not a valid Kafka topic name: it must have 1 to 249 letters, digits, dots, underscores and hyphens.", quotePath(name))
	}
	return nil
}

// check validates the rules that span the parts of a table. Columns of the primary
// key become NOT NULL.
func check(table *storev1.TableRecord) error {
	if n := len(table.GetColumns()); n == 0 {
		return errorf("A table must have at least one column.")
	} else if n > maxColumns {
		return errorf("A table must have at most %d columns.", maxColumns)
	}
	for _, c := range table.GetColumns() {
		if c.GetType() == logical.Null {
			return errorf("Column %s cannot have the type NULL.", quotePath(c.GetName()))
		}
	}
	if err := checkPrimaryKey(table); err != nil {
		return err
	}
	if err := checkWatermark(table); err != nil {
		return err
	}
	if err := checkKeys(table, "PARTITIONED BY", table.GetPartitionKeys()); err != nil {
		return err
	}
	return checkKeys(table, "DISTRIBUTED BY", table.GetDistribution().GetColumns())
}

func checkPrimaryKey(table *storev1.TableRecord) error {
	columns := table.GetPrimaryKey().GetColumns()
	if err := checkKeys(table, "The primary key", columns); err != nil {
		return err
	}
	for _, name := range columns {
		table.GetColumns()[findColumn(table, name)].NotNull = true
	}
	return nil
}

// checkKeys requires physical columns, each once.
func checkKeys(table *storev1.TableRecord, what string, columns []string) error {
	seen := map[string]bool{}
	for _, name := range columns {
		at := findColumn(table, name)
		switch {
		case at < 0:
			return errorf("%s references column %s, which does not exist in the table.", what, quotePath(name))
		case table.GetColumns()[at].GetKind() != storev1.TableColumn_KIND_PHYSICAL:
			return errorf("%s references column %s, which is not a physical column.", what, quotePath(name))
		case seen[name]:
			return errorf("%s references column %s more than once.", what, quotePath(name))
		}
		seen[name] = true
	}
	return nil
}

// checkWatermark requires a timestamp with at most millisecond precision, if the type
// of the column is known.
func checkWatermark(table *storev1.TableRecord) error {
	path := table.GetWatermark().GetColumn()
	if len(path) == 0 {
		return nil
	}
	at := findColumn(table, path[0])
	if at < 0 {
		return errorf("The watermark is defined on column %s, which does not exist in the table.", quotePath(path...))
	}
	dataType, found := descend(declaredColumns(table)[at].GetType(), path[1:])
	switch {
	case !found:
		return errorf("The watermark is defined on %s, which does not exist in the column.", quotePath(path...))
	case dataType != nil && !canBeRowtime(dataType):
		return errorf("The watermark is defined on %s of type %s, but requires a TIMESTAMP(p) or TIMESTAMP_LTZ(p) with a precision p of at most 3.",
			quotePath(path...), logical.FormatNullable(dataType))
	}
	return nil
}

func canBeRowtime(t *cmfv1.DataType) bool {
	return (t.GetType() == logical.Timestamp || t.GetType() == logical.TimestampLTZ) && t.GetPrecision() <= 3
}

// descend returns the type of a field in nested rows. The type is nil, but found, if a
// type on the path is not known.
func descend(t *cmfv1.DataType, path []string) (*cmfv1.DataType, bool) {
	for _, name := range path {
		if t == nil {
			return nil, true
		}
		var field *cmfv1.DataTypeField
		for _, f := range t.GetFields() {
			if f.GetName() == name {
				field = f
			}
		}
		if field == nil {
			return nil, false
		}
		t = field.GetFieldType()
	}
	return t, true
}
