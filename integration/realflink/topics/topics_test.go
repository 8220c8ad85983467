//go:build flink

package topics

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	topics "github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/sql/metadata"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/integration/kafka"
)

// database is the broker by its open listener.
func database() topics.Database {
	return topics.Database{
		Environment: "test", Catalog: "shop", Name: "sales",
		Kafka:    map[string]string{"bootstrap.servers": broker.Address},
		Registry: map[string]string{"schema.registry.url": registry.URL},
	}
}

// signedIn is the broker by the listener that asks who it is.
func signedIn(mechanism, module, password string) topics.Database {
	d := database()
	d.Kafka = map[string]string{
		"bootstrap.servers": broker.SASL, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism,
		"sasl.jaas.config": fmt.Sprintf("org.apache.kafka.common.security.%s required username=%q password=%q;", module, kafka.User, password),
	}
	return d
}

// register makes a schema the newest of a subject.
func register(t *testing.T, subject string, schema sr.Schema) sr.SubjectSchema {
	t.Helper()
	client, err := sr.NewClient(sr.URLs(registry.URL), sr.HTTPClient(&http.Client{Timeout: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateSchema(t.Context(), subject, schema)
	if err != nil {
		t.Fatalf("register %s: %v", subject, err)
	}
	return made
}

// make creates a topic with configuration, in the broker's own words.
func make(t *testing.T, topic string, configs map[string]*string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, configs, topic); err != nil {
		t.Fatalf("create %s: %v", topic, err)
	}
}

// definition is a table as SQL without its options, on one line.
func definition(t *testing.T, table *storev1.TableRecord) string {
	t.Helper()
	if table == nil {
		return "no table"
	}
	text, _, _ := strings.Cut(metadata.CreateTableText(metadata.Path{Table: "t"}, table), "\nWITH")
	_, text, _ = strings.Cut(text, "`t` ")
	return strings.Join(strings.Fields(text), " ")
}

// reader may connect to the broker of the test, which is on this machine.
func reader(t *testing.T) *topics.Reader {
	t.Helper()
	var network topics.Network
	if err := network.Allow("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return topics.NewReader(network)
}

func read(t *testing.T, topic string) *storev1.TableRecord {
	t.Helper()
	table, err := reader(t).Table(t.Context(), database(), topic)
	if err != nil {
		t.Fatalf("read %s: %v", topic, err)
	}
	return table
}

func equal(t *testing.T, what, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\ngot  %s\nwant %s", what, got, want)
	}
}

func TestSchemasOfARealRegistryBecomeColumns(t *testing.T) {
	make(t, "orders", nil)
	register(t, "orders-key", sr.Schema{Schema: `{"type":"record","name":"Key","fields":[{"name":"id","type":"long"}]}`})
	address := register(t, "address", sr.Schema{Schema: `{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"street","type":"string"}]}`})
	register(t, "orders-value", sr.Schema{
		Schema:     `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"item","type":["null","string"],"default":null},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"address","type":"shop.Address"}]}`,
		References: []sr.SchemaReference{{Name: "shop.Address", Subject: "address", Version: address.Version}},
	})
	equal(t, "Avro with a key and a reference",
		"( `id` BIGINT NOT NULL, `item` STRING, `at` TIMESTAMP(3) NOT NULL, `address` ROW<`street` STRING NOT NULL> NOT NULL )",
		definition(t, read(t, "orders")))

	compact := "compact"
	make(t, "totals", map[string]*string{"cleanup.policy": &compact})
	register(t, "totals-key", sr.Schema{Schema: `{"type":"record","name":"Key","fields":[{"name":"item","type":"string"}]}`})
	register(t, "totals-value", sr.Schema{Schema: `{"type":"record","name":"Total","fields":[{"name":"total","type":"long"}]}`})
	equal(t, "a compacted topic", "( `item` STRING NOT NULL, `total` BIGINT NOT NULL, PRIMARY KEY (`item`) NOT ENFORCED )", definition(t, read(t, "totals")))

	make(t, "events", nil)
	register(t, "events-value", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"integer"}}}`})
	names := ""
	for _, c := range read(t, "events").GetColumns() {
		names += " " + c.GetName()
	}
	equal(t, "JSON Schema", " key val id", names)

	make(t, "clicks", nil)
	register(t, "clicks-value", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nmessage Click {\n  int64 id = 1;\n}\n"})
	equal(t, "Protobuf", "( `key` BYTES, `val` BYTES COMMENT 'Protobuf of subject clicks-value: shop.Click, ROW<`id` BIGINT>.' )", definition(t, read(t, "clicks")))

	make(t, "lines", nil)
	equal(t, "no schema", "( `key` BYTES, `val` BYTES )", definition(t, read(t, "lines")))
	equal(t, "no topic", "no table", definition(t, read(t, "nothing")))
	// The broker makes topics for those who ask for them; asking for a table is
	// no such thing.
	equal(t, "no topic after asking", "no table", definition(t, read(t, "nothing")))
}

func TestARealBrokerRequiresAuthentication(t *testing.T) {
	make(t, "guarded", nil)
	for _, database := range []topics.Database{
		signedIn("PLAIN", "plain.PlainLoginModule", kafka.Password),
		signedIn("SCRAM-SHA-256", "scram.ScramLoginModule", kafka.Password),
	} {
		names, err := reader(t).Topics(t.Context(), database)
		if err != nil || !slices.Contains(names, "guarded") {
			t.Errorf("%s: got %v, %v", database.Kafka["sasl.mechanism"], names, err)
		}
	}
	for _, database := range []topics.Database{
		signedIn("PLAIN", "plain.PlainLoginModule", "wrong"),
		signedIn("SCRAM-SHA-256", "scram.ScramLoginModule", "wrong"),
	} {
		_, err := reader(t).Topics(t.Context(), database)
		if err == nil || !strings.Contains(err.Error(), "SASL_AUTHENTICATION_FAILED") {
			t.Errorf("%s with a wrong password: %v", database.Kafka["sasl.mechanism"], err)
		}
	}
	plain := database()
	plain.Kafka = maps.Clone(plain.Kafka)
	plain.Kafka["bootstrap.servers"] = broker.SASL
	if names, err := reader(t).Topics(t.Context(), plain); err == nil {
		t.Errorf("without credentials: %v", names)
	}
}

func TestTopicsAreCreatedAndDeleted(t *testing.T) {
	reader := reader(t)
	topic := topics.Topic{Name: "made", Partitions: 3, CleanupPolicy: "compact"}
	for _, want := range []bool{true, false} {
		created, err := reader.CreateTopic(t.Context(), database(), topic)
		if err != nil || created != want {
			t.Fatalf("created %v, %v, want %v", created, err, want)
		}
	}
	register(t, "made-value", sr.Schema{Schema: `{"type":"record","name":"Made","fields":[{"name":"n","type":"int"}]}`})
	equal(t, "what was made", "( `key` BYTES NOT NULL, `n` INT NOT NULL, PRIMARY KEY (`key`) NOT ENFORCED )", definition(t, read(t, "made")))
	if _, err := reader.CreateTopic(t.Context(), database(), topics.Topic{Name: "bad", Partitions: 1, CleanupPolicy: "melt"}); err == nil || !strings.Contains(err.Error(), "the cluster responded with the error INVALID_CONFIG") {
		t.Errorf("a policy that there is not: %v", err)
	}
	for range 2 {
		if err := reader.DeleteTopic(t.Context(), database(), "made"); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "what was deleted", "no table", definition(t, read(t, "made")))
	names, err := reader.Topics(t.Context(), database())
	if err != nil || slices.Contains(names, "made") {
		t.Errorf("topics after the deletion: %v, %v", names, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "_") {
			t.Errorf("the topic %s is shown", name)
		}
	}
}
