package metadata

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestDDLThatSucceeds(t *testing.T) {
	tests := []struct {
		name   string
		texts  []string
		detail string
		// The output of SHOW CREATE TABLE t from the first column on; empty if t does
		// not exist.
		table string
	}{
		{"create", []string{"CREATE TABLE t (a INT)"}, "Table `shop`.`sales`.`t` was created.", "`a` INT)"},
		{"create twice", []string{"CREATE TABLE t (a INT)", "CREATE TABLE IF NOT EXISTS t (b INT)"}, "Table `shop`.`sales`.`t` already exists.", "`a` INT)"},
		{"keys are not null", []string{"CREATE TABLE t (a INT, b INT, CONSTRAINT k PRIMARY KEY (b) NOT ENFORCED)"}, "Table `shop`.`sales`.`t` was created.",
			"`a` INT, `b` INT NOT NULL, CONSTRAINT `k` PRIMARY KEY (`b`) NOT ENFORCED)"},
		{"partitions", []string{"CREATE TABLE t (a INT, b INT) DISTRIBUTED INTO 2 BUCKETS PARTITIONED BY (b, a)"}, "Table `shop`.`sales`.`t` was created.",
			"`a` INT, `b` INT) DISTRIBUTED INTO 2 BUCKETS PARTITIONED BY (`b`, `a`)"},
		{"watermark in a row", []string{"CREATE TABLE t (r ROW<ts TIMESTAMP(3)>, WATERMARK FOR r.ts AS r.ts)"}, "Table `shop`.`sales`.`t` was created.",
			"`r` ROW<`ts` TIMESTAMP(3)>, WATERMARK FOR `r`.`ts` AS r.ts)"},
		{"drop", []string{"CREATE TABLE t (a INT)", "DROP TABLE t"}, "Table `shop`.`sales`.`t` was dropped.", ""},
		{"drop an unknown table", []string{"DROP TABLE IF EXISTS t"}, "Table `shop`.`sales`.`t` does not exist.", ""},
		{"alter an unknown table", []string{"ALTER TABLE IF EXISTS t ADD a INT"}, "Table `shop`.`sales`.`t` does not exist.", ""},
		{"options", []string{"CREATE TABLE t (a INT)", "ALTER TABLE t SET ('x' = '1', 'y' = '2')", "ALTER TABLE t SET ('y' = '3')", "ALTER TABLE t RESET ('x', 'z')"},
			"Table `shop`.`sales`.`t` was altered.", "`a` INT) WITH ( 'y' = '3')"},
		{"add columns", []string{"CREATE TABLE t (a INT)", "ALTER TABLE t ADD (b INT FIRST, c AS a + 1 AFTER b, d STRING NOT NULL)"},
			"Table `shop`.`sales`.`t` was altered.", "`b` INT, `c` AS a + 1, `a` INT, `d` STRING NOT NULL)"},
		{"add the rest", []string{"CREATE TABLE t (a INT, ts TIMESTAMP(3))", "ALTER TABLE t ADD (PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts AS ts)", "ALTER TABLE t ADD DISTRIBUTION INTO 2 BUCKETS"},
			"Table `shop`.`sales`.`t` was altered.", "`a` INT NOT NULL, `ts` TIMESTAMP(3), WATERMARK FOR `ts` AS ts, PRIMARY KEY (`a`) NOT ENFORCED) DISTRIBUTED INTO 2 BUCKETS"},
		{"modify columns", []string{"CREATE TABLE t (a INT, b INT)", "ALTER TABLE t MODIFY (a BIGINT AFTER b, b STRING COMMENT 'x')"},
			"Table `shop`.`sales`.`t` was altered.", "`b` STRING COMMENT 'x', `a` BIGINT)"},
		{"modify the rest", []string{"CREATE TABLE t (a INT, b INT, ts TIMESTAMP(3), PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts AS ts) DISTRIBUTED INTO 2 BUCKETS",
			"ALTER TABLE t MODIFY (PRIMARY KEY (b) NOT ENFORCED, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)", "ALTER TABLE t MODIFY DISTRIBUTION INTO 3 BUCKETS"},
			"Table `shop`.`sales`.`t` was altered.",
			"`a` INT NOT NULL, `b` INT NOT NULL, `ts` TIMESTAMP(3), WATERMARK FOR `ts` AS ts - INTERVAL '1' SECOND, PRIMARY KEY (`b`) NOT ENFORCED) DISTRIBUTED INTO 3 BUCKETS"},
		{"drop parts", []string{"CREATE TABLE t (a INT, b AS a + 1, ts TIMESTAMP(3), CONSTRAINT k PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts AS ts) DISTRIBUTED BY (a)",
			"ALTER TABLE t DROP WATERMARK", "ALTER TABLE t DROP CONSTRAINT k", "ALTER TABLE t DROP DISTRIBUTION", "ALTER TABLE t DROP (a, b)"},
			"Table `shop`.`sales`.`t` was altered.", "`ts` TIMESTAMP(3))"},
		{"rename", []string{"CREATE TABLE t (a INT, b INT, PRIMARY KEY (a) NOT ENFORCED)", "ALTER TABLE t RENAME a TO c"},
			"Table `shop`.`sales`.`t` was altered.", "`c` INT NOT NULL, `b` INT, PRIMARY KEY (`c`) NOT ENFORCED)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			result := run(t, sales, s, test.texts...)
			if result.Detail != test.detail {
				t.Errorf("detail %q, want %q", result.Detail, test.detail)
			}
			if diff := cmp.Diff([][]string{{"OK"}}, cells(result)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			table, exists := s["shop"]["sales"]["t"]
			if exists != (test.table != "") {
				t.Fatalf("there is a table: %v", exists)
			}
			if !exists {
				return
			}
			text := strings.Join(strings.Fields(CreateTableText(Path{"shop", "sales", "t"}, table)), " ")
			text = strings.ReplaceAll(strings.TrimPrefix(text, "CREATE TABLE `shop`.`sales`.`t` ( "), " )", ")")
			if text != test.table {
				t.Errorf("the table is\n%s\nwant\n%s", text, test.table)
			}
		})
	}
}

func TestDDLThatFails(t *testing.T) {
	const table = "CREATE TABLE t (a INT, b AS a + 1, ts TIMESTAMP(3), big TIMESTAMP(6), p INT, d INT, r ROW<x INT>, PRIMARY KEY (a) NOT ENFORCED, " +
		"WATERMARK FOR ts AS ts) DISTRIBUTED BY (d) PARTITIONED BY (p)"
	tests := []struct{ text, want string }{
		{"CREATE TABLE orders (a INT)", "Table `shop`.`sales`.`orders` already exists."},
		{"CREATE TABLE nope.x (a INT)", "Database `shop`.`nope` does not exist, or the environment has no access to it."},
		{"CREATE TABLE archive.x (a INT)", "Tables of `shop`.`archive` cannot be created, altered or dropped from this environment: the database does not list it in spec.ddlEnvironments."},
		{"ALTER TABLE archive.old ADD a INT", "Tables of `shop`.`archive` cannot be created, altered or dropped from this environment: the database does not list it in spec.ddlEnvironments."},
		{"DROP TABLE archive.old", "Tables of `shop`.`archive` cannot be created, altered or dropped from this environment: the database does not list it in spec.ddlEnvironments."},
		{"CREATE TABLE `a b` (a INT)", "Table name `a b` is not a valid Kafka topic name: it must have 1 to 249 letters, digits, dots, underscores and hyphens."},
		{"CREATE TABLE `..` (a INT)", "Table name `..` is not a valid Kafka topic name: it must have 1 to 249 letters, digits, dots, underscores and hyphens."},
		{"CREATE TABLE x (a INT, a INT)", "Column `a` is defined more than once."},
		{"CREATE TABLE x (a NULL)", "Column `a` cannot have the type NULL."},
		{"CREATE TABLE x (a INT, PRIMARY KEY (b) NOT ENFORCED)", "The primary key references column `b`, which does not exist in the table."},
		{"CREATE TABLE x (a INT, PRIMARY KEY (a, a) NOT ENFORCED)", "The primary key references column `a` more than once."},
		{"CREATE TABLE x (a INT, b AS a, PRIMARY KEY (b) NOT ENFORCED)", "The primary key references column `b`, which is not a physical column."},
		{"CREATE TABLE x (a INT, WATERMARK FOR b AS b)", "The watermark is defined on column `b`, which does not exist in the table."},
		{"CREATE TABLE x (a INT, WATERMARK FOR a.b AS a.b)", "The watermark is defined on `a`.`b`, which does not exist in the column."},
		{"CREATE TABLE x (a INT, WATERMARK FOR a AS a)", "The watermark is defined on `a` of type INT, but requires a TIMESTAMP(p) or TIMESTAMP_LTZ(p) with a precision p of at most 3."},
		{"CREATE TABLE x (a TIMESTAMP, WATERMARK FOR a AS a)", "The watermark is defined on `a` of type TIMESTAMP(6), but requires a TIMESTAMP(p) or TIMESTAMP_LTZ(p) with a precision p of at most 3."},
		{"CREATE TABLE x (a INT) PARTITIONED BY (b)", "PARTITIONED BY references column `b`, which does not exist in the table."},
		{"CREATE TABLE x (a INT) DISTRIBUTED BY (b)", "DISTRIBUTED BY references column `b`, which does not exist in the table."},
		{"CREATE TABLE x (a0 INT" + manyColumns(2000) + ")", "A table must have at most 2000 columns."},
		{"ALTER TABLE nope ADD a INT", "Table `shop`.`sales`.`nope` does not exist."},
		{"ALTER TABLE t SET ()", "ALTER TABLE ... SET requires an option."},
		{"ALTER TABLE t RESET ('connector')", "Option 'connector' cannot be reset: every table has one."},
		{"ALTER TABLE t ADD a INT", "Column `a` already exists in the table."},
		{"ALTER TABLE t ADD x INT AFTER y", "Column `y`, after which `x` is placed, does not exist in the table."},
		{"ALTER TABLE t ADD PRIMARY KEY (a) NOT ENFORCED", "The table already defines a primary key."},
		{"ALTER TABLE t ADD WATERMARK FOR ts AS ts", "The table already defines a watermark."},
		{"ALTER TABLE t ADD DISTRIBUTION INTO 2 BUCKETS", "The table already defines a distribution."},
		{"ALTER TABLE t MODIFY x INT", "Column `x` does not exist in the table."},
		{"ALTER TABLE t MODIFY ts INT", "The watermark is defined on `ts` of type INT, but requires a TIMESTAMP(p) or TIMESTAMP_LTZ(p) with a precision p of at most 3."},
		{"ALTER TABLE t MODIFY WATERMARK FOR big AS big", "The watermark is defined on `big` of type TIMESTAMP(6), but requires a TIMESTAMP(p) or TIMESTAMP_LTZ(p) with a precision p of at most 3."},
		{"ALTER TABLE orders DROP (id, price, cost, why, ts)", "Column `id` cannot be dropped: it is used by the primary key."},
		{"ALTER TABLE t DROP x", "Column `x` does not exist in the table."},
		{"ALTER TABLE t DROP a", "Column `a` cannot be dropped: it is used by the primary key."},
		{"ALTER TABLE t DROP ts", "Column `ts` cannot be dropped: it is used by the watermark."},
		{"ALTER TABLE t DROP p", "Column `p` cannot be dropped: it is used by PARTITIONED BY."},
		{"ALTER TABLE t DROP d", "Column `d` cannot be dropped: it is used by DISTRIBUTED BY."},
		{"ALTER TABLE t DROP CONSTRAINT x", "The table does not define the constraint `x`."},
		{"ALTER TABLE u DROP a", "A table must have at least one column."},
		{"ALTER TABLE u DROP PRIMARY KEY", "The table does not define a primary key."},
		{"ALTER TABLE u DROP WATERMARK", "The table does not define a watermark."},
		{"ALTER TABLE u DROP DISTRIBUTION", "The table does not define a distribution."},
		{"ALTER TABLE u MODIFY PRIMARY KEY (a) NOT ENFORCED", "The table does not define a primary key."},
		{"ALTER TABLE u MODIFY WATERMARK FOR a AS a", "The table does not define a watermark."},
		{"ALTER TABLE u MODIFY DISTRIBUTION INTO 2 BUCKETS", "The table does not define a distribution."},
		{"ALTER TABLE t RENAME x TO y", "Column `x` does not exist in the table."},
		{"ALTER TABLE t RENAME a TO p", "Column `p` already exists in the table."},
		{"ALTER TABLE t RENAME a TO x", "Column `a` cannot be renamed: it is used by the computed column `b`."},
		{"DROP TABLE nope", "Table `shop`.`sales`.`nope` does not exist."},
	}
	for _, test := range tests {
		s := newShop(t)
		run(t, sales, s, table, "CREATE TABLE u (a INT)")
		_, effect, err := Execute(parse(t, test.text), sales, s)
		if err == nil || err.Error() != test.want || effect != nil {
			t.Errorf("%.80s:\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

func manyColumns(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(", a" + strings.Repeat("_", i+1) + " INT")
	}
	return text.String()
}

// A statement that fails half way leaves the table as it was.
func TestAlterDoesNotTouchTheCatalog(t *testing.T) {
	for _, text := range []string{"ALTER TABLE orders ADD x INT", "ALTER TABLE orders DROP price", "ALTER TABLE orders SET ('a' = 'b')", "ALTER TABLE orders RENAME id TO x"} {
		s := newShop(t)
		if _, _, err := Execute(parse(t, text), sales, s); err != nil {
			t.Logf("%s: %v", text, err)
		}
		if diff := cmp.Diff(newShop(t)["shop"]["sales"]["orders"], s["shop"]["sales"]["orders"], protocmp.Transform()); diff != "" {
			t.Errorf("%s (-before +after):\n%s", text, diff)
		}
	}
}
