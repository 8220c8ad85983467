package logical

import (
	"fmt"
	"strings"

	"github.com/openweir/weir/control/sql/token"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Format writes a type as SQL, as Flink does: with all lengths and precisions,
// and with NOT NULL where it holds.
func Format(t *cmfv1.DataType) string {
	if t.Nullable != nil && !t.GetNullable() {
		return FormatNullable(t) + " NOT NULL"
	}
	return FormatNullable(t)
}

// FormatNullable writes a type as SQL without its own nullability. The types
// within have theirs.
func FormatNullable(t *cmfv1.DataType) string {
	switch t.GetType() {
	case Varchar:
		if t.GetLength() == MaxLength {
			return "STRING"
		}
		return withParameter("VARCHAR", t.GetLength())
	case Varbinary:
		if t.GetLength() == MaxLength {
			return "BYTES"
		}
		return withParameter("VARBINARY", t.GetLength())
	case Char, Binary:
		return withParameter(t.GetType(), t.GetLength())
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.GetPrecision(), t.GetScale())
	case Integer:
		return "INT"
	case Time:
		return withParameter("TIME", t.GetPrecision())
	case Timestamp:
		return withParameter("TIMESTAMP", t.GetPrecision())
	case TimestampTZ:
		return withParameter("TIMESTAMP", t.GetPrecision()) + " WITH TIME ZONE"
	case TimestampLTZ:
		return withParameter("TIMESTAMP_LTZ", t.GetPrecision())
	case YearMonth, DayTime:
		return formatInterval(t)
	case Array, Multiset:
		return t.GetType() + "<" + Format(t.GetElementType()) + ">"
	case Map:
		return "MAP<" + Format(t.GetKeyType()) + ", " + Format(t.GetValueType()) + ">"
	case Row:
		return formatRow(t)
	default:
		return t.GetType()
	}
}

func withParameter(name string, parameter int32) string {
	return fmt.Sprintf("%s(%d)", name, parameter)
}

func formatInterval(t *cmfv1.DataType) string {
	first, last, both := strings.Cut(t.GetResolution(), "_TO_")
	text := "INTERVAL " + first
	switch first {
	case "YEAR", "DAY":
		text = withParameter(text, t.GetPrecision())
	case "SECOND":
		text = withParameter(text, t.GetFractionalPrecision())
	}
	if both {
		text += " TO " + last
	}
	if last == "SECOND" {
		text = withParameter(text, t.GetFractionalPrecision())
	}
	return text
}

func formatRow(t *cmfv1.DataType) string {
	fields := make([]string, len(t.GetFields()))
	for i, field := range t.GetFields() {
		fields[i] = token.QuoteIdentifier(field.GetName()) + " " + Format(field.GetFieldType())
		if field.GetDescription() != "" {
			fields[i] += " " + token.QuoteString(field.GetDescription())
		}
	}
	return "ROW<" + strings.Join(fields, ", ") + ">"
}
