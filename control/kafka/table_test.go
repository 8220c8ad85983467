package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/openweir/weir/control/sql/metadata"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// definition is a table as SQL, on one line, and without options.
func definition(table *storev1.TableRecord) string {
	text := metadata.CreateTableText(metadata.Path{Catalog: "c", Database: "d", Table: "t"}, table)
	text, _, _ = strings.Cut(text, "\nWITH")
	_, text, _ = strings.Cut(text, "`t` ")
	return strings.Join(strings.Fields(text), " ")
}

func avroOf(name, text string) *subject { return &subject{name: name, kind: sr.TypeAvro, text: text} }

func record(fields string) string {
	return `{"type":"record","name":"Order","namespace":"shop","fields":[` + fields + `]}`
}

func TestAvroBecomesColumnsAsFlinkReadsThem(t *testing.T) {
	for name, test := range map[string]struct{ fieldType, want string }{
		"string":             {`"string"`, "STRING NOT NULL"},
		"bytes":              {`"bytes"`, "BYTES NOT NULL"},
		"int":                {`"int"`, "INT NOT NULL"},
		"long":               {`"long"`, "BIGINT NOT NULL"},
		"float":              {`"float"`, "FLOAT NOT NULL"},
		"double":             {`"double"`, "DOUBLE NOT NULL"},
		"boolean":            {`"boolean"`, "BOOLEAN NOT NULL"},
		"or null":            {`["null","int"]`, "INT"},
		"null behind":        {`["int","null"]`, "INT"},
		"a union of one":     {`["int"]`, "INT NOT NULL"},
		"uuid":               {`{"type":"string","logicalType":"uuid"}`, "STRING NOT NULL"},
		"date":               {`{"type":"int","logicalType":"date"}`, "DATE NOT NULL"},
		"time as a number":   {`{"type":"int","logicalType":"time-millis"}`, "INT NOT NULL"},
		"timestamp":          {`{"type":"long","logicalType":"timestamp-millis"}`, "TIMESTAMP(3) NOT NULL"},
		"timestamp in µs":    {`{"type":"long","logicalType":"timestamp-micros"}`, "BIGINT NOT NULL"},
		"time in µs or null": {`["null",{"type":"long","logicalType":"time-micros"}]`, "BIGINT"},
		"local timestamp":    {`{"type":"long","logicalType":"local-timestamp-millis"}`, "BIGINT NOT NULL"},
		"decimal":            {`{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`, "DECIMAL(10, 2) NOT NULL"},
		"fixed decimal":      {`{"type":"fixed","name":"F","size":8,"logicalType":"decimal","precision":10,"scale":2}`, "DECIMAL(10, 2) NOT NULL"},
		"fixed":              {`{"type":"fixed","name":"F","size":8}`, "VARBINARY(8) NOT NULL"},
		"enum":               {`{"type":"enum","name":"E","symbols":["A"]}`, "STRING NOT NULL"},
		"array":              {`{"type":"array","items":["null","int"]}`, "ARRAY<INT> NOT NULL"},
		"map":                {`{"type":"map","values":"boolean"}`, "MAP<STRING NOT NULL, BOOLEAN NOT NULL> NOT NULL"},
		"record":             {`{"type":"record","name":"R","fields":[{"name":"x","type":"float"},{"name":"y","type":["null","string"]}]}`, "ROW<`x` FLOAT NOT NULL, `y` STRING> NOT NULL"},
		"record or null":     {`["null",{"type":"record","name":"R","fields":[{"name":"x","type":"float"}]}]`, "ROW<`x` FLOAT>"},
		"record within a record that may be null": {`["null",{"type":"record","name":"R","fields":[{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"y","type":"int","default":7}]}},{"name":"list","type":{"type":"array","items":"In"}}]}]`,
			"ROW<`in` ROW<`y` INT>, `list` ARRAY<ROW<`y` INT> NOT NULL>>"},
	} {
		t.Run(name, func(t *testing.T) {
			s := avroOf("t-value", record(`{"name":"f","type":`+test.fieldType+`}`))
			table := tableOf(t.Context(), "t", false, nil, s)
			if got, want := definition(table), "( `key` BYTES, `f` "+test.want+" )"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			schema := table.GetOptions()["value.avro-confluent.schema"]
			if !strings.Contains(schema, `"shop"`) || strings.Contains(schema, "micros") || strings.Contains(schema, "time-millis") {
				t.Errorf("the schema that Flink gets is %s", schema)
			}
		})
	}
}

func TestAvroThatFlinkDoesNotReadIsBytes(t *testing.T) {
	for name, test := range map[string]struct{ schema, why string }{
		"no record":       {`"string"`, "the schema is of type string, but the format supports records only"},
		"a union":         {record(`{"name":"f","type":["int","string"]}`), "field f: a union of several types is not supported"},
		"a union of null": {record(`{"name":"f","type":["null","int","string"]}`), "field f: a union of several types is not supported"},
		"null":            {record(`{"name":"f","type":"null"}`), "field f: type null is not supported"},
		"recursion":       {record(`{"name":"f","type":["null","Order"]}`), "field f: the record shop.Order contains itself"},
		"a huge decimal":  {record(`{"name":"f","type":{"type":"bytes","logicalType":"decimal","precision":50,"scale":2}}`), "field f: a decimal with precision 50 and scale 2 is not supported"},
		"nothing":         {record(``), "the record shop.Order has no fields"},
		"no schema":       {`{"type":"record"}`, "the schema is not valid"},
		"no JSON":         {`{`, "the schema is not valid"},
		"doubling":        {doubling(), "field f: l0: l1: "},
	} {
		t.Run(name, func(t *testing.T) {
			table := tableOf(t.Context(), "t", false, nil, avroOf("t-value", test.schema))
			value := table.GetColumns()[1]
			if value.GetName() != "val" || value.GetType() != "BYTES" || table.GetOptions()["value.format"] != "raw" || !strings.Contains(value.GetComment(), test.why) {
				t.Errorf("got %v", value)
			}
		})
	}
}

func TestAvroThatRefersToOtherSubjects(t *testing.T) {
	s := avroOf("t-value", `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"from","type":"Address"},{"name":"to","type":["null","shop.Address"]},{"name":"level","type":"other.Level"}]}`)
	s.references = []reference{
		{"other.Level", `{"type":"enum","name":"Level","namespace":"other","symbols":["LOW"]}`},
		{"shop.Address", `{"type":"record","name":"shop.Address","fields":[{"name":"street","type":"string"},{"name":"level","type":"other.Level"}]}`},
	}
	table := tableOf(t.Context(), "t", false, nil, s)
	want := "( `key` BYTES, `from` ROW<`street` STRING, `level` STRING> NOT NULL, `to` ROW<`street` STRING, `level` STRING>, `level` STRING NOT NULL )"
	if got := definition(table); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	text := table.GetOptions()["value.avro-confluent.schema"]
	if strings.Count(text, `"street"`) != 1 || strings.Count(text, `"LOW"`) != 1 {
		t.Errorf("not each definition stands once in %s", text)
	}
	// What Flink gets has to stand alone.
	if _, _, err := avroFields(avroOf("alone", text)); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}

func TestAvroThatRefersToATypeWithinAnotherSubject(t *testing.T) {
	s := avroOf("t-value", record(`{"name":"f","type":["null","other.Inner"]}`))
	s.references = []reference{{"other.Outer", `{"type":"record","name":"Outer","namespace":"other","fields":[{"name":"in","type":{"type":"record","name":"Inner","fields":[
		{"name":"at","type":{"type":"long","logicalType":"timestamp-micros","x":1}}]}}]}`}}
	table := tableOf(t.Context(), "t", false, nil, s)
	if got, want := definition(table), "( `key` BYTES, `f` ROW<`at` BIGINT> )"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want := `{"fields":[{"name":"f","type":["null",{"fields":[{"name":"at","type":["null",{"type":"long","x":1}]}],"name":"Inner","namespace":"other","type":"record"}]}],"name":"Order","namespace":"shop","type":"record"}`
	if got := table.GetOptions()["value.avro-confluent.schema"]; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestKeysAndValues(t *testing.T) {
	id := record(`{"name":"id","type":"long"}`)
	nullable := record(`{"name":"id","type":["null","long"]}`)
	item := record(`{"name":"item","type":"string","doc":"what was bought"}`)
	for name, test := range map[string]struct {
		compacted  bool
		key, value *subject
		want       string
		options    map[string]string
	}{
		"no schemas": {want: "( `key` BYTES, `val` BYTES )", options: map[string]string{
			"connector": "kafka", "topic": "t", "key.format": "raw", "key.fields": "key", "value.format": "raw", "value.fields-include": "EXCEPT_KEY", "scan.startup.mode": "earliest-offset",
		}},
		"keyed": {key: avroOf("t-key", id), value: avroOf("t-value", item), want: "( `id` BIGINT NOT NULL, `item` STRING NOT NULL COMMENT 'what was bought' )", options: map[string]string{
			"connector": "kafka", "topic": "t", "key.format": "avro-confluent", "key.fields": "id", "value.format": "avro-confluent", "value.fields-include": "EXCEPT_KEY", "scan.startup.mode": "earliest-offset",
		}},
		"the key in the value too": {key: avroOf("t-key", id), value: avroOf("t-value", id), want: "( `key_id` BIGINT NOT NULL, `id` BIGINT NOT NULL )", options: map[string]string{
			"connector": "kafka", "topic": "t", "key.format": "avro-confluent", "key.fields": "key_id", "key.fields-prefix": "key_", "value.format": "avro-confluent", "value.fields-include": "EXCEPT_KEY", "scan.startup.mode": "earliest-offset",
		}},
		"compacted": {compacted: true, key: avroOf("t-key", nullable), value: avroOf("t-value", item), want: "( `id` BIGINT NOT NULL, `item` STRING NOT NULL COMMENT 'what was bought', PRIMARY KEY (`id`) NOT ENFORCED )", options: map[string]string{
			"connector": "upsert-kafka", "topic": "t", "key.format": "avro-confluent", "value.format": "avro-confluent", "value.fields-include": "EXCEPT_KEY",
		}},
		"compacted without schemas": {compacted: true, want: "( `key` BYTES NOT NULL, `val` BYTES, PRIMARY KEY (`key`) NOT ENFORCED )", options: map[string]string{
			"connector": "upsert-kafka", "topic": "t", "key.format": "raw", "value.format": "raw", "value.fields-include": "EXCEPT_KEY",
		}},
		"protobuf": {value: &subject{name: "t-value", kind: sr.TypeProtobuf, text: `syntax = "proto3"; package shop; import "common.proto"; import "google/protobuf/timestamp.proto";
			message Order { int64 id = 1; repeated string tags = 2; map<string, Level> levels = 3; google.protobuf.Timestamp at = 4; enum Level { LOW = 0; } }`, references: []reference{{"common.proto", `syntax = "proto3";`}}},
			want: "( `key` BYTES, `val` BYTES COMMENT 'Protobuf of subject t-value: shop.Order, ROW<`id` BIGINT, `tags` ARRAY<STRING>, `levels` MAP<STRING, STRING>, `at` ROW<`seconds` BIGINT, `nanos` INT>>.' )"},
		"broken protobuf": {value: &subject{name: "t-value", kind: sr.TypeProtobuf, text: `message {`},
			want: "( `key` BYTES, `val` BYTES COMMENT 'Protobuf of subject t-value: the schema is not valid: subject.proto:1:9: syntax error: unexpected ''{''.' )"},
	} {
		t.Run(name, func(t *testing.T) {
			table := tableOf(t.Context(), "t", test.compacted, test.key, test.value)
			if got := definition(table); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			for key, want := range test.options {
				if got := table.GetOptions()[key]; got != want {
					t.Errorf("option %s is %q, want %q", key, got, want)
				}
			}
			for key, got := range table.GetOptions() {
				if _, wanted := test.options[key]; test.options != nil && !wanted && !strings.HasSuffix(key, ".schema") {
					t.Errorf("option %s is there: %q", key, got)
				}
			}
			if _, given := table.GetOptions()["key.avro-confluent.schema"]; given == (test.key == nil || test.compacted) {
				t.Errorf("a schema of the key is given: %v", given)
			}
		})
	}
}

// doubling is small, and has 2^20 types when every name stands for what is
// within.
func doubling() string {
	inner := `"int"`
	for i := 20; i >= 0; i-- {
		name := fmt.Sprint("l", i)
		inner = fmt.Sprintf(`{"type":"record","name":"%[1]s","fields":[{"name":"%[1]s","type":%[2]s},{"name":"again","type":%[3]q}]}`, name, inner, fmt.Sprint("l", i+1))
		if i == 20 {
			inner = `{"type":"record","name":"l20","fields":[{"name":"l20","type":"int"}]}`
		}
	}
	return record(`{"name":"f","type":` + inner + `}`)
}
