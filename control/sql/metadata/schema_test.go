package metadata

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
)

// columnsOfQuery are the names and types of a query; nil where nobody knows.
func columnsOfQuery(t *testing.T, s shop, text string) []string {
	t.Helper()
	schema, ok := Schema(parse(t, text).(*sql.Select).Query, sales, s)
	if !ok {
		return nil
	}
	var columns []string
	for _, c := range schema.GetColumns() {
		columns = append(columns, c.GetName()+" "+logical.Format(c.GetType()))
	}
	return columns
}

func TestSchema(t *testing.T) {
	all := []string{"id BIGINT NOT NULL", "price DECIMAL(10, 2) NOT NULL", "cost DOUBLE NOT NULL", "why STRING", "ts TIMESTAMP(3)"}
	tests := []struct {
		name, query string
		want        []string
	}{
		{"columns", "SELECT id, price AS p, o.ts FROM orders AS o", []string{"id BIGINT NOT NULL", "p DECIMAL(10, 2) NOT NULL", "ts TIMESTAMP(3)"}},
		{"a star", "SELECT * FROM shop.sales.orders", all},
		{"a star of one source", "SELECT u.* FROM orders AS o JOIN users AS u ON TRUE", []string{"id INT", "address ROW<`city` STRING>"}},
		{"a star of several sources", "SELECT * FROM users, (SELECT 1 AS one) AS x", []string{"id INT", "address ROW<`city` STRING>", "one INT NOT NULL"}},
		{"fields of rows", "SELECT address.city, u.address.city AS c FROM users u", []string{"city STRING", "c STRING"}},
		{"the first of two columns with one name", "SELECT id, orders.id AS o FROM users, orders", []string{"id INT", "o BIGINT NOT NULL"}},
		{"literals", "SELECT 1, -2, 3000000000, 1.50, 1e3, 'abc', TRUE, NULL, X'CAFE', DATE '2026-01-01', TIMESTAMP '2026-01-01 00:00:00.123', CURRENT_DATE",
			[]string{
				"EXPR$0 INT NOT NULL", "EXPR$1 INT NOT NULL", "EXPR$2 BIGINT NOT NULL", "EXPR$3 DECIMAL(3, 2) NOT NULL", "EXPR$4 DOUBLE NOT NULL",
				"EXPR$5 CHAR(3) NOT NULL", "EXPR$6 BOOLEAN NOT NULL", "EXPR$7 NULL", "EXPR$8 BINARY(2) NOT NULL", "EXPR$9 DATE NOT NULL",
				"EXPR$10 TIMESTAMP(3) NOT NULL", "EXPR$11 DATE NOT NULL",
			}},
		{"casts", "SELECT CAST(price AS STRING) AS a, CAST(address AS ROW<x INT>) b, TRY_CAST(price AS INT) AS c, CAST(CAST(1 AS BIGINT) AS MAP<INT, INT>) FROM users, orders",
			[]string{"a STRING NOT NULL", "b ROW<`x` INT>", "c INT", "EXPR$3 MAP<INT, INT> NOT NULL"}},
		{"functions", "SELECT COUNT(*) AS n, MAX(price) AS m, PROCTIME() AS p, UPPER('a') FROM orders",
			[]string{"n BIGINT NOT NULL", "m DECIMAL(10, 2)", "p TIMESTAMP_LTZ(3) NOT NULL", "EXPR$3 STRING"}},
		{"what is not plain is a string", "SELECT price + 1, f(price) AS f, nope, (SELECT 1) FROM orders", []string{"EXPR$0 STRING", "f STRING", "nope STRING", "EXPR$3 STRING"}},
		{"values", "VALUES (1, 'a', NULL), (2.5, 'bcd', 3), (-3, NULL, 3000000000)", []string{"EXPR$0 DECIMAL(11, 1) NOT NULL", "EXPR$1 VARCHAR(3)", "EXPR$2 BIGINT"}},
		{"values of no common type", "VALUES (1), ('a')", []string{"EXPR$0 STRING"}},
		{"values with names", "SELECT * FROM (VALUES (1, 'a')) AS t (x, y)", []string{"x INT NOT NULL", "y CHAR(1) NOT NULL"}},
		{"WITH", "WITH a (x) AS (SELECT id FROM users), b AS (SELECT x, x AS y FROM a) SELECT * FROM b", []string{"x INT", "y INT"}},
		{"unions are as their first part", "SELECT id AS a FROM users UNION ALL SELECT price FROM orders", []string{"a INT"}},
		{"a star of a table that is not there", "SELECT * FROM nope", nil},
		{"a star of a function", "SELECT * FROM TABLE(f(1))", nil},
		{"a star of a function with names", "SELECT * FROM UNNEST(x) AS t (a)", []string{"a STRING"}},
		{"a star of nothing", "SELECT nope.* FROM users", nil},
		{"a column of a function", "SELECT window_start FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' DAY))", []string{"window_start STRING"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			run(t, sales, s, "CREATE TABLE users (id INT, address ROW<city STRING>)")
			if diff := cmp.Diff(test.want, columnsOfQuery(t, s, test.query)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Stars over stars would have more columns than fit into memory.
func TestSchemaOfQueriesThatExplode(t *testing.T) {
	text := "WITH a0 AS (SELECT 1 AS x)"
	for i := range 40 {
		letter := string(rune('a'+i/10)) + string(rune('0'+i%10))
		next := string(rune('a'+(i+1)/10)) + string(rune('0'+(i+1)%10))
		text += ", " + next + " AS (SELECT * FROM " + letter + " AS l, " + letter + " AS r)"
	}
	if columns := columnsOfQuery(t, newShop(t), text+" SELECT * FROM e0"); columns != nil {
		t.Errorf("%d columns", len(columns))
	}
}

// Whatever parses can be executed or looked into without harm, and what DDL
// writes can be read again.
func FuzzExecute(f *testing.F) {
	for _, seed := range []string{
		orders, "ALTER TABLE orders ADD (x ROW<y TIMESTAMP(3)> FIRST, WATERMARK FOR x.y AS x.y)", "ALTER TABLE orders RENAME id TO `a``b`",
		"DESCRIBE orders", "SHOW TABLES LIKE '%\\_'", "SELECT *, CAST(a.b AS ARRAY<INT>) FROM orders, (VALUES (1, 'a')) x (y)", "WITH a AS (SELECT 1) SELECT a.* FROM a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statement, err := sql.Parse(text)
		if err != nil {
			return
		}
		s := shop{"shop": {"sales": {}}}
		run(t, sales, s, orders)
		if query, isSelect := statement.(*sql.Select); isSelect {
			Schema(query.Query, sales, s)
			return
		}
		_, effect, err := Execute(statement, sales, s)
		if err != nil || effect == nil || effect.Action == Drop {
			return
		}
		path := Path{"shop", "sales", "again"}
		again, err := sql.Parse(CreateTableText(path, effect.Table))
		if err != nil {
			t.Fatalf("%s: %v", CreateTableText(path, effect.Table), err)
		}
		_, other, err := Execute(again, sales, s)
		if err != nil {
			t.Fatalf("%s: %v", CreateTableText(path, effect.Table), err)
		}
		if first, second := CreateTableText(path, effect.Table), CreateTableText(path, other.Table); first != second {
			t.Fatalf("%s\nis made again as\n%s", first, second)
		}
	})
}
