package logical

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/openweir/weir/control/sql/token"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestParse(t *testing.T) {
	tests := []struct{ text, json, format string }{
		{"char", `{"type":"CHAR","nullable":true,"length":1}`, "CHAR(1)"},
		{"CHARACTER(3)", `{"type":"CHAR","nullable":true,"length":3}`, "CHAR(3)"},
		{"VARCHAR(20) NOT NULL", `{"type":"VARCHAR","nullable":false,"length":20}`, "VARCHAR(20) NOT NULL"},
		{"CHAR VARYING(20)", `{"type":"VARCHAR","nullable":true,"length":20}`, "VARCHAR(20)"},
		{"STRING", `{"type":"VARCHAR","nullable":true,"length":2147483647}`, "STRING"},
		{"VARCHAR(2147483647)", `{"type":"VARCHAR","nullable":true,"length":2147483647}`, "STRING"},
		{"BOOLEAN NULL", `{"type":"BOOLEAN","nullable":true}`, "BOOLEAN"},
		{"DECIMAL", `{"type":"DECIMAL","nullable":true,"precision":10,"scale":0}`, "DECIMAL(10, 0)"},
		{"dec(5)", `{"type":"DECIMAL","nullable":true,"precision":5,"scale":0}`, "DECIMAL(5, 0)"},
		{"NUMERIC(38,38)", `{"type":"DECIMAL","nullable":true,"precision":38,"scale":38}`, "DECIMAL(38, 38)"},
		{"TINYINT", `{"type":"TINYINT","nullable":true}`, "TINYINT"},
		{"SMALLINT", `{"type":"SMALLINT","nullable":true}`, "SMALLINT"},
		{"INT", `{"type":"INTEGER","nullable":true}`, "INT"},
		{"INTEGER", `{"type":"INTEGER","nullable":true}`, "INT"},
		{"BIGINT", `{"type":"BIGINT","nullable":true}`, "BIGINT"},
		{"FLOAT", `{"type":"FLOAT","nullable":true}`, "FLOAT"},
		{"DOUBLE PRECISION NOT NULL", `{"type":"DOUBLE","nullable":false}`, "DOUBLE NOT NULL"},
		{"DATE", `{"type":"DATE","nullable":true}`, "DATE"},
		{"TIME", `{"type":"TIME_WITHOUT_TIME_ZONE","nullable":true,"precision":0}`, "TIME(0)"},
		{"TIME(3) WITHOUT TIME ZONE", `{"type":"TIME_WITHOUT_TIME_ZONE","nullable":true,"precision":3}`, "TIME(3)"},
		{"TIMESTAMP", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","nullable":true,"precision":6}`, "TIMESTAMP(6)"},
		{"TIMESTAMP(3) WITHOUT TIME ZONE", `{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","nullable":true,"precision":3}`, "TIMESTAMP(3)"},
		{"TIMESTAMP(9) WITH TIME ZONE", `{"type":"TIMESTAMP_WITH_TIME_ZONE","nullable":true,"precision":9}`, "TIMESTAMP(9) WITH TIME ZONE"},
		{"TIMESTAMP WITH LOCAL TIME ZONE", `{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","nullable":true,"precision":6}`, "TIMESTAMP_LTZ(6)"},
		{"TIMESTAMP_LTZ(3)", `{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","nullable":true,"precision":3}`, "TIMESTAMP_LTZ(3)"},
		{"BYTES", `{"type":"VARBINARY","nullable":true,"length":2147483647}`, "BYTES"},
		{"BINARY(4)", `{"type":"BINARY","nullable":true,"length":4}`, "BINARY(4)"},
		{"VARBINARY(4)", `{"type":"VARBINARY","nullable":true,"length":4}`, "VARBINARY(4)"},
		{"INTERVAL YEAR(4) TO MONTH", `{"type":"INTERVAL_YEAR_MONTH","nullable":true,"precision":4,"resolution":"YEAR_TO_MONTH"}`, "INTERVAL YEAR(4) TO MONTH"},
		{"INTERVAL MONTH", `{"type":"INTERVAL_YEAR_MONTH","nullable":true,"precision":2,"resolution":"MONTH"}`, "INTERVAL MONTH"},
		{"INTERVAL DAY TO SECOND(3)", `{"type":"INTERVAL_DAY_TIME","nullable":true,"precision":2,"fractionalPrecision":3,"resolution":"DAY_TO_SECOND"}`, "INTERVAL DAY(2) TO SECOND(3)"},
		{"INTERVAL SECOND(0)", `{"type":"INTERVAL_DAY_TIME","nullable":true,"precision":2,"fractionalPrecision":0,"resolution":"SECOND"}`, "INTERVAL SECOND(0)"},
		{"ARRAY<ARRAY<INT NOT NULL>>", `{"type":"ARRAY","nullable":true,"elementType":{"type":"ARRAY","nullable":true,"elementType":{"type":"INTEGER","nullable":false}}}`, "ARRAY<ARRAY<INT NOT NULL>>"},
		{"INT NOT NULL ARRAY", `{"type":"ARRAY","nullable":true,"elementType":{"type":"INTEGER","nullable":false}}`, "ARRAY<INT NOT NULL>"},
		{"MULTISET<STRING>", `{"type":"MULTISET","nullable":true,"elementType":{"type":"VARCHAR","nullable":true,"length":2147483647}}`, "MULTISET<STRING>"},
		{"MAP<INT, DATE>", `{"type":"MAP","nullable":true,"keyType":{"type":"INTEGER","nullable":true},"valueType":{"type":"DATE","nullable":true}}`, "MAP<INT, DATE>"},
		{"ROW<>", `{"type":"ROW","nullable":true}`, "ROW<>"},
		{"ROW<a INT 'it''s', `b c` DATE NOT NULL>", `{"type":"ROW","nullable":true,"fields":[
			{"name":"a","fieldType":{"type":"INTEGER","nullable":true},"description":"it's"},
			{"name":"b c","fieldType":{"type":"DATE","nullable":false}}]}`, "ROW<`a` INT 'it''s', `b c` DATE NOT NULL>"},
		{"ROW(a INT)", `{"type":"ROW","nullable":true,"fields":[{"name":"a","fieldType":{"type":"INTEGER","nullable":true}}]}`, "ROW<`a` INT>"},
		{"RAW('c', 's')", `{"type":"RAW","nullable":true}`, "RAW"},
		{"NULL", `{"type":"NULL","nullable":true}`, "NULL"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			want := &cmfv1.DataType{}
			if err := protojson.Unmarshal([]byte(test.json), want); err != nil {
				t.Fatal(err)
			}
			got, err := Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if format := Format(got); format != test.format {
				t.Errorf("written as %q, want %q", format, test.format)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "SQL parse failed at line 1, column 1: Unexpected end of the statement, expected a type."},
		{"MONEY", "SQL parse failed at line 1, column 1: Unknown type `MONEY`."},
		{"`INT`", "SQL parse failed at line 1, column 1: Unknown type `INT`."},
		{"INT INT", `SQL parse failed at line 1, column 5: Encountered "INT", expected the end of the type.`},
		{"INT NOT", "SQL parse failed at line 1, column 8: Unexpected end of the statement, expected NULL."},
		{"CHAR(0)", "SQL parse failed at line 1, column 6: 0 is out of range; the length of CHAR is between 1 and 2147483647."},
		{"CHAR(a)", `SQL parse failed at line 1, column 6: Encountered "a", expected the length of CHAR.`},
		{"DECIMAL(39)", "SQL parse failed at line 1, column 9: 39 is out of range; the precision of DECIMAL is between 1 and 38."},
		{"DECIMAL(5, 6)", "SQL parse failed at line 1, column 12: 6 is out of range; the scale of DECIMAL is between 0 and 5."},
		{"TIMESTAMP(10)", "SQL parse failed at line 1, column 11: 10 is out of range; the precision of TIMESTAMP is between 0 and 9."},
		{"TIMESTAMP WITH LOCAL ZONE", `SQL parse failed at line 1, column 22: Encountered "ZONE", expected TIME.`},
		{"INTERVAL WEEK", `SQL parse failed at line 1, column 10: Encountered "WEEK", expected YEAR, MONTH, DAY, HOUR, MINUTE or SECOND.`},
		{"INTERVAL HOUR TO DAY", `SQL parse failed at line 1, column 18: Encountered "DAY", expected a unit shorter than HOUR.`},
		{"INTERVAL YEAR TO DAY", `SQL parse failed at line 1, column 18: Encountered "DAY", expected a unit shorter than YEAR.`},
		{"ARRAY<INT", `SQL parse failed at line 1, column 10: Unexpected end of the statement, expected ">".`},
		{"MAP<INT>", `SQL parse failed at line 1, column 8: Encountered ">", expected ",".`},
		{"ROW<a INT, a DATE>", "SQL parse failed at line 1, column 12: Field `a` is defined more than once in the row."},
		{"ROW<select INT>", "SQL parse failed at line 1, column 5: SELECT is a reserved word: to use it as the name of a field, quote it with backticks."},
		{strings.Repeat("ARRAY<", 300), "SQL parse failed at line 1, column 1201: The statement is nested more than 200 levels deep."},
		{"INT" + strings.Repeat(" ARRAY", 300), "SQL parse failed at line 1, column 1205: The type is nested more than 200 levels deep."},
	}
	for _, test := range tests {
		if _, err := Parse(test.text); err == nil || err.Error() != test.want {
			t.Errorf("Parse(%.60q): got %v\nwant %s", test.text, err, test.want)
		}
	}
}

// types are all that Parse can give, except RAW, which loses its class.
func types(depth int) *rapid.Generator[*cmfv1.DataType] {
	return rapid.Custom(func(t *rapid.T) *cmfv1.DataType {
		dataType := atomic(t)
		if depth > 0 {
			switch rapid.IntRange(0, 5).Draw(t, "nesting") {
			case 0:
				dataType = Of(rapid.SampledFrom([]string{Array, Multiset}).Draw(t, "collection"))
				dataType.ElementType = types(depth-1).Draw(t, "element")
			case 1:
				dataType = Of(Map)
				dataType.KeyType = types(depth-1).Draw(t, "key")
				dataType.ValueType = types(depth-1).Draw(t, "value")
			case 2:
				dataType = Of(Row)
				for _, name := range rapid.SliceOfNDistinct(rapid.StringN(1, 5, -1), 0, 3, rapid.ID).Draw(t, "names") {
					dataType.Fields = append(dataType.Fields, &cmfv1.DataTypeField{
						Name: name, FieldType: types(depth-1).Draw(t, "field"), Description: rapid.String().Draw(t, "description"),
					})
				}
			}
		}
		if dataType.GetType() != Null && rapid.Bool().Draw(t, "not null") {
			return NotNull(dataType)
		}
		return dataType
	})
}

func atomic(t *rapid.T) *cmfv1.DataType {
	length := rapid.OneOf(rapid.Int32Range(1, 100), rapid.Just(int32(MaxLength)))
	switch rapid.IntRange(0, 4).Draw(t, "family") {
	case 0:
		root := rapid.SampledFrom([]string{Char, Varchar, Binary, Varbinary}).Draw(t, "root")
		return WithLength(root, length.Draw(t, "length"))
	case 1:
		precision := rapid.Int32Range(1, 38).Draw(t, "precision")
		return DecimalOf(precision, rapid.Int32Range(0, precision).Draw(t, "scale"))
	case 2:
		root := rapid.SampledFrom([]string{Time, Timestamp, TimestampTZ, TimestampLTZ}).Draw(t, "root")
		return WithPrecision(root, rapid.Int32Range(0, 9).Draw(t, "precision"))
	case 3:
		text := rapid.SampledFrom([]string{
			"YEAR(4)", "YEAR(1) TO MONTH", "MONTH", "DAY(6)", "DAY TO HOUR", "DAY TO MINUTE", "DAY(3) TO SECOND(9)",
			"HOUR", "HOUR TO MINUTE", "HOUR TO SECOND(0)", "MINUTE", "MINUTE TO SECOND", "SECOND(3)",
		}).Draw(t, "interval")
		interval, err := Parse("INTERVAL " + text)
		if err != nil {
			t.Fatal(err)
		}
		return interval
	default:
		return Of(rapid.SampledFrom([]string{
			Boolean, TinyInt, SmallInt, Integer, BigInt, Float, Double, Date, Null,
		}).Draw(t, "root"))
	}
}

func TestParseIsTheInverseOfFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := types(3).Draw(t, "type")
		got, err := Parse(Format(want))
		if err != nil {
			t.Fatalf("Parse(%q): %v", Format(want), err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("through %q (-want +got):\n%s", Format(want), diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"ROW<a ARRAY<INT>, b MAP<STRING, DATE NOT NULL> 'c'>", "DECIMAL(3, 2)", "INTERVAL DAY(3) TO SECOND(2)", "INT ARRAY MULTISET"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dataType, err := Parse(text)
		var wrong *token.Error
		if err != nil {
			if !errors.As(err, &wrong) {
				t.Fatalf("%v is no error with a position", err)
			}
			return
		}
		if strings.Contains(Format(dataType), Raw) {
			return
		}
		again, err := Parse(Format(dataType))
		if err != nil || cmp.Diff(dataType, again, protocmp.Transform()) != "" {
			t.Fatalf("%q is written as %q, which is read as %v, %v", text, Format(dataType), again, err)
		}
	})
}
