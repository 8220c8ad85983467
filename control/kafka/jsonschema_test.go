package kafka

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/metadata"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// one is a catalog with one table.
type one struct{ table *storev1.TableRecord }

func (one) Catalogs() []string                                 { return []string{"c"} }
func (one) Databases(string) []string                          { return []string{"d"} }
func (one) Tables(_, _ string) []string                        { return []string{"t"} }
func (o one) Table(metadata.Path) (*storev1.TableRecord, bool) { return o.table, true }
func (one) AllowsDDL(string, string) bool                      { return true }

// described are the columns of a table with their types, as DESCRIBE has them.
func described(t *testing.T, table *storev1.TableRecord) string {
	t.Helper()
	statement, err := sql.Parse("DESCRIBE t")
	if err != nil {
		t.Fatal(err)
	}
	result, _, err := metadata.Execute(statement, metadata.Session{}, one{table})
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, row := range result.Rows {
		columns = append(columns, *row[0]+" "+*row[1])
	}
	return strings.Join(columns, ", ")
}

func TestJSONSchemaBecomesComputedColumns(t *testing.T) {
	s := &subject{name: "t-value", kind: sr.TypeJSON, text: `{
		"$defs": {"Level": {"type": "integer"}, "Loop": {"$ref": "#/$defs/Loop"}},
		"allOf": [{"properties": {"late": {"type": "boolean"}}}, {"$ref": "base.json"}],
		"properties": {
			"id": {"type": ["null", "integer"], "description": "the key"},
			"price": {"oneOf": [{"type": "null"}, {"type": "number"}]},
			"item": {"type": "string", "format": "date-time"},
			"lines": {"type": "array", "items": {"type": "string"}},
			"level": {"$ref": "#/$defs/Level"},
			"any": {},
			"either": {"type": ["string", "integer"]},
			"street name": {"$ref": "base.json#/definitions/street"},
			"it's": {"type": "string"}
		}}`,
		references: []reference{{"base.json", `{"type": "object", "properties": {"address": {"properties": {}}, "of": {"$ref": "#/definitions/street"}}, "definitions": {"street": {"type": "string"}}}`}},
	}
	table := tableOf(t.Context(), "t", false, nil, s)
	want := "key BYTES, val BYTES, address STRING, any STRING, either STRING, id BIGINT, item STRING, late BOOLEAN, level BIGINT, lines STRING, of STRING, price DOUBLE, street name STRING"
	if got := described(t, table); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	id := table.GetColumns()[5]
	expression := "TRY_CAST(JSON_VALUE(DECODE(ENCODE(REGEXP_REPLACE(DECODE(`val`, 'ISO-8859-1'), '(?s)^\\x00.{4}', ''), 'ISO-8859-1'), 'UTF-8'), '$.id') AS BIGINT)"
	if id.GetExpression() != expression || id.GetComment() != "the key" {
		t.Errorf("got %v", id)
	}
}

func TestJSONSchemaOfOtherTypes(t *testing.T) {
	for text, why := range map[string]string{
		`{"type": "string"}`: "it does not describe an object with properties",
		`{`:                  "the schema is not valid JSON",
		`true`:               "it does not describe an object with properties",
		`{"$ref": "#"}`:      "$ref is circular or nested too deeply",
		`{"$ref": "a#"}`:     `$ref "a#" refers to an unknown schema`,
		`{"$ref": "#/b/0"}`:  `$ref "#/b/0" cannot be resolved`,
		`{"properties": {"a": {"$ref": "#/properties/a"}}}`: "property a: $ref is circular or nested too deeply",
		`{"allOf": [{"$ref": "#"}]}`:                        "$ref is circular or nested too deeply",
	} {
		table := tableOf(t.Context(), "t", false, nil, &subject{name: "t-value", kind: sr.TypeJSON, text: text})
		if got := described(t, table); got != "key BYTES, val BYTES" {
			t.Errorf("%s: %s", text, got)
		}
		if comment := table.GetColumns()[1].GetComment(); !strings.Contains(comment, why) {
			t.Errorf("%s: the comment is %q, want %q", text, comment, why)
		}
	}
}
