package metadata

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestShow(t *testing.T) {
	tests := []struct {
		text    string
		session Session
		column  string
		want    [][]string
	}{
		{"SHOW CATALOGS", Session{}, "catalog name", [][]string{{"other"}, {"shop"}}},
		{"SHOW CATALOGS LIKE 's%'", Session{}, "catalog name", [][]string{{"shop"}}},
		{"SHOW CATALOGS NOT LIKE 's%'", Session{}, "catalog name", [][]string{{"other"}}},
		{"SHOW CATALOGS LIKE 'S%'", Session{}, "catalog name", nil},
		{"SHOW CATALOGS ILIKE 'S%'", Session{}, "catalog name", [][]string{{"shop"}}},
		{"SHOW DATABASES", sales, "database name", [][]string{{"archive"}, {"sales"}}},
		{"SHOW DATABASES IN other", sales, "database name", [][]string{{"only"}}},
		{"SHOW TABLES", sales, "table name", [][]string{{"orders"}}},
		{"SHOW TABLES", Session{Catalog: "other"}, "table name", [][]string{{"thing"}}},
		{"LIST TABLES FROM archive", sales, "table name", [][]string{{"old"}}},
		{"SHOW TABLES FROM other.`only`", sales, "table name", [][]string{{"thing"}}},
		{"SHOW CURRENT CATALOG", sales, "current catalog name", [][]string{{"shop"}}},
		{"SHOW CURRENT DATABASE", sales, "current database name", [][]string{{"sales"}}},
		{"SHOW CURRENT DATABASE", Session{Catalog: "other"}, "current database name", [][]string{{"only"}}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			result := run(t, test.session, newShop(t), test.text)
			if diff := cmp.Diff(test.want, cells(result)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(result.Columns) != 1 || result.Columns[0].GetName() != test.column {
				t.Errorf("columns %v, want %q", result.Columns, test.column)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	result := run(t, Session{}, newShop(t), "DESCRIBE shop.sales.orders")
	var columns []string
	for _, c := range result.Columns {
		columns = append(columns, c.GetName()+" "+c.GetType().GetType())
	}
	wantColumns := []string{"name VARCHAR", "type VARCHAR", "null BOOLEAN", "key VARCHAR", "extras VARCHAR", "watermark VARCHAR", "comment VARCHAR"}
	if diff := cmp.Diff(wantColumns, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	want := [][]string{
		{"id", "BIGINT", "FALSE", "PRI(id)", "∅", "∅", "the key"},
		{"price", "DECIMAL(10, 2)", "FALSE", "∅", "∅", "∅", "∅"},
		{"cost", "DOUBLE", "FALSE", "∅", "AS CAST(price AS DOUBLE)", "∅", "∅"},
		{"why", "∅", "∅", "∅", "AS price || '?'", "∅", "∅"},
		{"ts", "TIMESTAMP(3) *ROWTIME*", "TRUE", "∅", "METADATA FROM 'timestamp' VIRTUAL", "ts - INTERVAL '5' SECOND", "∅"},
	}
	if diff := cmp.Diff(want, cells(result)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestShowColumnsIsAFilteredDescribe(t *testing.T) {
	s := newShop(t)
	run(t, sales, s, "CREATE TABLE plain (id INT, name STRING)")
	result := run(t, sales, s, "SHOW COLUMNS FROM plain LIKE 'n_me'")
	want := [][]string{{"name", "STRING", "TRUE", "∅", "∅", "∅"}}
	if diff := cmp.Diff(want, cells(result)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What SHOW CREATE TABLE says makes the same table again.
func TestShowCreateTable(t *testing.T) {
	s := newShop(t)
	result := run(t, sales, s, "SHOW CREATE TABLE orders")
	want := "CREATE TABLE `shop`.`sales`.`orders` (\n" +
		"  `id` BIGINT NOT NULL COMMENT 'the key',\n" +
		"  `price` DECIMAL(10, 2) NOT NULL,\n" +
		"  `cost` AS CAST(price AS DOUBLE),\n" +
		"  `why` AS price || '?',\n" +
		"  `ts` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL,\n" +
		"  WATERMARK FOR `ts` AS ts - INTERVAL '5' SECOND,\n" +
		"  PRIMARY KEY (`id`) NOT ENFORCED\n" +
		")\n" +
		"COMMENT 'What was sold'\n" +
		"DISTRIBUTED BY HASH(`id`) INTO 4 BUCKETS\n" +
		"WITH (\n" +
		"  'connector' = 'confluent',\n" +
		"  'value.format' = 'avro'\n" +
		")"
	if diff := cmp.Diff([][]string{{want}}, cells(result)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before := s["shop"]["sales"]["orders"]
	run(t, sales, s, "DROP TABLE orders", want)
	if diff := cmp.Diff(before, s["shop"]["sales"]["orders"], protocmp.Transform()); diff != "" {
		t.Errorf("made again (-before +after):\n%s", diff)
	}
}

func TestResultOnTheWire(t *testing.T) {
	result := run(t, sales, newShop(t), "SHOW TABLES")
	text := "x"
	result.Rows = append(result.Rows, []*string{nil}, []*string{&text})
	var data []string
	for _, row := range result.Data() {
		data = append(data, row.GetJson())
	}
	want := []string{`{"op":0,"row":["orders"]}`, `{"op":0,"row":[null]}`, `{"op":0,"row":["x"]}`}
	if diff := cmp.Diff(want, data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	traits := &cmfv1.StatementTraits{}
	if err := protojson.Unmarshal([]byte(`{"sqlKind":"SHOW_TABLES","isBounded":true,"isAppendOnly":true,"schema":{"columns":[
		{"name":"table name","type":{"type":"VARCHAR","nullable":true,"length":2147483647}}]}}`), traits); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(traits, result.Traits(), protocmp.Transform()); diff != "" {
		t.Errorf("traits (-want +got):\n%s", diff)
	}
}

func TestUnresolvedNames(t *testing.T) {
	tests := []struct {
		text    string
		session Session
		want    string
	}{
		{"SHOW TABLES", Session{}, "No current catalog is set: set the property sql.current-catalog to one of `other`, `shop`."},
		{"SHOW CURRENT CATALOG", Session{}, "No current catalog is set: set the property sql.current-catalog to one of `other`, `shop`."},
		{"SHOW TABLES", Session{Catalog: "shop"}, "No current database is set: set the property sql.current-database to one of `archive`, `sales`."},
		{"SHOW TABLES", Session{Catalog: "nope"}, "Catalog `nope` does not exist, or the environment has no access to it."},
		{"SHOW TABLES", Session{Catalog: "shop", Database: "nope"}, "Database `shop`.`nope` does not exist, or the environment has no access to it."},
		{"SHOW DATABASES FROM nope", sales, "Catalog `nope` does not exist, or the environment has no access to it."},
		{"SHOW TABLES FROM nope", sales, "Database `shop`.`nope` does not exist, or the environment has no access to it."},
		{"SHOW TABLES FROM other.nope", sales, "Database `other`.`nope` does not exist, or the environment has no access to it."},
		{"DESCRIBE nope", sales, "Table `shop`.`sales`.`nope` does not exist."},
		{"DESCRIBE archive.nope", sales, "Table `shop`.`archive`.`nope` does not exist."},
		{"DESCRIBE nope.`only`.thing", sales, "Catalog `nope` does not exist, or the environment has no access to it."},
		{"SHOW CREATE TABLE nope", sales, "Table `shop`.`sales`.`nope` does not exist."},
		{"SHOW CATALOGS LIKE 'a\\b'", sales, `In pattern 'a\b', a backslash must be followed by %, _ or another backslash.`},
	}
	for _, test := range tests {
		_, _, err := Execute(parse(t, test.text), test.session, newShop(t))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s in %+v:\n got %v\nwant %s", test.text, test.session, err, test.want)
		}
	}
}

func TestWithoutVisibleCatalogs(t *testing.T) {
	tests := []struct {
		shop shop
		want string
	}{
		{shop{}, "No catalog is accessible from the environment."},
		{shop{"c": {}}, "Catalog `c` has no database that is accessible from the environment."},
	}
	for _, test := range tests {
		if _, _, err := Execute(parse(t, "SHOW TABLES"), Session{}, test.shop); err == nil || err.Error() != test.want {
			t.Errorf("got %v\nwant %s", err, test.want)
		}
	}
}

func TestTheOnlyCatalogIsTheCurrentOne(t *testing.T) {
	s := shop{"c": {"d": {"t": &storev1.TableRecord{}}}}
	if got := cells(run(t, Session{}, s, "SHOW TABLES")); len(got) != 1 || got[0][0] != "t" {
		t.Errorf("got %v", got)
	}
}

func TestSessionFromProperties(t *testing.T) {
	got := SessionOf(map[string]string{"sql.current-catalog": "c", "sql.current-database": "d", "sql.dry-run": "true"})
	if want := (Session{"c", "d"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStatementsForFlinkAreNotExecuted(t *testing.T) {
	for _, text := range []string{"SELECT 1", "INSERT INTO t SELECT 1", "EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END"} {
		statement := parse(t, text)
		want := string(statement.Kind()) + " runs on Flink."
		if _, _, err := Execute(statement, sales, newShop(t)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
