package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// CreateTableText writes the CREATE TABLE that makes the table as it is now,
// with its full name.
func CreateTableText(path Path, table *storev1.TableRecord) string {
	var elements []string
	for _, c := range table.GetColumns() {
		elements = append(elements, columnText(c))
	}
	if watermark := table.GetWatermark(); watermark != nil {
		elements = append(elements, fmt.Sprintf("WATERMARK FOR %s AS %s",
			token.QuoteParts(watermark.GetColumn()...), watermark.GetExpression()))
	}
	if key := table.GetPrimaryKey(); key != nil {
		elements = append(elements, primaryKeyText(key))
	}
	text := fmt.Sprintf("CREATE TABLE %s (\n  %s\n)", path, strings.Join(elements, ",\n  "))
	if table.GetComment() != "" {
		text += "\nCOMMENT " + token.QuoteString(table.GetComment())
	}
	text += distributionText(table.GetDistribution())
	if len(table.GetPartitionKeys()) > 0 {
		text += "\nPARTITIONED BY (" + quoteList(table.GetPartitionKeys()) + ")"
	}
	if len(table.GetOptions()) > 0 {
		text += "\nWITH (\n  " + strings.Join(optionTexts(table.GetOptions()), ",\n  ") + "\n)"
	}
	return text
}

func columnText(c *storev1.TableColumn) string {
	text := token.QuoteIdentifier(c.GetName())
	if c.GetKind() == storev1.TableColumn_KIND_COMPUTED {
		text += " AS " + c.GetExpression()
	} else {
		text += " " + c.GetType()
		if c.GetNotNull() {
			text += " NOT NULL"
		}
	}
	if c.GetKind() == storev1.TableColumn_KIND_METADATA {
		text += " " + metadataClause(c)
	}
	if c.GetComment() != "" {
		text += " COMMENT " + token.QuoteString(c.GetComment())
	}
	return text
}

func primaryKeyText(key *storev1.TablePrimaryKey) string {
	text := "PRIMARY KEY (" + quoteList(key.GetColumns()) + ") NOT ENFORCED"
	if key.GetName() != "" {
		return "CONSTRAINT " + token.QuoteIdentifier(key.GetName()) + " " + text
	}
	return text
}

func distributionText(d *storev1.TableDistribution) string {
	if d == nil {
		return ""
	}
	text := "\nDISTRIBUTED"
	if len(d.GetColumns()) > 0 {
		text += " BY " + d.GetAlgorithm() + "(" + quoteList(d.GetColumns()) + ")"
	}
	if d.GetBuckets() > 0 {
		text += fmt.Sprintf(" INTO %d BUCKETS", d.GetBuckets())
	}
	return text
}

func quoteList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = token.QuoteIdentifier(name)
	}
	return strings.Join(quoted, ", ")
}

func optionTexts(options map[string]string) []string {
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(options)) {
		texts = append(texts, token.QuoteString(key)+" = "+token.QuoteString(options[key]))
	}
	return texts
}
