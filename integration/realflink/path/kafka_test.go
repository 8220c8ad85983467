//go:build flink

package path

import (
	"context"
	bytes "encoding/binary"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/openweir/weir/integration/kafka"
	"github.com/openweir/weir/integration/weir"
)

// Schemas of the topics "orders" and "copies". Nothing but the schema itself
// makes Flink read the enumeration, which it does not write.
const (
	orderKey   = `{"type":"record","name":"Key","namespace":"shop","fields":[{"name":"id","type":"long"}]}`
	orderValue = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"item","type":["null","string"],"default":null},` +
		`{"name":"level","type":{"type":"enum","name":"Level","symbols":["LOW","HIGH"]}},` +
		`{"name":"address","type":["null",{"type":"record","name":"Address","fields":[{"name":"street","type":"string"}]}]}]}`
	copyValue = `{"type":"record","name":"Copy","namespace":"shop","fields":[{"name":"item","type":["null","string"],"default":null},` +
		`{"name":"level","type":"string"},{"name":"address","type":["null",{"type":"record","name":"Address","fields":[{"name":"street","type":["null","string"]}]}]}]}`
)

// stream is a broker and a registry, and clients of both.
type stream struct {
	t        *testing.T
	broker   *kafka.Broker
	registry *kafka.Registry
	client   *kgo.Client
	schemas  *sr.Client
}

func newStream(t *testing.T) *stream {
	t.Helper()
	config := kafka.Config{Home: os.Getenv("WEIR_KAFKA_HOME"), Name: "broker", Dir: t.TempDir()}
	if config.Home == "" {
		t.Fatal("WEIR_KAFKA_HOME names no Kafka; make e2e makes one and sets it")
	}
	k := &stream{t: t}
	var err error
	if k.broker, err = kafka.StartBroker(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.broker.Kill)
	config.Name = "registry"
	if k.registry, err = kafka.StartRegistry(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.registry.Kill)
	if k.client, err = kgo.NewClient(kgo.SeedBrokers(k.broker.Address)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.client.Close)
	if k.schemas, err = sr.NewClient(sr.URLs(k.registry.URL), sr.HTTPClient(&http.Client{Timeout: time.Minute})); err != nil {
		t.Fatal(err)
	}
	return k
}

// topic makes a topic keyed as orders are, and gives the ids of its schemas.
func (k *stream) topic(name, schema string) (key, value int) {
	k.t.Helper()
	if _, err := kadm.NewClient(k.client).CreateTopic(k.t.Context(), 1, 1, nil, name); err != nil {
		k.t.Fatalf("create topic %s: %v", name, err)
	}
	return k.register(name+"-key", orderKey), k.register(name+"-value", schema)
}

func (k *stream) register(subject, schema string) int {
	k.t.Helper()
	made, err := k.schemas.CreateSchema(k.t.Context(), subject, sr.Schema{Schema: schema})
	if err != nil {
		k.t.Fatalf("register %s: %v", subject, err)
	}
	return made.ID
}

// framed is a value as serializers of a registry write it.
func (k *stream) framed(id int, schema string, value any) []byte {
	k.t.Helper()
	data, err := avro.MustParse(schema).Encode(value)
	if err != nil {
		k.t.Fatal(err)
	}
	return append(bytes.BigEndian.AppendUint32([]byte{0}, uint32(id)), data...)
}

func (k *stream) produce(topic string, key, value []byte) {
	k.t.Helper()
	if err := k.client.ProduceSync(k.t.Context(), &kgo.Record{Topic: topic, Key: key, Value: value}).FirstErr(); err != nil {
		k.t.Fatalf("produce to %s: %v", topic, err)
	}
}

// cells are the rows of a statement, in any order. Whether a row that passes a
// filter for the first time is inserted or updated differs between releases.
func (s *site) cells(name string, atLeast int) []string {
	s.t.Helper()
	var out []string
	for _, row := range s.rows(name, atLeast) {
		out = append(out, fmt.Sprint(row.cells))
	}
	slices.Sort(out)
	return out
}

// TestTopics: rows go from one topic to another and come back, by schemas of a
// registry that nobody wrote a CREATE TABLE for.
func TestTopics(t *testing.T) {
	for release, home := range homes {
		t.Run(release, func(t *testing.T) {
			k := newStream(t)
			keyID, valueID := k.topic("orders", orderValue)
			k.topic("copies", copyValue)
			for id, street := range []string{"Mill Lane", "High Street", ""} {
				order := map[string]any{"item": map[string]any{"string": "pen"}, "level": "HIGH", "address": nil}
				if street != "" {
					order["address"] = map[string]any{"shop.Address": map[string]any{"street": street}}
				}
				k.produce("orders", k.framed(keyID, orderKey, map[string]any{"id": int64(id)}), k.framed(valueID, orderValue, order))
			}
			s := newSite(t, release, home, func(c *weir.Control) { c.Kafka = true })
			s.catalog("shop", "sales", k.broker.Address, k.registry.URL)
			s.pool("pool", "SHARED")

			s.statement("copy", "pool", "INSERT INTO copies SELECT * FROM orders", nil)
			s.awaitPhase("copy", "RUNNING")
			s.statement("read", "pool", "SELECT id, item, level, address.street FROM copies", nil)
			want := []string{"[0 pen HIGH Mill Lane]", "[1 pen HIGH High Street]", "[2 pen HIGH <nil>]"}
			if got := s.cells("read", 3); !slices.Equal(got, want) {
				t.Errorf("the copies are %q, want %q", got, want)
			}

			s.answered("make-totals", "pool", "CREATE TABLE totals (level STRING, total BIGINT, PRIMARY KEY (level) NOT ENFORCED) DISTRIBUTED INTO 2 BUCKETS")
			s.statement("count", "pool", "INSERT INTO totals SELECT level, COUNT(*) FROM orders GROUP BY level", nil)
			s.awaitPhase("count", "RUNNING")
			s.statement("totals", "pool", "SELECT total FROM totals WHERE total >= 3", nil)
			if got, want := s.cells("totals", 1), []string{"[3]"}; !slices.Equal(got, want) {
				t.Errorf("the totals are %q, want %q", got, want)
			}

			for _, name := range []string{"copy", "read", "count", "totals"} {
				s.send("DELETE", "/v1/environments/test/statements/"+name, nil, 202)
			}
			// Who still writes to a topic makes it anew.
			for _, name := range []string{"copy", "read", "count", "totals"} {
				s.await("statement "+name+" to be gone", func(ctx context.Context) error {
					_, err := s.Object(ctx, "GET", "/v1/environments/test/statements/"+name, "", 404)
					return err
				})
			}
			s.answered("drop-totals", "pool", "DROP TABLE totals")
			s.await("the topic to be gone", func(ctx context.Context) error {
				topics, err := kadm.NewClient(k.client).ListTopics(ctx)
				if err == nil && topics.Has("totals") {
					err = fmt.Errorf("the topics are %v", topics.Names())
				}
				return err
			})
		})
	}
}
