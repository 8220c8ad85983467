package metadata

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestSchema(t *testing.T) {
	tests := []struct {
		name, query string
		want        []string // nil where only Flink's planner knows
	}{
		{"columns", "SELECT id, price AS p, o.ts FROM orders AS o WHERE price > 1 ORDER BY id LIMIT 3", []string{"id BIGINT NOT NULL", "p DECIMAL(10, 2) NOT NULL", "ts TIMESTAMP(3)"}},
		{"a star", "SELECT * FROM shop.sales.users", []string{"id INT", "address ROW<`city` STRING>", "tags ARRAY<STRING>", "counts MAP<STRING, INT>"}},
		{"a star of the only source", "SELECT u.* FROM users AS u", []string{"id INT", "address ROW<`city` STRING>", "tags ARRAY<STRING>", "counts MAP<STRING, INT>"}},
		{"a table", "TABLE users", []string{"id INT", "address ROW<`city` STRING>", "tags ARRAY<STRING>", "counts MAP<STRING, INT>"}},
		{"a computed column that is a cast", "SELECT cost FROM orders", []string{"cost DOUBLE NOT NULL"}},
		{"a computed column that is an expression", "SELECT why FROM orders", nil},
		{"a star with such a column", "SELECT * FROM orders", nil},
		{"expressions", "SELECT id, price + 1 AS p FROM orders", nil},
		{"literals", "SELECT 1 AS one FROM orders", nil},
		{"no table", "SELECT 1", nil},
		{"values", "VALUES (1, 'a')", nil},
		{"fields of rows", "SELECT address.city FROM users", nil},
		{"an unknown column", "SELECT nope FROM users", nil},
		{"a star without a table", "SELECT nope.* FROM users", nil},
		{"an unknown table", "SELECT * FROM nope", nil},
		{"a column twice", "SELECT *, id FROM users", nil},
		{"several sources", "SELECT u.id FROM users AS u LEFT JOIN orders AS o ON TRUE", nil},
		{"other names of columns", "SELECT a FROM users AS u (a, b, c, d)", nil},
		{"a query in FROM", "SELECT * FROM (SELECT id FROM users) AS x", nil},
		{"WITH", "WITH a AS (SELECT id FROM users) SELECT * FROM a", nil},
		{"unions", "SELECT id FROM users UNION ALL SELECT id FROM orders", nil},
		{"groups", "SELECT id FROM users GROUP BY ROLLUP (id)", nil},
		{"functions", "SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' DAY))", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			run(t, sales, s, "CREATE TABLE users (id INT, address ROW<city STRING>, tags ARRAY<STRING>, counts MAP<STRING, INT>)")
			var columns []string
			for _, c := range Schema(parse(t, test.query).(*sql.Select).Query, sales, s).GetColumns() {
				columns = append(columns, c.GetName()+" "+logical.Format(c.GetType()))
			}
			if diff := cmp.Diff(test.want, columns); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTypesOfCasts(t *testing.T) {
	declared := map[string]*cmfv1.DataType{"a": logical.Of(logical.Integer), "b": logical.NotNull(logical.Of(logical.Integer))}
	for expression, want := range map[string]string{
		"CAST(a AS BIGINT)":                            "BIGINT",
		"CAST(`b` AS DECIMAL(3, 1))":                   "DECIMAL(3, 1) NOT NULL",
		"CAST(c AS BIGINT)":                            "",
		"CAST(a + 1 AS BIGINT)":                        "",
		"CAST(a AS BIGINT) + 1":                        "",
		"CAST(a AS BIGINT) + CAST(b AS BIGINT)":        "",
		"CAST(a AS nonsense)":                          "",
		"CAST(a)":                                      "",
		"TRY_CAST(CAST(b AS STRING) AS MAP<INT, INT>)": "MAP<INT, INT>",
		"TRY_CAST(f(x, (SELECT y AS z)) AS BIGINT)":    "BIGINT",
		"TRY_CAST( AS BIGINT)":                         "",
		"f(a AS BIGINT, b, c)":                         "",
		"b":                                            "",
		"'":                                            "",
	} {
		got := ""
		if dataType := castType(expression, declared); dataType != nil {
			got = logical.Format(dataType)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
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
