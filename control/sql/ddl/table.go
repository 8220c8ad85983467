package ddl

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql/metadata"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Connectors by name, and the word of CMF's tables for Kafka.
const (
	kafka       = "kafka"
	upsertKafka = "upsert-kafka"
	confluent   = "confluent"
)

// Options of tables.
const (
	optionConnector     = "connector"
	optionChangelogMode = "changelog.mode"
	optionCleanup       = "kafka.cleanup-policy"
	optionTopic         = "topic"
	optionTopics        = "topic-pattern"
	optionStartup       = "scan.startup.mode"
	optionKeyFields     = "key.fields"
	optionKeyFormat     = "key.format"
	optionValueFormat   = "value.format"
	optionFormat        = "format"
	optionValueFields   = "value.fields-include"
)

// OnKafka reports whether the rows of a table are in Kafka, so that its database
// and the registry of its catalog have a say in how it is reached.
func OnKafka(table *storev1.TableRecord) bool {
	switch table.GetOptions()[optionConnector] {
	case "", confluent, kafka, upsertKafka:
		return true
	default:
		return false
	}
}

// createTable declares a table. One with a connector of its own stays as it was
// written.
func createTable(table *storev1.StatementTable, connect Connect) string {
	record := table.GetDefinition()
	if OnKafka(record) {
		record = kafkaTable(record, table.GetName(), connect(table.GetCatalog(), table.GetDatabase()))
	}
	return metadata.CreateTableText(metadata.Path{
		Catalog: table.GetCatalog(), Database: table.GetDatabase(), Table: table.GetName(),
	}, record)
}

// kafkaTable is a table as Flink's Kafka connector takes it.
func kafkaTable(table *storev1.TableRecord, topic string, connection Connection) *storev1.TableRecord {
	out := proto.CloneOf(table)
	upsert := Upserts(table)
	if !upsert && keyIsInformation(table) {
		out.PrimaryKey = nil
	}
	// Neither is for the connector: a topic has its partitions already.
	out.Distribution, out.PartitionKeys = nil, nil

	options := flinkOptions(table.GetOptions())
	options[optionConnector] = kafka
	if upsert {
		options[optionConnector] = upsertKafka
		// The key is the primary key.
		delete(options, optionKeyFields)
	}
	if _, several := options[optionTopics]; !several {
		defaultTo(options, optionTopic, topic)
	}
	if !upsert {
		defaultTo(options, optionStartup, "earliest-offset")
	}
	addFormats(options, upsert, table.GetDistribution().GetColumns(), connection.Registry)
	for key, value := range connection.Kafka {
		defaultTo(options, "properties."+key, value)
	}
	addRegistry(options, connection.Registry)
	out.Options = options
	return out
}

// Upserts reports whether rows replace those before them with the same primary
// key. Tables of CMF with a primary key do, unless they say otherwise; of one
// for which the connector was spelled out, that decides.
func Upserts(table *storev1.TableRecord) bool {
	options := table.GetOptions()
	if options[optionConnector] == upsertKafka {
		return true
	}
	if len(table.GetPrimaryKey().GetColumns()) == 0 {
		return false
	}
	switch options[optionChangelogMode] {
	case "upsert":
		return true
	case "":
		return options[optionConnector] != kafka || strings.Contains(options[optionCleanup], "compact")
	default:
		return false
	}
}

// keyIsInformation reports whether the primary key of a table with rows that do
// not replace each other has to be left out: Flink takes it for such a table
// only where the user chose connector and format for it.
func keyIsInformation(table *storev1.TableRecord) bool {
	return table.GetOptions()[optionConnector] != kafka || table.GetOptions()[optionChangelogMode] != ""
}

// flinkOptions are the options of a table without those that only CMF has, and
// with Flink's spelling where CMF has its own.
func flinkOptions(options map[string]string) map[string]string {
	out := maps.Clone(options)
	if out == nil {
		out = map[string]string{}
	}
	maps.DeleteFunc(out, func(key, _ string) bool {
		return key == optionChangelogMode || strings.HasPrefix(key, "kafka.")
	})
	for _, key := range []string{optionFormat, optionKeyFormat, optionValueFormat} {
		if out[key] == "avro-registry" {
			out[key] = avroConfluent
		}
	}
	if include, ok := out[optionValueFields]; ok {
		out[optionValueFields] = strings.ReplaceAll(strings.ToUpper(include), "-", "_")
	}
	return out
}

// addFormats chooses formats where the table does not: Avro of the registry
// where there is one, as CMF does, else JSON. Rows are keyed by what the table
// is distributed by.
func addFormats(options map[string]string, upsert bool, distributed []string, registry map[string]string) {
	format := "json"
	if registry[registryURL] != "" {
		format = avroConfluent
	}
	if options[optionFormat] == "" {
		defaultTo(options, optionValueFormat, format)
	}
	if !upsert && len(distributed) > 0 {
		defaultTo(options, optionKeyFields, strings.Join(distributed, ";"))
	}
	if upsert || options[optionKeyFields] != "" {
		value := options[optionValueFormat]
		if value == "" {
			value = options[optionFormat]
		}
		defaultTo(options, optionKeyFormat, value)
	}
}

func defaultTo(options map[string]string, key, value string) {
	if _, given := options[key]; !given {
		options[key] = value
	}
}

// formatsOf are the prefixes of the options of formats of a kind: a table has
// one for its keys and one for its values, or one for values alone.
func formatsOf(options map[string]string, format string) []string {
	var prefixes []string
	for key, prefix := range map[string]string{optionFormat: "", optionKeyFormat: "key.", optionValueFormat: "value."} {
		if options[key] == format {
			prefixes = append(prefixes, prefix+format+".")
		}
	}
	return slices.Sorted(slices.Values(prefixes))
}
