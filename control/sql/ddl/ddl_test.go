package ddl_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

var update = flag.Bool("update", false, "write the golden files")

// noTables is a shop with a database and no tables yet.
type noTables struct{}

func (noTables) Catalogs() []string                               { return []string{"shop"} }
func (noTables) Databases(string) []string                        { return []string{"sales"} }
func (noTables) Tables(_, _ string) []string                      { return nil }
func (noTables) Table(metadata.Path) (*storev1.TableRecord, bool) { return nil, false }
func (noTables) AllowsDDL(string, string) bool                    { return true }

// table is what CREATE TABLE makes.
func table(t *testing.T, text string) *storev1.StatementTable {
	t.Helper()
	parsed, err := sql.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	_, effect, err := metadata.Execute(parsed, metadata.Session{}, noTables{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &storev1.StatementTable{
		Catalog: effect.Path.Catalog, Database: effect.Path.Database, Name: effect.Path.Table, Definition: effect.Table,
	}
}

// secured is how a database behind passwords is reached.
func secured(string, string) ddl.Connection {
	return ddl.Connection{
		Kafka: map[string]string{
			"bootstrap.servers": "kafka:9093", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="it's" password="x";`,
		},
		Registry: map[string]string{
			"schema.registry.url": "https://registry:8081", "basic.auth.user.info": "user:word",
			"schema.registry.ssl.truststore.location": "/etc/trust.jks", "auto.register.schemas": "false",
		},
	}
}

// plain is how one is reached that asks for nothing, without a registry.
func plain(string, string) ddl.Connection {
	return ddl.Connection{Kafka: map[string]string{"bootstrap.servers": "kafka:9092"}}
}

// TestSetup: go test ./control/sql/ddl -update writes the golden files.
func TestSetup(t *testing.T) {
	for name, test := range map[string]struct {
		session metadata.Session
		tables  []string
		connect ddl.Connect
	}{
		"appended-with-credentials": {metadata.Session{Catalog: "shop", Database: "sales"}, []string{
			"CREATE TABLE orders (id BIGINT NOT NULL, item STRING COMMENT 'it''s what was bought', placed TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL," +
				" cents AS price * 100, price DECIMAL(10, 2), WATERMARK FOR placed AS placed - INTERVAL '5' SECOND) COMMENT 'orders' WITH ('kafka.retention.time' = '7 d')",
		}, secured},
		"upsert": {metadata.Session{Catalog: "shop", Database: "sales"}, []string{
			"CREATE TABLE totals (item STRING, total BIGINT, PRIMARY KEY (item) NOT ENFORCED) DISTRIBUTED BY HASH(item) INTO 4 BUCKETS",
			"CREATE TABLE compacted (item STRING, total BIGINT, PRIMARY KEY (item) NOT ENFORCED)" +
				" WITH ('connector' = 'kafka', 'kafka.cleanup-policy' = 'compact', 'key.format' = 'raw', 'key.fields' = 'item', 'value.format' = 'json')",
		}, secured},
		"primary-key-as-information": {metadata.Session{}, []string{
			"CREATE TABLE events (id BIGINT, PRIMARY KEY (id) NOT ENFORCED) DISTRIBUTED BY (id) INTO 2 BUCKETS WITH ('changelog.mode' = 'append', 'value.format' = 'avro-registry', 'value.fields-include' = 'except-key')",
		}, secured},
		"spelled-out": {metadata.Session{}, []string{
			"CREATE TABLE changes (id BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = 'other', 'format' = 'debezium-json'," +
				" 'scan.startup.mode' = 'latest-offset', 'properties.bootstrap.servers' = 'elsewhere:9092')",
			"CREATE TABLE several (line STRING) WITH ('topic-pattern' = 'logs-.*', 'value.format' = 'raw')",
		}, secured},
		"no-registry": {metadata.Session{Catalog: "shop", Database: "sales"}, []string{
			"CREATE TABLE logs (line STRING)", "CREATE TABLE raw (content BYTES) WITH ('value.format' = 'raw', 'topic' = 'raw-bytes')",
		}, plain},
		"other-connectors": {metadata.Session{Catalog: "shop", Database: "sales"}, []string{
			"CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '5')",
			"CREATE TABLE files (n BIGINT, region STRING) PARTITIONED BY (region) WITH ('connector' = 'filesystem', 'path' = 's3://b', 'format' = 'csv')",
		}, secured},
		"no-tables":           {metadata.Session{Catalog: "shop", Database: "sales"}, nil, plain},
		"no-current-database": {metadata.Session{Catalog: "shop"}, nil, plain},
		"builtin-catalog":     {metadata.Session{Catalog: "default_catalog", Database: "sales"}, nil, plain},
	} {
		t.Run(name, func(t *testing.T) {
			var tables []*storev1.StatementTable
			for _, text := range test.tables {
				tables = append(tables, table(t, text))
			}
			setup := ddl.Setup(test.session, tables, test.connect)
			golden(t, name, ddl.Script(setup, "SELECT 1"))
		})
	}
}

func TestSetupOfSeveralDatabases(t *testing.T) {
	one, two := table(t, "CREATE TABLE a (id INT) WITH ('connector' = 'print')"), table(t, "CREATE TABLE b (id INT) WITH ('connector' = 'print')")
	two.Database = "returns"
	three := table(t, "CREATE TABLE c (id INT) WITH ('connector' = 'print')")
	three.Catalog = "archive-2"
	golden(t, "several-databases", ddl.Script(ddl.Setup(metadata.Session{Catalog: "shop", Database: "sales"}, []*storev1.StatementTable{one, two, three}, plain), "SELECT 1"))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden.sql")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTextAfterAStatementIsDropped: behind a comment, the semicolon of a script
// would be part of it.
func TestTextAfterAStatementIsDropped(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1":                              "SELECT 1",
		"SELECT 1 ; -- all\n":                   "SELECT 1",
		"-- what\nSELECT ';' /* no */":          "-- what\nSELECT ';'",
		"EXECUTE STATEMENT SET BEGIN a; END; ;": "EXECUTE STATEMENT SET BEGIN a; END",
		"SELECT 'unclosed":                      "SELECT 'unclosed",
	} {
		if got := ddl.Statement(text); got != want {
			t.Errorf("of %q it keeps %q, want %q", text, got, want)
		}
	}
}
