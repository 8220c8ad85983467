package control_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/openweir/weir/control"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// topicShop is a catalog whose database "sales" is served, by simulations, and
// whose database "cellar" is not.
func topicShop(t *testing.T) (statements, *srfake.Registry) {
	t.Helper()
	broker := must(kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "__consumer_offsets")))(t)
	t.Cleanup(broker.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	r := start(t, func(c *control.Config) {
		c.Kafka = true
		if err := c.KafkaNetwork.Allow("127.0.0.0/8"); err != nil {
			t.Fatal(err)
		}
	})
	r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod", func(*cmfv1.Environment) {})
	must(r.pools("prod").create(t.Context(), poolOf("dedicated", "DEDICATED", "")))(t)
	must(cmfv1.NewKafkaCatalogServiceClient(r.conn).CreateKafkaCatalog(t.Context(), &cmfv1.CreateKafkaCatalogRequest{Catalog: &cmfv1.KafkaCatalog{
		Metadata: &cmfv1.ObjectMeta{Name: "shop"}, Spec: &cmfv1.KafkaCatalogSpec{SrInstance: &cmfv1.SchemaRegistryInstance{ConnectionConfig: &cmfv1.StringMap{Entries: map[string]string{"schema.registry.url": registry.URL()}}}},
	}}))(t)
	for name, address := range map[string]string{"sales": strings.Join(broker.ListenAddrs(), ","), "cellar": "127.0.0.1:1"} {
		must(cmfv1.NewKafkaDatabaseServiceClient(r.conn).CreateKafkaDatabase(t.Context(), &cmfv1.CreateKafkaDatabaseRequest{CatName: "shop", Database: &cmfv1.KafkaDatabase{
			Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.KafkaDatabaseSpec{
				KafkaCluster:    &cmfv1.DatabaseKafkaCluster{ConnectionConfig: &cmfv1.StringMap{Entries: map[string]string{"bootstrap.servers": address}}},
				DdlEnvironments: []string{"prod"},
			},
		}}))(t)
	}
	return r.statements("prod"), registry
}

// says runs a statement and gives its phase, and its detail or its rows.
func (s statements) says(t *testing.T, sql string) string {
	t.Helper()
	statement := statementOf("asking", "dedicated", sql)
	statement.Spec.Properties = map[string]string{"sql.current-catalog": "shop", "sql.current-database": "sales"}
	created := must(s.post(t.Context(), statement))(t)
	s.remove(t, "asking", true)
	text := created.GetStatus().GetPhase()
	if detail := created.GetStatus().GetDetail(); detail != "" {
		return text + ": " + detail
	}
	for _, row := range created.GetResult().GetResults().GetData() {
		text += " " + strings.TrimSuffix(strings.TrimPrefix(row.GetJson(), `{"op":0,"row":[`), "]}")
	}
	return text
}

func TestTopicsAreTablesOfTheirDatabase(t *testing.T) {
	s, registry := topicShop(t)
	registry.SeedSchema("orders-value", 1, 1, sr.Schema{Schema: `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}`})
	for _, step := range []struct{ sql, says string }{
		{"SHOW TABLES", `COMPLETED "orders"`},
		{"SHOW COLUMNS FROM orders LIKE 'id'", `COMPLETED "id","BIGINT","FALSE",null,null,null`},
		{"SELECT * FROM nothing", "FAILED: Table `shop`.`sales`.`nothing` does not exist."},
		{"CREATE TABLE totals (item STRING, total BIGINT, PRIMARY KEY (item) NOT ENFORCED) DISTRIBUTED INTO 3 BUCKETS", "COMPLETED: Table `shop`.`sales`.`totals` was created."},
		{"SHOW TABLES", `COMPLETED "orders" "totals"`},
		// What was declared counts, and not what the topic would be.
		{"SHOW COLUMNS FROM totals LIKE 'total'", `COMPLETED "total","BIGINT","TRUE",null,null,null`},
		{"CREATE TABLE IF NOT EXISTS orders (line STRING)", "COMPLETED: Table `shop`.`sales`.`orders` already exists."},
		{"SHOW COLUMNS FROM orders LIKE 'line'", "COMPLETED"},
		{"CREATE TABLE orders (line STRING)", "COMPLETED: Table `shop`.`sales`.`orders` was created."},
		{"SHOW COLUMNS FROM orders LIKE 'line'", `COMPLETED "line","STRING","TRUE",null,null,null`},
		{"CREATE TABLE orders (line STRING)", "FAILED: Table `shop`.`sales`.`orders` already exists."},
		{"DROP TABLE orders", "COMPLETED: Table `shop`.`sales`.`orders` was dropped."},
		{"DROP TABLE totals", "COMPLETED: Table `shop`.`sales`.`totals` was dropped."},
		{"DROP TABLE orders", "FAILED: Table `shop`.`sales`.`orders` does not exist."},
		{"SHOW TABLES", "COMPLETED"},
		// Neither has a topic of its own.
		{"CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen')", "COMPLETED: Table `shop`.`sales`.`numbers` was created."},
		{"DROP TABLE numbers", "COMPLETED: Table `shop`.`sales`.`numbers` was dropped."},
	} {
		equal(t, step.sql, step.says, s.says(t, step.sql))
	}
	equal(t, "the subject after DROP TABLE", false, registry.SubjectExists("orders-value"))
}

func TestAnAlteredTopicIsDeclared(t *testing.T) {
	s, _ := topicShop(t)
	equal(t, "alter", "COMPLETED: Table `shop`.`sales`.`orders` was altered.", s.says(t, "ALTER TABLE orders ADD (sold TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR sold AS sold)"))
	equal(t, "columns", `COMPLETED "key","BYTES","TRUE",null,null,null "val","BYTES","TRUE",null,null,null "sold","TIMESTAMP_LTZ(3) *ROWTIME*","TRUE",null,"METADATA FROM 'timestamp' VIRTUAL","sold"`, s.says(t, "DESCRIBE orders"))
}

func TestErrorsNameTheUnavailableDatabase(t *testing.T) {
	s, _ := topicShop(t)
	const down = "FAILED: Database `shop`.`cellar` cannot be used: its Kafka cluster at 127.0.0.1:1: "
	for _, sql := range []string{
		"SHOW TABLES FROM cellar", "SELECT * FROM cellar.wines", "INSERT INTO orders SELECT * FROM cellar.wines",
		"CREATE TABLE cellar.wines (id BIGINT)", "CREATE TABLE IF NOT EXISTS cellar.wines (id BIGINT)", "DROP TABLE cellar.wines",
	} {
		if got := s.says(t, sql); !strings.HasPrefix(got, down) {
			t.Errorf("%s: %s", sql, got)
		}
	}
	// Other databases are not affected.
	equal(t, "databases", `COMPLETED "cellar" "sales"`, s.says(t, "SHOW DATABASES"))
	equal(t, "tables", `COMPLETED "orders"`, s.says(t, "SHOW TABLES"))
	equal(t, "declared", "COMPLETED: Table `shop`.`cellar`.`local` was created.", s.says(t, "CREATE TABLE cellar.local (id BIGINT) WITH ('connector' = 'datagen')"))
	equal(t, "a declared table", `COMPLETED "id","BIGINT","TRUE",null,null,null`, s.says(t, "DESCRIBE cellar.local"))
}
