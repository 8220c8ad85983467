package sqlcluster

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// row is the n-th row of a query as the API has it. Every atomic cell is a
// string. Without a schema it has one cell: nothing plans a simulated query.
func row(schema *cmfv1.ResultSchema, n int64) string {
	columns := schema.GetColumns()
	if len(columns) == 0 {
		columns = []*cmfv1.ResultSchemaColumn{{Name: "row"}}
	}
	cells := make([]any, len(columns))
	for i, column := range columns {
		cells[i] = cell(column.GetName(), column.GetType(), n)
	}
	// Strings, lists and null always have a JSON form.
	text, _ := json.Marshal(struct {
		Op  int   `json:"op"`
		Row []any `json:"row"`
	}{Row: cells})
	return string(text)
}

// epoch is when the first row happened.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// cell is a value of a type. One in seven is NULL where that may be.
func cell(name string, dataType *cmfv1.DataType, n int64) any {
	if dataType.GetNullable() && n%7 == 6 || dataType.GetType() == "NULL" {
		return nil
	}
	at := epoch.Add(time.Duration(n) * time.Second)
	switch dataType.GetType() {
	case "TINYINT":
		return strconv.FormatInt(n%128, 10)
	case "SMALLINT":
		return strconv.FormatInt(n%32768, 10)
	case "INTEGER", "BIGINT":
		return strconv.FormatInt(n, 10)
	case "DECIMAL":
		return decimal(n, int(dataType.GetPrecision()), int(dataType.GetScale()))
	case "FLOAT", "DOUBLE":
		return strconv.FormatFloat(float64(n)+0.5, 'f', 1, 64)
	case "BOOLEAN":
		return map[bool]string{true: "TRUE", false: "FALSE"}[n%2 == 0]
	case "DATE":
		return epoch.AddDate(0, 0, int(n%365)).Format(time.DateOnly)
	case "TIME_WITHOUT_TIME_ZONE":
		return at.Format(time.TimeOnly)
	case "TIMESTAMP_WITHOUT_TIME_ZONE", "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "TIMESTAMP_WITH_TIME_ZONE":
		return at.Format("2006-01-02 15:04:05.000")
	case "INTERVAL_DAY_TIME":
		return fmt.Sprintf("+0 00:00:%02d.000", n%60)
	case "INTERVAL_YEAR_MONTH":
		return fmt.Sprintf("+%d-00", n%10)
	case "BINARY", "VARBINARY":
		return fmt.Sprintf("x'%02x'", n%256)
	default:
		return nested(name, dataType, n)
	}
}

// nested is a value of a type that has parts, or else a text.
func nested(name string, dataType *cmfv1.DataType, n int64) any {
	switch dataType.GetType() {
	case "ARRAY":
		return []any{cell(name, dataType.GetElementType(), n), cell(name, dataType.GetElementType(), n+1)}
	case "MULTISET":
		return []any{[]any{cell(name, dataType.GetElementType(), n), "1"}}
	case "MAP":
		return []any{[]any{cell(name, dataType.GetKeyType(), n), cell(name, dataType.GetValueType(), n)}}
	case "ROW":
		fields := make([]any, len(dataType.GetFields()))
		for i, field := range dataType.GetFields() {
			fields[i] = cell(field.GetName(), field.GetFieldType(), n)
		}
		return fields
	default:
		text := []rune(fmt.Sprintf("%s-%d", name, n))
		if length := int(dataType.GetLength()); length > 0 && len(text) > length {
			text = text[len(text)-length:]
		}
		return string(text)
	}
}

// decimal writes a number with as many digits behind the point as its type has,
// and no more before it than that allows.
func decimal(n int64, precision, scale int) string {
	digits := strconv.FormatInt(n, 10)
	if whole := max(1, precision-scale); len(digits) > whole {
		digits = digits[len(digits)-whole:]
	}
	if scale == 0 {
		return digits
	}
	return fmt.Sprintf("%s.%0*d", digits, scale, 0)
}
