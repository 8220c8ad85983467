package kafka

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/openweir/weir/control/sql/logical"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Formats of Flink, and names of columns of bytes that no format reads.
const (
	formatAvro = "avro-confluent"
	formatRaw  = "raw"

	rawKey   = "key"
	rawValue = "val"
	// keyPrefix distinguishes columns of the key from those of the value.
	keyPrefix = "key_"
)

// part is the key or the value of the rows of a topic.
type part struct {
	format  string
	schema  string
	columns []*storev1.TableColumn
	// computed are taken out of columns.
	computed []*storev1.TableColumn
}

// tableOf returns a topic as a table, given the schemas of its keys and values,
// which are nil if there are none.
func tableOf(ctx context.Context, topic string, compacted bool, keySubject, valueSubject *subject) *storev1.TableRecord {
	key, value := partOf(ctx, rawKey, keySubject), partOf(ctx, rawValue, valueSubject)
	if keySubject != nil && keySubject.kind == sr.TypeJSON {
		// Columns of a key cannot be computed.
		key.computed = nil
	}
	table := &storev1.TableRecord{Options: map[string]string{
		"connector": "kafka", "topic": topic, "value.fields-include": "EXCEPT_KEY",
		"key.format": key.format, "value.format": value.format,
	}}
	if clash(key.columns, append(value.columns, value.computed...)) {
		table.Options["key.fields-prefix"] = keyPrefix
		for _, c := range key.columns {
			c.Name = keyPrefix + c.Name
		}
	}
	table.Columns = append(append(key.columns, value.columns...), value.computed...)
	if compacted {
		upsert(table, &key)
	} else {
		table.Options["key.fields"] = strings.Join(names(key.columns), ";")
		table.Options["scan.startup.mode"] = "earliest-offset"
	}
	for prefix, p := range map[string]part{"key.": key, "value.": value} {
		if p.schema != "" {
			table.Options[prefix+formatAvro+".schema"] = p.schema
		}
	}
	return table
}

// upsert makes rows replace those before them with the same key, as they do in
// a compacted topic.
func upsert(table *storev1.TableRecord, key *part) {
	table.Options["connector"] = "upsert-kafka"
	table.PrimaryKey = &storev1.TablePrimaryKey{Columns: names(key.columns)}
	for _, c := range key.columns {
		// Columns of a primary key are NOT NULL, which a schema with a nullable
		// field does not match. Without one, Flink derives it from the columns.
		if !c.NotNull && key.format == formatAvro {
			key.schema = ""
		}
		c.NotNull = true
	}
}

func names(columns []*storev1.TableColumn) []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.GetName())
	}
	return out
}

func clash(key, value []*storev1.TableColumn) bool {
	taken := map[string]bool{}
	for _, c := range value {
		taken[c.GetName()] = true
	}
	for _, c := range key {
		if taken[c.GetName()] {
			return true
		}
	}
	return false
}

// partOf returns the columns of a key or a value. Flink's own formats read Avro;
// everything else is a column of bytes whose comment describes the schema.
func partOf(ctx context.Context, column string, s *subject) part {
	if s == nil {
		return raw(column, "")
	}
	switch s.kind {
	case sr.TypeAvro:
		fields, schema, err := avroFields(s)
		if err != nil {
			return raw(column, fmt.Sprintf("Avro of subject %s, not supported by Flink's format %s: %s.", s.name, formatAvro, err))
		}
		out := part{format: formatAvro, schema: schema}
		for _, f := range fields {
			out.columns = append(out.columns, &storev1.TableColumn{
				Name: f.name, Kind: storev1.TableColumn_KIND_PHYSICAL, Comment: f.comment,
				Type: logical.FormatNullable(f.dataType), NotNull: !f.dataType.GetNullable(),
			})
		}
		return out
	case sr.TypeJSON:
		return jsonPart(column, s)
	case sr.TypeProtobuf:
		found, err := protobufMessage(ctx, s)
		if err != nil {
			return raw(column, fmt.Sprintf("Protobuf of subject %s: %s.", s.name, err))
		}
		return raw(column, fmt.Sprintf("Protobuf of subject %s: %s, %s.", s.name, found.name, logical.FormatNullable(found.row)))
	default:
		return raw(column, fmt.Sprintf("%s of subject %s.", s.kind, s.name))
	}
}

func raw(column, comment string) part {
	return part{format: formatRaw, columns: []*storev1.TableColumn{{
		Name: column, Kind: storev1.TableColumn_KIND_PHYSICAL, Type: "BYTES", Comment: comment,
	}}}
}

func jsonPart(column string, s *subject) part {
	properties, err := jsonProperties(s, column)
	if err != nil {
		return raw(column, fmt.Sprintf("JSON of subject %s: %s.", s.name, err))
	}
	out := raw(column, fmt.Sprintf("JSON of subject %s.", s.name))
	for _, p := range properties {
		name := p.name
		if name == column {
			name = column + "_" + p.name
		}
		out.computed = append(out.computed, &storev1.TableColumn{
			Name: name, Kind: storev1.TableColumn_KIND_COMPUTED, Expression: p.expression, Comment: p.comment,
		})
	}
	return out
}
