package sql

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/sql/logical"
	"github.com/openweir/weir/control/sql/token"
)

// name is a name without its position.
func name(parts ...string) Name { return Name{Parts: parts} }

var compare = cmp.Options{
	cmpopts.IgnoreFields(Name{}, "Position"),
	protocmp.Transform(),
}

func TestParseMetadata(t *testing.T) {
	tests := []struct {
		text string
		want Statement
		kind Kind
	}{
		{"SHOW CATALOGS", &ShowCatalogs{}, KindShowCatalogs},
		{"list catalogs like 'a%' ;;", &ShowCatalogs{Like: &Like{Pattern: "a%"}}, KindShowCatalogs},
		{"SHOW DATABASES", &ShowDatabases{}, KindShowDatabases},
		{"SHOW DATABASES FROM c NOT ILIKE 'x'", &ShowDatabases{name("c"), &Like{"x", true, true}}, KindShowDatabases},
		{"SHOW TABLES", &ShowTables{}, KindShowTables},
		{"LIST TABLES IN `my-cat`.db", &ShowTables{Database: name("my-cat", "db")}, KindShowTables},
		{"-- all\nSHOW /* of */ TABLES", &ShowTables{}, KindShowTables},
		{"SHOW CURRENT CATALOG", &ShowCurrent{}, KindShowCurrentCatalog},
		{"SHOW CURRENT DATABASE;", &ShowCurrent{Database: true}, KindShowCurrentDatabase},
		{"SHOW CREATE TABLE a.b.c", &ShowCreateTable{name("a", "b", "c")}, KindShowCreateTable},
		{"SHOW COLUMNS IN t LIKE '%x'", &ShowColumns{name("t"), &Like{Pattern: "%x"}}, KindShowColumns},
		{"DESCRIBE t", &Describe{Table: name("t")}, KindDescribe},
		{"desc extended db.t", &Describe{name("db", "t"), true}, KindDescribe},
		{"DESCRIBE extended", &Describe{Table: name("extended")}, KindDescribe},
		{"DESCRIBE catalog", &Describe{Table: name("catalog")}, KindDescribe},
		{"DROP TABLE t", &DropTable{Table: name("t")}, KindDropTable},
		{"DROP TABLE IF EXISTS t", &DropTable{name("t"), true}, KindDropTable},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, compare); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Kind() != test.kind || got.Kind().NeedsFlink() {
				t.Errorf("kind %s, needs Flink: %v", got.Kind(), got.Kind().NeedsFlink())
			}
		})
	}
}

func TestParseCreateTable(t *testing.T) {
	got, err := Parse("CREATE TABLE IF NOT EXISTS `c`.d.t (\n" +
		"  id BIGINT NOT NULL COMMENT 'the key',\n" +
		"  price DECIMAL(10, 2),\n" +
		"  cost AS price * COALESCE(`id`, 2) + 1 COMMENT 'what it costs',\n" +
		"  ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,\n" +
		"  `offset` BIGINT METADATA COMMENT 'o',\n" +
		"  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,\n" +
		"  CONSTRAINT pk PRIMARY KEY (id) NOT ENFORCED\n" +
		") COMMENT 'orders' DISTRIBUTED BY HASH (id) INTO 6 BUCKETS PARTITIONED BY (price)\n" +
		"WITH ('connector' = 'confluent', 'x' = 'it''s')")
	if err != nil {
		t.Fatal(err)
	}
	want := &CreateTable{
		Table:       name("c", "d", "t"),
		IfNotExists: true,
		Schema: Schema{
			Columns: []Column{
				{Name: "id", Type: logical.NotNull(logical.Of(logical.BigInt)), Comment: "the key"},
				{Name: "price", Type: logical.DecimalOf(10, 2)},
				{Name: "cost", Kind: Computed, Expression: "price * COALESCE(`id`, 2) + 1", Comment: "what it costs"},
				{Name: "ts", Kind: FromMetadata, Type: logical.WithPrecision(logical.TimestampLTZ, 3), MetadataKey: "timestamp", Virtual: true},
				{Name: "offset", Kind: FromMetadata, Type: logical.Of(logical.BigInt), Comment: "o"},
			},
			PrimaryKey: &PrimaryKey{"pk", []string{"id"}},
			Watermark:  &Watermark{[]string{"ts"}, "ts - INTERVAL '5' SECOND"},
		},
		Comment:      "orders",
		Distribution: &Distribution{"HASH", []string{"id"}, 6},
		PartitionBy:  []string{"price"},
		Options:      map[string]string{"connector": "confluent", "x": "it's"},
	}
	if diff := cmp.Diff(Statement(want), got, compare); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Kind() != KindCreateTable || got.Kind().Class() != DDL {
		t.Errorf("kind %s of class %d", got.Kind(), got.Kind().Class())
	}
}

func TestParseCreateTableClauses(t *testing.T) {
	integer := logical.Of(logical.Integer)
	tests := []struct {
		text string
		want *CreateTable
	}{
		{"CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED)", &CreateTable{Schema: Schema{
			Columns: []Column{{Name: "a", Type: integer}}, PrimaryKey: &PrimaryKey{Columns: []string{"a"}},
		}}},
		{"CREATE TABLE t (a INT CONSTRAINT k PRIMARY KEY NOT ENFORCED COMMENT 'c')", &CreateTable{Schema: Schema{
			Columns: []Column{{Name: "a", Type: integer, Comment: "c"}}, PrimaryKey: &PrimaryKey{"k", []string{"a"}},
		}}},
		{"CREATE TABLE t (a INT) DISTRIBUTED INTO 3 BUCKETS WITH ()", &CreateTable{
			Schema: Schema{Columns: []Column{{Name: "a", Type: integer}}}, Distribution: &Distribution{Buckets: 3}, Options: map[string]string{},
		}},
		{"CREATE TABLE t (a INT) DISTRIBUTED BY (a)", &CreateTable{
			Schema: Schema{Columns: []Column{{Name: "a", Type: integer}}}, Distribution: &Distribution{Columns: []string{"a"}},
		}},
		{"CREATE TABLE t (a INT, WATERMARK FOR r.ts AS r.ts)", &CreateTable{Schema: Schema{
			Columns: []Column{{Name: "a", Type: integer}}, Watermark: &Watermark{[]string{"r", "ts"}, "r.ts"},
		}}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			test.want.Table = name("t")
			got, err := Parse(test.text)
			if diff := cmp.Diff(Statement(test.want), got, compare); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseAlterTable(t *testing.T) {
	integer := logical.Of(logical.Integer)
	tests := []struct {
		text string
		want Change
	}{
		{"SET ('a' = 'b')", &SetOptions{map[string]string{"a": "b"}}},
		{"RESET ('a', 'b')", &ResetOptions{[]string{"a", "b"}}},
		{"ADD a INT", &AddSchema{Schema: Schema{Columns: []Column{{Name: "a", Type: integer}}}}},
		{"ADD COLUMN a INT COMMENT 'c' AFTER b", &AddSchema{Schema: Schema{Columns: []Column{{Name: "a", Type: integer, Comment: "c", Place: Place{After: "b"}}}}}},
		{"ADD (a INT FIRST, b AS a + 1 AFTER a, WATERMARK FOR c AS c)", &AddSchema{Schema: Schema{
			Columns: []Column{
				{Name: "a", Type: integer, Place: Place{First: true}},
				{Name: "b", Kind: Computed, Expression: "a + 1", Place: Place{After: "a"}},
			},
			Watermark: &Watermark{[]string{"c"}, "c"},
		}}},
		{"ADD PRIMARY KEY (a) NOT ENFORCED", &AddSchema{Schema: Schema{PrimaryKey: &PrimaryKey{Columns: []string{"a"}}}}},
		{"ADD DISTRIBUTION BY HASH(a) INTO 2 BUCKETS", &AddSchema{Distribution: &Distribution{"HASH", []string{"a"}, 2}}},
		{"MODIFY a INT", &ModifySchema{Schema: Schema{Columns: []Column{{Name: "a", Type: integer}}}}},
		{"MODIFY WATERMARK FOR a AS a", &ModifySchema{Schema: Schema{Watermark: &Watermark{[]string{"a"}, "a"}}}},
		{"DROP a", &DropColumns{[]string{"a"}}},
		{"DROP (a, b)", &DropColumns{[]string{"a", "b"}}},
		{"DROP PRIMARY KEY", &DropPrimaryKey{}},
		{"DROP CONSTRAINT pk", &DropPrimaryKey{"pk"}},
		{"DROP WATERMARK", &DropWatermark{}},
		{"DROP DISTRIBUTION", &DropDistribution{}},
		{"RENAME a TO b", &RenameColumn{"a", "b"}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := Parse("ALTER TABLE IF EXISTS d.t " + test.text)
			if err != nil {
				t.Fatal(err)
			}
			want := &AlterTable{Table: name("d", "t"), IfExists: true, Change: test.want}
			if diff := cmp.Diff(Statement(want), got, compare); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	at := func(line, column, message string) string {
		return "SQL parse failed at line " + line + ", column " + column + ": " + message
	}
	tests := []struct{ text, want string }{
		{"", at("1", "1", "The statement is empty.")},
		{" -- nothing\n;", at("2", "1", "The statement is empty.")},
		{"FOO BAR", at("1", "1", `Encountered "FOO", expected a statement.`)},
		{"CREATE THING x", at("1", "1", `Encountered "CREATE", expected a statement.`)},
		{"SHOW TABLES; SHOW TABLES", at("1", "14", "Only one statement is allowed, but another one starts here.")},
		{"SELECT 1;\nSELECT 2;", at("2", "1", "Only one statement is allowed, but another one starts here.")},
		{"SHOW TABLES x", at("1", "13", `Encountered "x", expected the end of the statement.`)},
		{"SHOW THINGS", at("1", "6", `Encountered "THINGS", expected CATALOGS, DATABASES, TABLES, COLUMNS, CURRENT or CREATE TABLE.`)},
		{"SHOW TABLES FROM a.b.c", at("1", "18", "`a`.`b`.`c` has 3 parts; the name of a database has at most 2.")},
		{"SHOW TABLES LIKE x", at("1", "18", `Encountered "x", expected a pattern in single quotes.`)},
		{"SHOW TABLES NOT 'x'", at("1", "17", `Encountered "'x'", expected LIKE.`)},
		{"DESCRIBE table", at("1", "10", "TABLE is a reserved word: to use it as the name of a table, quote it with backticks.")},
		{"DESCRIBE a.b.c.d", at("1", "10", "`a`.`b`.`c`.`d` has 4 parts; the name of a table has at most 3.")},
		{"DROP TABLE IF t", at("1", "15", `Encountered "t", expected EXISTS.`)},
		{"CREATE TABLE t", at("1", "14", "The table `t` has no columns.")},
		{"CREATE TABLE t (", at("1", "17", "Unexpected end of the statement, expected the name of a column.")},
		{"CREATE TABLE t (a)", at("1", "18", `Encountered ")", expected a type.`)},
		{"CREATE TABLE t (a INT,)", at("1", "23", `Encountered ")", expected the name of a column.`)},
		{"CREATE TABLE t (timestamp INT)", at("1", "17", "TIMESTAMP is a reserved word: to use it as the name of a column, quote it with backticks.")},
		{"CREATE TABLE t (a MONEY)", at("1", "19", "Unknown type `MONEY`.")},
		{"CREATE TABLE t (a AS )", at("1", "22", `Encountered ")", expected an expression.`)},
		{"CREATE TABLE t (a AS (1)", at("1", "25", `Unexpected end of the statement, expected ")".`)},
		{"CREATE TABLE t (a INT, PRIMARY KEY (a))", at("1", "39", "A primary key must be NOT ENFORCED: Flink does not own the data and cannot enforce that keys are unique.")},
		{"CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, PRIMARY KEY (a) NOT ENFORCED)", at("1", "49", "The table defines more than one primary key.")},
		{"CREATE TABLE t (a INT, WATERMARK FOR a AS a, WATERMARK FOR b AS b)", at("1", "46", "The table defines more than one watermark.")},
		{"CREATE TABLE t (a INT) WITH ('a' = 'b', 'a' = 'c')", at("1", "41", "Option 'a' is specified more than once.")},
		{"CREATE TABLE t (a INT) WITH ('a' = 1)", at("1", "36", `Encountered "1", expected the value of an option in single quotes.`)},
		{"CREATE TABLE t (a INT) DISTRIBUTED INTO 0 BUCKETS", at("1", "41", `Encountered "0", expected a positive number of buckets.`)},
		{"ALTER TABLE t FROB", at("1", "15", `Encountered "FROB", expected SET, RESET, ADD, MODIFY, DROP or RENAME.`)},
		{"INSERT t SELECT 1", at("1", "8", `Encountered "t", expected INTO or OVERWRITE.`)},
		{"INSERT INTO t", at("1", "14", "Unexpected end of the statement, expected a query.")},
		{"SELECT", at("1", "7", "Unexpected end of the statement, expected an expression.")},
		{"SELECT a, FROM t", at("1", "11", `Encountered "FROM", expected an expression.`)},
		{"SELECT (a FROM t", at("1", "17", `Unexpected end of the statement, expected ")".`)},
		{"SELECT a) FROM t", at("1", "9", `Encountered ")", expected the end of the statement.`)},
		{"SELECT f(a] FROM t", at("1", "11", `Encountered "]", expected ")".`)},
		{"SELECT a FROM", at("1", "14", "Unexpected end of the statement, expected the name of a table.")},
		{"SELECT a FROM t LEFT x", at("1", "22", `Encountered "x", expected JOIN.`)},
		{"SELECT a FROM t LIMIT many", at("1", "23", `Encountered "many", expected a number of rows.`)},
		{"SELECT a FROM t LIMIT 99999999999999999999", at("1", "23", "99999999999999999999 is not a valid number of rows.")},
		{"WITH a SELECT 1", at("1", "8", `Encountered "SELECT", expected AS.`)},
		{"EXECUTE STATEMENT SET BEGIN END", at("1", "23", "The statement set is empty.")},
		{"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 END", at("1", "55", `Unexpected end of the statement, expected ";".`)},
		{"EXECUTE STATEMENT SET BEGIN SELECT 1; END", at("1", "29", `Encountered "SELECT", expected INSERT.`)},
		{"SELECT " + strings.Repeat("(", 300), at("1", "207", "The statement is nested more than 200 levels deep.")},
		{"SELECT * FROM " + strings.Repeat("(", 300), at("1", "214", "The statement is nested more than 200 levels deep.")},
	}
	for _, test := range tests {
		_, err := Parse(test.text)
		var wrong *token.Error
		if !errors.As(err, &wrong) || err.Error() != test.want {
			t.Errorf("Parse(%.60q):\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	tests := []struct{ text, statement, reason string }{
		{"USE CATALOG c", "USE", "set the properties sql.current-catalog and sql.current-database of the statement."},
		{"SET 'a' = 'b'", "SET", "set the properties and the Flink configuration of the statement."},
		{"reset", "RESET", "omit the property or the Flink configuration from the statement."},
		{"CREATE TEMPORARY TABLE t (a INT)", "CREATE TEMPORARY", noSession},
		{"CREATE OR REPLACE TABLE t AS SELECT 1", "CREATE OR REPLACE TABLE", "drop the table first."},
		{"CREATE TABLE t AS SELECT 1", "CREATE TABLE AS", "create the table, then fill it with INSERT INTO."},
		{"CREATE TABLE t (a INT) LIKE u", "CREATE TABLE LIKE", "write the columns and options; SHOW CREATE TABLE gives those of the other table."},
		{"CREATE TABLE t (a INT, UNIQUE (a))", "UNIQUE", "PRIMARY KEY is the only constraint that Flink has."},
		{"CREATE VIEW v AS SELECT 1", "CREATE VIEW", noObjects},
		{"CREATE FUNCTION f AS 'x'", "CREATE FUNCTION", noObjects},
		{"CREATE CATALOG c WITH ('type'='x')", "CREATE CATALOG", noCatalogDDL},
		{"DROP DATABASE d", "DROP DATABASE", noCatalogDDL},
		{"ALTER DATABASE d SET ('a'='b')", "ALTER DATABASE", noCatalogDDL},
		{"ALTER TABLE t RENAME TO u", "ALTER TABLE RENAME TO", "the table is a Kafka topic, which cannot be renamed."},
		{"ALTER TABLE t ADD PARTITION (a = 1)", "ALTER TABLE ADD PARTITION", noPartitions},
		{"EXPLAIN SELECT 1", "EXPLAIN", noPlans},
		{"COMPILE PLAN 'x' FOR INSERT INTO a SELECT 1", "COMPILE", noPlans},
		{"EXECUTE PLAN 'x'", "EXECUTE PLAN", noPlans},
		{"EXECUTE SELECT 1", "EXECUTE", "submit the query or INSERT without EXECUTE; EXECUTE STATEMENT SET is supported."},
		{"BEGIN STATEMENT SET;", "BEGIN STATEMENT SET", "use EXECUTE STATEMENT SET BEGIN ... END."},
		{"ANALYZE TABLE t COMPUTE STATISTICS", "ANALYZE", "Weir's catalogs keep no statistics."},
		{"CALL p()", "CALL", "Weir's catalogs have no procedures."},
		{"DELETE FROM t", "DELETE", noMutation},
		{"UPDATE t SET a = 1", "UPDATE", noMutation},
		{"TRUNCATE TABLE t", "TRUNCATE", noMutation},
		{"LOAD MODULE m", "LOAD", noModules},
		{"ADD JAR 'x'", "ADD JAR", "add the JAR to the image of the compute pool."},
		{"STOP JOB 'x'", "STOP JOB", noJobs},
		{"QUIT;", "QUIT", noShell},
		{"SHOW JOBS", "SHOW JOBS", noJobs},
		{"LIST FUNCTIONS", "SHOW FUNCTIONS", noObjects},
		{"SHOW CREATE VIEW v", "SHOW CREATE VIEW", noObjects},
		{"SHOW PARTITIONS t", "SHOW PARTITIONS", noPartitions},
		{"DESCRIBE CATALOG c", "DESCRIBE CATALOG", noCatalogDDL},
		{"DESC JOB 'x'", "DESCRIBE JOB", noJobs},
	}
	for _, test := range tests {
		_, err := Parse(test.text)
		var refused *UnsupportedError
		if !errors.As(err, &refused) {
			t.Errorf("Parse(%q): %v", test.text, err)
			continue
		}
		if want := test.statement + " is not supported: " + test.reason; err.Error() != want {
			t.Errorf("Parse(%q):\n got %v\nwant %s", test.text, err, want)
		}
	}
}
