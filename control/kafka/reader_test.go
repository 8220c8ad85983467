package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// site is a cluster and a registry, both simulated, and a reader whose clock the
// test moves.
type site struct {
	*Reader
	Database
	registry *srfake.Registry
	admin    *kadm.Client
	clock    time.Time
}

const password = "hunter2"

func newSite(t *testing.T) *site {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ann", password), kfake.AllowAutoTopicCreation(),
		kfake.SeedTopics(1, "orders", "__consumer_offsets", "_schemas", "_confluent-metrics"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	registry := srfake.New(srfake.WithAuth("Basic YW5uOmh1bnRlcjI="))
	t.Cleanup(registry.Close)
	s := &site{Reader: NewReader(local(t)), registry: registry, clock: time.Now(), Database: Database{
		Environment: "prod", Catalog: "shop", Name: "sales",
		Kafka: map[string]string{
			"bootstrap.servers": strings.Join(cluster.ListenAddrs(), ","), "security.protocol": "SASL_PLAINTEXT",
			"sasl.mechanism": "SCRAM-SHA-256", "sasl.jaas.config": `P required username="ann" password="` + password + `";`,
		},
		Registry: map[string]string{"schema.registry.url": registry.URL(), "basic.auth.user.info": "ann:" + password},
	}}
	s.now = func() time.Time { return s.clock }
	s.admin = adminClient(t, s.network, s.Kafka)
	return s
}

// adminClient is a client with the options that a reader has.
func adminClient(t *testing.T, network *Network, properties map[string]string) *kadm.Client {
	t.Helper()
	options, err := clientOptions(network, properties)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// local is a network whose servers are on this machine.
func local(t *testing.T) Network {
	t.Helper()
	var network Network
	if err := network.Allow("127.0.0.0/8"); err != nil {
		t.Fatal(err)
	}
	return network
}

func (s *site) make(t *testing.T, topic string) {
	t.Helper()
	if _, err := s.admin.CreateTopic(t.Context(), 1, -1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func (s *site) topics(t *testing.T) []string {
	t.Helper()
	names, err := s.Topics(t.Context(), s.Database)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (s *site) columns(t *testing.T, topic string) string {
	t.Helper()
	table, err := s.Table(t.Context(), s.Database, topic)
	if err != nil {
		t.Fatal(err)
	}
	if table == nil {
		return "no table"
	}
	return strings.Join(names(table.GetColumns()), " ")
}

func equal[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func TestTopicsAreTables(t *testing.T) {
	s := newSite(t)
	equal(t, "topics", []string{"orders"}, s.topics(t))
	equal(t, "no schema", "key val", s.columns(t, "orders"))
	equal(t, "no topic", "no table", s.columns(t, "nothing"))
	equal(t, "an internal topic", "no table", s.columns(t, "_schemas"))
	// Whoever asks for a topic that is not there must not make it.
	equal(t, "topics after asking", []string{"orders"}, s.topics(t))
	s.clock = s.clock.Add(fresh)
	equal(t, "topics a while after asking", []string{"orders"}, s.topics(t))
}

func TestResponsesAreCached(t *testing.T) {
	s := newSite(t)
	equal(t, "topics", []string{"orders"}, s.topics(t))
	equal(t, "no schema", "key val", s.columns(t, "orders"))
	s.make(t, "returns")
	s.registry.SeedSchema("orders-value", 1, 1, sr.Schema{Schema: record(`{"name":"id","type":"long"}`)})

	equal(t, "topics that are remembered", []string{"orders"}, s.topics(t))
	equal(t, "a table that is remembered", "key val", s.columns(t, "orders"))
	equal(t, "a table that was not asked for", "key val", s.columns(t, "returns"))
	other := s.Database
	other.Environment = "test"
	if names, err := s.Topics(t.Context(), other); err != nil || len(names) != 2 {
		t.Errorf("another environment sees %v, %v", names, err)
	}

	s.clock = s.clock.Add(fresh)
	equal(t, "topics later", []string{"orders", "returns"}, s.topics(t))
	equal(t, "a table later", "key id", s.columns(t, "orders"))
}

func TestCreatedAndDeletedTopicsAreVisibleImmediately(t *testing.T) {
	s := newSite(t)
	equal(t, "topics", []string{"orders"}, s.topics(t))
	topic := Topic{Name: "totals", Partitions: 3, CleanupPolicy: "compact"}
	for _, created := range []bool{true, false} {
		got, err := s.CreateTopic(t.Context(), s.Database, topic)
		if err != nil || got != created {
			t.Fatalf("created %v, %v, want %v", got, err, created)
		}
	}
	equal(t, "topics", []string{"orders", "totals"}, s.topics(t))
	details, err := s.admin.ListTopics(t.Context(), "totals")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "partitions", 3, len(details["totals"].Partitions))
	s.registry.SeedSchema("totals-key", 1, 1, sr.Schema{Schema: record(`{"name":"id","type":"long"}`)})
	s.registry.SeedSchema("totals-value", 1, 2, sr.Schema{Schema: record(`{"name":"sum","type":"long"}`)})
	table, err := s.Table(t.Context(), s.Database, "totals")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "table", "( `id` BIGINT NOT NULL, `sum` BIGINT NOT NULL, PRIMARY KEY (`id`) NOT ENFORCED )", definition(table))

	for range 2 {
		if err := s.DeleteTopic(t.Context(), s.Database, "totals"); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "topics", []string{"orders"}, s.topics(t))
	equal(t, "table", "no table", s.columns(t, "totals"))
	for _, subject := range []string{"totals-key", "totals-value"} {
		if s.registry.SubjectExists(subject) {
			t.Errorf("subject %s is still there", subject)
		}
	}
}

// silent accepts connections and answers nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

func TestErrorsNameWhatIsUnreachable(t *testing.T) {
	s := newSite(t)
	down := silent(t)
	for name, test := range map[string]struct {
		change func(*Database)
		says   []string
	}{
		"no cluster":     {func(d *Database) { d.Kafka = map[string]string{"bootstrap.servers": "127.0.0.1:1"} }, []string{"its Kafka cluster at 127.0.0.1:1: " + errNotConnected.Error()}},
		"wrong password": {func(d *Database) { d.Kafka["sasl.jaas.config"] = `P required username="ann" password="x";` }, []string{"its Kafka cluster at", errNoAnswer.Error()}},
		"no registry":    {func(d *Database) { d.Registry["schema.registry.url"] = "http://127.0.0.1:1" }, []string{"the schema registry at http://127.0.0.1:1: subject orders-key: " + errNotConnected.Error()}},
		"a wrong user": {func(d *Database) {
			d.Registry["schema.registry.url"] = strings.Replace(s.registry.URL(), "http://", "http://ann:secret@", 1)
			delete(d.Registry, "basic.auth.user.info")
		}, []string{"the schema registry at " + s.registry.URL() + ": subject orders-key: " + errUnauthorized.Error()}},
		"no registry at all": {func(d *Database) {
			server := &http.Server{Handler: http.NotFoundHandler()}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = server.Serve(listener) }()
			t.Cleanup(func() { _ = server.Close() })
			d.Registry["schema.registry.url"] = "http://" + listener.Addr().String()
		}, []string{"the schema registry at", errNoAnswer.Error()}},
		"silence": {func(d *Database) { d.Kafka = map[string]string{"bootstrap.servers": down} }, []string{"its Kafka cluster at " + down + ": " + errNotConnected.Error()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := s.Database
			database.Kafka, database.Registry = clone(database.Kafka), clone(database.Registry)
			test.change(&database)
			_, err := s.Table(t.Context(), database, "orders")
			for _, says := range test.says {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Fatalf("got %v, want %q", err, says)
				}
			}
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells a password: %v", err)
			}
		})
	}
}

func clone(m map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range m {
		out[key] = value
	}
	return out
}

func TestFailuresAreCachedBriefly(t *testing.T) {
	s := newSite(t)
	refusing := true
	var asked int
	s.registry.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		asked++
		if refusing {
			http.Error(w, `{"error_code":50001,"message":"words of the server"}`, http.StatusInternalServerError)
		}
		return refusing
	})
	for range 3 {
		if _, err := s.Table(t.Context(), s.Database, "orders"); !errors.Is(err, errNoAnswer) || strings.Contains(err.Error(), "words of the server") {
			t.Fatalf("got %v", err)
		}
	}
	equal(t, "requests", 1, asked)
	refusing = false
	s.clock = s.clock.Add(failed)
	equal(t, "columns", "key val", s.columns(t, "orders"))
}

func TestACallersDeadlineIsNotCachedAsAFailure(t *testing.T) {
	s := newSite(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Table(canceled, s.Database, "orders"); err == nil {
		t.Fatal("there is an answer")
	}
	equal(t, "columns", "key val", s.columns(t, "orders"))
}

func TestConcurrentRequestsAreCombined(t *testing.T) {
	s := newSite(t)
	var mu sync.Mutex
	var asked int
	s.registry.Intercept(func(http.ResponseWriter, *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return false
	})
	var group sync.WaitGroup
	errs := make(chan error, 50)
	for range cap(errs) {
		group.Go(func() {
			if table, err := s.Table(t.Context(), s.Database, "orders"); err != nil || table == nil {
				errs <- fmt.Errorf("got %v, %w", table, err)
			}
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
	equal(t, "requests of the registry", 2, asked)
}
