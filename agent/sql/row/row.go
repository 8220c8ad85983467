// Package row converts rows of the SQL Gateway to rows of the REST API:
// {"op": 0, "row": [...]}, where every atomic cell is null or a string in the
// format of Flink's CAST to STRING; arrays and rows are arrays; maps and multisets
// are arrays of pairs.
package row

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/openweir/weir/agent/sql/gateway"
)

// ops maps kinds of changes to their numbers.
var ops = map[string]string{"INSERT": "0", "UPDATE_BEFORE": "1", "UPDATE_AFTER": "2", "DELETE": "3"}

// Encoder encodes the rows of one query.
type Encoder struct {
	Columns []gateway.Column
	// Text is true if the cells are plain text instead of JSON.
	Text bool
}

// Encode encodes a row.
func (e *Encoder) Encode(r gateway.Row) (string, error) {
	op, known := ops[r.Kind]
	if !known {
		return "", fmt.Errorf("the SQL gateway returned a row of unknown kind %q", r.Kind)
	}
	if len(r.Fields) != len(e.Columns) {
		return "", fmt.Errorf("the SQL gateway returned a row of %d cells for %d columns", len(r.Fields), len(e.Columns))
	}
	out := append([]byte(`{"op":`), op...)
	out = append(out, `,"row":[`...)
	for i, raw := range r.Fields {
		if i > 0 {
			out = append(out, ',')
		}
		column := &e.Columns[i]
		var err error
		if e.Text {
			out, err = appendText(out, raw, &column.LogicalType)
		} else {
			out, err = e.append(out, raw, &column.LogicalType)
		}
		if err != nil {
			return "", fmt.Errorf("decode the cell of column %s: %w", column.Name, err)
		}
	}
	return string(append(out, `]}`...)), nil
}

// append writes a cell, in the form of the API, behind out.
func (e *Encoder) append(out []byte, raw []byte, t *gateway.DataType) ([]byte, error) {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return append(out, "null"...), nil
	}
	switch t.Type {
	case "ARRAY":
		return e.appendArray(out, raw, t.ElementType)
	case "MAP":
		return e.appendMap(out, raw, t.ValueType)
	case "MULTISET":
		return e.appendMap(out, raw, &gateway.DataType{Type: "INTEGER"})
	case "ROW":
		return e.appendRow(out, raw, t)
	}
	text, err := atom(raw, t)
	if err != nil {
		return nil, err
	}
	return appendString(out, text)
}

func appendString(out []byte, text string) ([]byte, error) {
	return jsontext.AppendQuote(out, text)
}

func (e *Encoder) appendArray(out, raw []byte, element *gateway.DataType) ([]byte, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, fmt.Errorf("decode an array: %w", err)
	}
	out = append(out, '[')
	for i, raw := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = e.append(out, raw, element); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendMap keeps the order of the entries. Keys are text in JSON; that of a
// key that is NULL is "null".
func (e *Encoder) appendMap(out, raw []byte, value *gateway.DataType) ([]byte, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, fmt.Errorf("decode a map: not an object: %w", err)
	}
	out = append(out, '[')
	for first := true; decoder.PeekKind() != '}'; first = false {
		key, err := decoder.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("decode a key of a map: %w", err)
		}
		if !first {
			out = append(out, ',')
		}
		if out, err = appendString(append(out, '['), key.String()); err != nil {
			return nil, err
		}
		entry, err := decoder.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("decode a value of a map: %w", err)
		}
		if out, err = e.append(append(out, ','), entry, value); err != nil {
			return nil, err
		}
		out = append(out, ']')
	}
	return append(out, ']'), nil
}

func (e *Encoder) appendRow(out, raw []byte, t *gateway.DataType) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("decode a row: %w", err)
	}
	out = append(out, '[')
	for i := range t.Fields {
		if i > 0 {
			out = append(out, ',')
		}
		field := fields[t.Fields[i].Name]
		if field == nil {
			field = json.RawMessage("null")
		}
		var err error
		if out, err = e.append(out, field, &t.Fields[i].FieldType); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// atom is the text of a cell that is neither null nor nested.
func atom(raw []byte, t *gateway.DataType) (string, error) {
	text, err := plainText(raw)
	if err != nil {
		return "", err
	}
	switch t.Type {
	case "BOOLEAN":
		return strings.ToUpper(text), nil
	case "DECIMAL":
		return fixed(text, t.Scale)
	case "BINARY", "VARBINARY":
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("decode bytes: %w", err)
		}
		return fmt.Sprintf("x'%x'", content), nil
	case "TIMESTAMP_WITHOUT_TIME_ZONE", "TIMESTAMP_WITH_LOCAL_TIME_ZONE":
		return timestamp(text, t.Precision), nil
	case "INTERVAL_YEAR_MONTH", "INTERVAL_DAY_TIME":
		return interval(text, t.Type)
	}
	return text, nil
}

// plainText is a JSON string without its quotes, and anything else as it is
// written.
func plainText(raw []byte) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '"' {
		return string(raw), nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", fmt.Errorf("decode a string: %w", err)
	}
	return string(text), nil
}

// fixed writes a decimal with all of its scale and no exponent.
func fixed(text string, scale *int32) (string, error) {
	const mostDigits = 100 // Flink has at most 38
	_, exponent, _ := strings.Cut(strings.ToUpper(text), "E")
	if n, err := strconv.Atoi(exponent); len(text) > mostDigits || exponent != "" && (err != nil || n > mostDigits || n < -mostDigits) {
		return "", fmt.Errorf("%.120q is not a decimal", text)
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", fmt.Errorf("%q is not a decimal", text)
	}
	if scale == nil {
		return text, nil
	}
	return number.FloatString(int(*scale)), nil
}

// timestamp writes an ISO 8601 time as SQL does, with all digits of its
// precision. That of TIMESTAMP_LTZ is what the clocks of the session's time zone
// show, although the gateway has a Z behind it.
func timestamp(text string, precision *int32) string {
	date, clock, found := strings.Cut(strings.TrimSuffix(text, "Z"), "T")
	if !found {
		return text
	}
	if strings.Count(clock, ":") == 1 {
		clock += ":00"
	}
	whole, fraction, _ := strings.Cut(clock, ".")
	if precision != nil {
		for int32(len(fraction)) < *precision {
			fraction += "0"
		}
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return date + " " + whole
}

// interval writes a number of months or of milliseconds as SQL does.
func interval(text, root string) (string, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%q is not an interval", text)
	}
	sign := "+"
	if n < 0 {
		sign, n = "-", -n
	}
	if root == "INTERVAL_YEAR_MONTH" {
		return fmt.Sprintf("%s%d-%02d", sign, n/12, n%12), nil
	}
	seconds := n / 1000
	return fmt.Sprintf("%s%d %02d:%02d:%02d.%03d", sign, seconds/86400, seconds/3600%24, seconds/60%60, seconds%60, n%1000), nil
}
