package sql

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/sql/token"
)

func tableNames(tables []Name) []string {
	var names []string
	for _, table := range tables {
		names = append(names, strings.Join(table.Parts, "."))
	}
	return names
}

func TestTablesOfQueries(t *testing.T) {
	tests := []struct {
		name, query string
		want        []string
	}{
		{"none", "SELECT 1", nil},
		{"values", "VALUES (1, 'FROM a'), (2, 'b')", nil},
		{"one", "SELECT a FROM t", []string{"t"}},
		{"three parts", "SELECT a FROM `c-1`.d.`t.x` AS t", []string{"c-1.d.t.x"}},
		{"each once", "SELECT * FROM t AS a, t AS b", []string{"t"}},
		{"list", "SELECT * FROM a, b c, d AS e (f, g)", []string{"a", "b", "d"}},
		{"joins", "SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (x) FULL JOIN d ON LEFT(a.x, 1) = RIGHT(d.x, 1) CROSS JOIN e NATURAL JOIN f",
			[]string{"a", "b", "c", "d", "e", "f"}},
		{"not in strings or comments", "SELECT ' FROM a' /* FROM b */ FROM c -- FROM d", []string{"c"}},
		{"not what functions write FROM before", "SELECT EXTRACT(YEAR FROM a), TRIM(BOTH ' ' FROM b), SUBSTRING(c FROM 2), d IS NOT DISTINCT FROM e FROM t", []string{"t"}},
		{"subqueries", "SELECT (SELECT MAX(x) FROM a) FROM (SELECT * FROM b) WHERE EXISTS (SELECT 1 FROM c) AND x IN (SELECT x FROM d)",
			[]string{"a", "b", "c", "d"}},
		{"in deep parentheses", "SELECT * FROM ((a)), (((SELECT * FROM b)) AS x JOIN c ON TRUE), ((SELECT 1 FROM d) UNION ALL (SELECT 2 FROM e)) AS y",
			[]string{"a", "b", "c", "d", "e"}},
		{"not names of WITH", "WITH a AS (SELECT * FROM x), b (c) AS (SELECT * FROM a, y) SELECT * FROM a, b, z.a", []string{"x", "y", "z.a"}},
		{"names of WITH end with their query", "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS q, a", []string{"a"}},
		{"names of WITH do not see themselves", "WITH a AS (SELECT * FROM a) SELECT * FROM a", []string{"a"}},
		{"but with RECURSIVE they do", "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a", nil},
		{"set operations", "SELECT * FROM a UNION SELECT * FROM b INTERSECT (SELECT * FROM c) EXCEPT ALL SELECT * FROM d", []string{"a", "b", "c", "d"}},
		{"window functions over tables", "SELECT * FROM TABLE(TUMBLE(TABLE a.b, DESCRIPTOR(ts), INTERVAL '10' MINUTES)), HOP(DATA => TABLE c, SIZE => INTERVAL '1' DAY)",
			[]string{"a.b", "c"}},
		{"lateral functions", "SELECT * FROM a LEFT JOIN LATERAL TABLE(split(b)) AS t (w) ON TRUE CROSS JOIN UNNEST(c) WITH ORDINALITY AS u (d, e)", []string{"a"}},
		{"temporal joins", "SELECT * FROM a LEFT JOIN b FOR SYSTEM_TIME AS OF a.ts AS c ON a.x = c.x JOIN d FOR SYSTEM_TIME AS OF PROCTIME() e ON TRUE",
			[]string{"a", "b", "d"}},
		{"hints", "SELECT /*+ BROADCAST(a) */ * FROM a /*+ OPTIONS('FROM x' = 'y') */ AS b", []string{"a"}},
		{"patterns", "SELECT * FROM ticks MATCH_RECOGNIZE (PARTITION BY s ORDER BY ts MEASURES A.ts AS t ONE ROW PER MATCH PATTERN (A B{2,}? C) DEFINE A AS A.x > 1) AS m",
			[]string{"ticks"}},
		{"explicit table", "TABLE t", []string{"t"}},
		{"in parentheses", "((SELECT * FROM a)) ORDER BY 1 LIMIT 3", []string{"a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(test.query)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind() != KindSelect || got.Kind().Class() != Interactive {
				t.Errorf("kind %s of class %d", got.Kind(), got.Kind().Class())
			}
			if names := tableNames(got.(*Select).Tables); !slices.Equal(names, test.want) {
				t.Errorf("reads %q, want %q", names, test.want)
			}
		})
	}
}

func TestItemsOfQueries(t *testing.T) {
	tests := []struct {
		item string
		want Item
	}{
		{"*", Item{Star: true}},
		{"t.*", Item{Star: true, Qualifier: []string{"t"}}},
		{"a", Item{Column: []string{"a"}, Name: "a"}},
		{"t.`a b`.timestamp", Item{Column: []string{"t", "a b", "timestamp"}, Name: "timestamp"}},
		{"a AS b", Item{Column: []string{"a"}, Name: "b"}},
		{"a b", Item{Column: []string{"a"}, Name: "b"}},
		{"1", Item{}},
		{"'x' AS `select`", Item{Name: "select"}},
		{"a + 1 total", Item{Name: "total"}},
		{"a + b", Item{}},
		{"CASE WHEN a THEN b ELSE c END d", Item{Name: "d"}},
		{"a[1] x", Item{Name: "x"}},
		{"CAST(a AS DECIMAL(3, 2)) x", Item{Name: "x"}},
		{"ts - INTERVAL '5' SECONDS", Item{}},
		{"INTERVAL '5' DAY d", Item{Name: "d"}},
		{"ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS rn", Item{Name: "rn"}},
		{"a IS DISTINCT FROM b AS c", Item{Name: "c"}},
	}
	for _, test := range tests {
		t.Run(test.item, func(t *testing.T) {
			got, err := Parse("SELECT " + test.item + ", z FROM t")
			if err != nil {
				t.Fatal(err)
			}
			items := got.(*Select).Query.Items
			if diff := cmp.Diff(test.want, items[0]); len(items) != 2 || diff != "" {
				t.Errorf("%d items, the first (-want +got):\n%s", len(items), diff)
			}
		})
	}
}

func TestQueriesThatGroup(t *testing.T) {
	tests := []struct {
		query             string
		grouped, windowed bool
	}{
		{"SELECT a FROM t", false, false},
		{"SELECT a FROM t UNION ALL SELECT b FROM u", false, false},
		{"SELECT a, 'COUNT(*)', `count` FROM t", false, false},
		{"SELECT SUM(a) OVER (ORDER BY ts), COUNT(*) FILTER (WHERE b) OVER w FROM t WINDOW w AS (ORDER BY ts)", false, false},
		{"SELECT DISTINCT a FROM t", true, false},
		{"SELECT COUNT(*) FROM t", true, false},
		{"SELECT 1 + SUM(a) FROM t", true, false},
		{"SELECT a FROM t GROUP BY a HAVING COUNT(*) > 1", true, false},
		{"SELECT LISTAGG(a) WITHIN GROUP (ORDER BY a) FROM t", true, false},
		{"SELECT a FROM t UNION SELECT b FROM u", true, false},
		{"SELECT a FROM t UNION ALL SELECT DISTINCT b FROM u", true, false},
		{"SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, `window_end`", true, true},
		{"SELECT COUNT(*) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)", true, true},
	}
	for _, test := range tests {
		got, err := Parse(test.query)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.query, err)
			continue
		}
		if query := got.(*Select).Query; query.Grouped != test.grouped || query.Windowed != test.windowed {
			t.Errorf("Parse(%q): grouped %v, windowed %v", test.query, query.Grouped, query.Windowed)
		}
	}
}

func TestLimitsOfQueries(t *testing.T) {
	tests := []struct {
		query string
		want  int64 // -1 for none
	}{
		{"SELECT a FROM t", -1},
		{"SELECT a FROM t LIMIT 10", 10},
		{"SELECT a FROM t ORDER BY a DESC, b LIMIT 10 OFFSET 5 ROWS", 10},
		{"SELECT a FROM t OFFSET 5 FETCH NEXT 3 ROWS ONLY", 3},
		{"SELECT a FROM (SELECT a FROM t LIMIT 5)", -1},
		{"(SELECT a FROM t LIMIT 5) UNION ALL SELECT b FROM t LIMIT 7", 7},
		{"SELECT a FROM t LIMIT ALL", -1},
	}
	for _, test := range tests {
		got, err := Parse(test.query)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.query, err)
			continue
		}
		limit := int64(-1)
		if l := got.(*Select).Query.Limit; l != nil {
			limit = *l
		}
		if limit != test.want {
			t.Errorf("Parse(%q): limit %d, want %d", test.query, limit, test.want)
		}
	}
}

func TestRowsOfValues(t *testing.T) {
	got, err := Parse("VALUES (1, f('a', 2)), ROW(-3, NULL), (4, (SELECT b FROM t))")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"1", "f('a', 2)"}, {"-3", "NULL"}, {"4", "(SELECT b FROM t)"}}
	if diff := cmp.Diff(want, got.(*Select).Query.Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseInsert(t *testing.T) {
	tests := []struct {
		text    string
		kind    Kind
		target  Name
		columns []string
		tables  []string
	}{
		{"INSERT INTO a.b.c SELECT * FROM d", KindInsertInto, name("a", "b", "c"), nil, []string{"d"}},
		{"INSERT INTO t (x, `y`, r.z) SELECT a, b, c FROM u", KindInsertInto, name("t"), []string{"x", "y", "r.z"}, []string{"u"}},
		{"INSERT INTO t (SELECT * FROM u)", KindInsertInto, name("t"), nil, []string{"u"}},
		{"INSERT INTO t VALUES (1), (2)", KindInsertInto, name("t"), nil, nil},
		{"INSERT INTO t /*+ OPTIONS('a'='b') */ WITH q AS (SELECT * FROM u) SELECT * FROM q", KindInsertInto, name("t"), nil, []string{"u"}},
		{"INSERT OVERWRITE t PARTITION (p = 'x') (a) SELECT 1", KindInsertOverwrite, name("t"), []string{"a"}, nil},
		{"INSERT INTO t SELECT * FROM t", KindInsertInto, name("t"), nil, []string{"t"}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			insert := got.(*Insert)
			if insert.Kind() != test.kind || insert.Kind().Class() != Detached {
				t.Errorf("kind %s", insert.Kind())
			}
			if diff := cmp.Diff(test.target, insert.Target, compare); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
			}
			if !slices.Equal(insert.Columns, test.columns) || !slices.Equal(tableNames(insert.Tables), test.tables) {
				t.Errorf("fills %q from %q", insert.Columns, tableNames(insert.Tables))
			}
		})
	}
}

func TestParseStatementSet(t *testing.T) {
	got, err := Parse("EXECUTE STATEMENT SET\nBEGIN\n INSERT INTO a SELECT * FROM x;\n INSERT INTO b SELECT * FROM y, x; END;")
	if err != nil {
		t.Fatal(err)
	}
	set := got.(*StatementSet)
	if set.Kind() != KindStatementSet || len(set.Inserts) != 2 {
		t.Fatalf("kind %s of %d", set.Kind(), len(set.Inserts))
	}
	for i, want := range [][]string{{"x"}, {"y", "x"}} {
		if names := tableNames(set.Inserts[i].Tables); !slices.Equal(names, want) {
			t.Errorf("INSERT %d reads %q, want %q", i, names, want)
		}
	}
}

// Whatever the text, there is a statement or an error for the user, and a
// semicolon or a comment behind a statement changes nothing.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SHOW TABLES IN a.b LIKE 'x%'", "CREATE TABLE t (a INT, b AS a + 1, PRIMARY KEY (a) NOT ENFORCED) WITH ('a'='b')",
		"ALTER TABLE t ADD (a INT FIRST, b AS c AFTER d)", "INSERT INTO t (a) SELECT * FROM ((a JOIN b ON x) c)",
		"WITH a AS (SELECT 1) SELECT COUNT(*) x, a.* FROM a FOR SYSTEM_TIME AS OF b c UNION ((VALUES (1))) LIMIT 3",
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "SELECT a{[(", "DESCRIBE JOB",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statement, err := Parse(text)
		var wrong *token.Error
		var refused *UnsupportedError
		if err != nil {
			if !errors.As(err, &wrong) && !errors.As(err, &refused) {
				t.Fatalf("%T is for nobody: %v", err, err)
			}
			return
		}
		again, err := Parse(text + "\n; -- the end")
		if err != nil || again.Kind() != statement.Kind() {
			t.Fatalf("%s becomes %v, %v with a semicolon", statement.Kind(), again, err)
		}
	})
}
