package row

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openweir/weir/agent/sql/gateway"
)

func dataType(t *testing.T, text string) gateway.DataType {
	t.Helper()
	var out gateway.DataType
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("read the type %s: %v", text, err)
	}
	return out
}

const (
	integer = `{"type":"INTEGER","nullable":true}`
	varchar = `{"type":"VARCHAR","nullable":true,"length":2147483647}`
)

// TestCells has the cells as Flink's gateway writes them beside what Flink's
// CAST to STRING makes of the same values.
func TestCells(t *testing.T) {
	for _, test := range []struct{ name, dataType, cell, want string }{
		{"null", integer, `null`, `null`},
		{"integer", integer, `-7`, `"-7"`},
		{"bigint beyond a double", `{"type":"BIGINT"}`, `9223372036854775807`, `"9223372036854775807"`},
		{"boolean", `{"type":"BOOLEAN"}`, `true`, `"TRUE"`},
		{"double", `{"type":"DOUBLE"}`, `1.0E300`, `"1.0E300"`},
		{"float", `{"type":"FLOAT"}`, `1.23456792E8`, `"1.23456792E8"`},
		{"not a number", `{"type":"DOUBLE"}`, `"NaN"`, `"NaN"`},
		{"decimal keeps its digits", `{"type":"DECIMAL","precision":38,"scale":9}`, `12345678901234567890.123456789`, `"12345678901234567890.123456789"`},
		{"decimal with zeros at the end", `{"type":"DECIMAL","precision":10,"scale":2}`, `1.1`, `"1.10"`},
		{"decimal with a negative exponent", `{"type":"DECIMAL","precision":10,"scale":7}`, `1E-7`, `"0.0000001"`},
		{"decimal with an exponent", `{"type":"DECIMAL","precision":10,"scale":0}`, `1E+3`, `"1000"`},
		{"negative decimal", `{"type":"DECIMAL","precision":10,"scale":2}`, `-0.5`, `"-0.50"`},
		{"char", `{"type":"CHAR","length":5}`, `"abc  "`, `"abc  "`},
		{"text with quotes", varchar, `"a\"b\n\u00e9"`, `"a\"b\né"`},
		{"text that reads null", varchar, `"null"`, `"null"`},
		{"bytes", `{"type":"VARBINARY","length":3}`, `"AQL/"`, `"x'0102ff'"`},
		{"no bytes", `{"type":"VARBINARY","length":3}`, `""`, `"x''"`},
		{"date", `{"type":"DATE"}`, `"2026-01-02"`, `"2026-01-02"`},
		{"time", `{"type":"TIME_WITHOUT_TIME_ZONE","precision":0}`, `"12:13:14"`, `"12:13:14"`},
		{"timestamp of nanoseconds", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":9}`, `"2026-01-01T00:00:00.123456789"`, `"2026-01-01 00:00:00.123456789"`},
		{"timestamp with zeros at the end", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":3}`, `"2026-01-01T00:00:00"`, `"2026-01-01 00:00:00.000"`},
		{"timestamp of seconds", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":0}`, `"2026-01-01T00:00:00"`, `"2026-01-01 00:00:00"`},
		{"timestamp without seconds", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":0}`, `"2026-01-01T00:00"`, `"2026-01-01 00:00:00"`},
		{"instant", `{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":3}`, `"1970-01-01T00:00:00Z"`, `"1970-01-01 00:00:00.000"`},
		{"months", `{"type":"INTERVAL_YEAR_MONTH"}`, `15`, `"+1-03"`},
		{"negative months", `{"type":"INTERVAL_YEAR_MONTH"}`, `-1`, `"-0-01"`},
		{"days", `{"type":"INTERVAL_DAY_TIME"}`, `93784567`, `"+1 02:03:04.567"`},
		{"array", `{"type":"ARRAY","elementType":` + integer + `}`, `[1,null,3]`, `["1",null,"3"]`},
		{"array of nothing", `{"type":"ARRAY","elementType":` + integer + `}`, `[]`, `[]`},
		{"map in its order", `{"type":"MAP","keyType":` + varchar + `,"valueType":` + integer + `}`, `{"k":1,"j":null}`, `[["k","1"],["j",null]]`},
		{"multiset", `{"type":"MULTISET","elementType":` + varchar + `}`, `{"a":2,"b":1}`, `[["a","2"],["b","1"]]`},
		{"row in the order of its type", `{"type":"ROW","fields":[{"name":"x","fieldType":` + integer + `},{"name":"y","fieldType":` + varchar + `},{"name":"z","fieldType":` + integer + `}]}`,
			`{"y":"b","x":1,"z":null}`, `["1","b",null]`},
		{"nested", `{"type":"ARRAY","elementType":{"type":"ROW","fields":[{"name":"b","fieldType":{"type":"BINARY","length":1}},{"name":"m","fieldType":{"type":"MAP","keyType":` + varchar + `,"valueType":{"type":"DATE"}}}]}}`,
			`[{"b":"AQ==","m":{"d":"2026-01-01"}}]`, `[["x'01'",[["d","2026-01-01"]]]]`},
		{"a type that is not known", `{"type":"VARIANT"}`, `{"a":1}`, `"{\"a\":1}"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			encoder := Encoder{Columns: []gateway.Column{{Name: "c", LogicalType: dataType(t, test.dataType)}}}
			got, err := encoder.Encode(gateway.Row{Kind: "INSERT", Fields: []json.RawMessage{json.RawMessage(test.cell)}})
			if want := `{"op":0,"row":[` + test.want + `]}`; err != nil || got != want {
				t.Errorf("got %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestCellsInFlinksTextFormat(t *testing.T) {
	ofMap := func(key, value string) string {
		return `{"type":"MAP","keyType":` + key + `,"valueType":` + value + `}`
	}
	row := `{"type":"ROW","fields":[{"name":"x","fieldType":` + integer + `},{"name":"y","fieldType":` + varchar + `}]}`
	for _, test := range []struct{ name, dataType, cell, want string }{
		{"atom", varchar, `"[a, b]"`, `"[a, b]"`},
		{"null", integer, `null`, `null`},
		{"map of numbers", ofMap(integer, varchar), `"{1=a, 2=NULL}"`, `[["1","a"],["2",null]]`},
		{"map of nothing", ofMap(integer, varchar), `"{}"`, `[]`},
		{"text with a separator in it", ofMap(integer, varchar), `"{1=a=b}"`, `[["1","a=b"]]`},
		{"rows as keys", ofMap(row, `{"type":"ARRAY","elementType":`+integer+`}`), `"{(1, a)=[1, 2], (2, b)=[]}"`, `[[["1","a"],["1","2"]],[["2","b"],[]]]`},
		{"text with a comma, as the row has two fields", row, `"(1, a, b)"`, `["1","a, b"]`},
		{"multiset", `{"type":"MULTISET","elementType":` + integer + `}`, `"{7=2}"`, `[["7","2"]]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			encoder := Encoder{Text: true, Columns: []gateway.Column{{Name: "c", LogicalType: dataType(t, test.dataType)}}}
			got, err := encoder.Encode(gateway.Row{Kind: "INSERT", Fields: []json.RawMessage{json.RawMessage(test.cell)}})
			if want := `{"op":0,"row":[` + test.want + `]}`; err != nil || got != want {
				t.Errorf("got %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestAmbiguousTextTerminates(t *testing.T) {
	list := `{"type":"ARRAY","elementType":` + varchar + `}`
	encoder := Encoder{Text: true, Columns: []gateway.Column{{Name: "c", LogicalType: dataType(t, `{"type":"MAP","keyType":`+list+`,"valueType":`+list+`}`)}}}
	cell, err := json.Marshal("{" + strings.Repeat("[a, b, c]=[d, e, f], ", 200))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := encoder.Encode(gateway.Row{Kind: "INSERT", Fields: []json.RawMessage{cell}}); err == nil {
		t.Errorf("got %s", got)
	}
}

func TestKindsOfChanges(t *testing.T) {
	encoder := Encoder{Columns: []gateway.Column{{Name: "c", LogicalType: dataType(t, integer)}}}
	for kind, want := range map[string]string{"INSERT": "0", "UPDATE_BEFORE": "1", "UPDATE_AFTER": "2", "DELETE": "3"} {
		got, err := encoder.Encode(gateway.Row{Kind: kind, Fields: []json.RawMessage{json.RawMessage("1")}})
		if want := `{"op":` + want + `,"row":["1"]}`; err != nil || got != want {
			t.Errorf("%s: got %s, %v", kind, got, err)
		}
	}
}

func TestInvalidRows(t *testing.T) {
	encoder := Encoder{Columns: []gateway.Column{{Name: "c", LogicalType: dataType(t, `{"type":"DECIMAL","precision":10,"scale":2}`)}}}
	for name, row := range map[string]gateway.Row{
		"unknown kind":    {Kind: "UPSERT", Fields: []json.RawMessage{json.RawMessage("1")}},
		"too few cells":   {Kind: "INSERT"},
		"no decimal":      {Kind: "INSERT", Fields: []json.RawMessage{json.RawMessage(`"x"`)}},
		"a huge exponent": {Kind: "INSERT", Fields: []json.RawMessage{json.RawMessage(`1E999999999`)}},
	} {
		if got, err := encoder.Encode(row); err == nil {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
