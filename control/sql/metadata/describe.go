package metadata

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// describe lists the columns of a table as Flink does.
func (e executor) describe(kind sql.Kind, name sql.Name, like *sql.Like) (*Result, error) {
	_, table, err := e.existing(name)
	if err != nil {
		return nil, err
	}
	matches, err := matcher(like)
	if err != nil {
		return nil, err
	}
	result := &Result{Kind: kind, Columns: []*cmfv1.ResultSchemaColumn{
		column("name", logical.Varchar),
		column("type", logical.Varchar),
		column("null", logical.Boolean),
		column("key", logical.Varchar),
		column("extras", logical.Varchar),
		column("watermark", logical.Varchar),
	}}
	commented := slices.ContainsFunc(table.GetColumns(), func(c *storev1.TableColumn) bool { return c.GetComment() != "" })
	if commented {
		result.Columns = append(result.Columns, column("comment", logical.Varchar))
	}
	for i, c := range declaredColumns(table) {
		if !matches(c.GetName()) {
			continue
		}
		row := describeColumn(table, table.GetColumns()[i], c.GetType())
		if commented {
			row = append(row, orNull(table.GetColumns()[i].GetComment()))
		}
		result.Rows = append(result.Rows, row)
	}
	return result, nil
}

func describeColumn(table *storev1.TableRecord, c *storev1.TableColumn, dataType *cmfv1.DataType) []*string {
	text, nullable := "", ""
	if dataType != nil {
		text = logical.FormatNullable(dataType)
		nullable = strings.ToUpper(strconv.FormatBool(dataType.GetNullable()))
	}
	key := ""
	if columns := table.GetPrimaryKey().GetColumns(); slices.Contains(columns, c.GetName()) {
		key = "PRI(" + strings.Join(columns, ", ") + ")"
	}
	watermark := ""
	if path := table.GetWatermark().GetColumn(); len(path) == 1 && path[0] == c.GetName() {
		watermark = table.GetWatermark().GetExpression()
		if text != "" {
			text += " *ROWTIME*"
		}
	}
	return []*string{orNull(c.GetName()), orNull(text), orNull(nullable), orNull(key), orNull(extras(c)), orNull(watermark)}
}

// extras says where the values of a column that is not physical come from.
func extras(c *storev1.TableColumn) string {
	switch c.GetKind() {
	case storev1.TableColumn_KIND_COMPUTED:
		return "AS " + c.GetExpression()
	case storev1.TableColumn_KIND_METADATA:
		return metadataClause(c)
	default:
		return ""
	}
}

func metadataClause(c *storev1.TableColumn) string {
	clause := "METADATA"
	if c.GetMetadataKey() != "" {
		clause += " FROM " + token.QuoteString(c.GetMetadataKey())
	}
	if c.GetVirtual() {
		clause += " VIRTUAL"
	}
	return clause
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
