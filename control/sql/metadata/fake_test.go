package metadata

import (
	"maps"
	"slices"
	"testing"

	"github.com/openweir/weir/control/sql"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// shop are catalogs by name, with databases by name, with tables by name.
type shop map[string]map[string]map[string]*storev1.TableRecord

func (s shop) Catalogs() []string { return slices.Collect(maps.Keys(s)) }

func (s shop) Databases(catalog string) []string { return slices.Collect(maps.Keys(s[catalog])) }

func (s shop) Tables(catalog, database string) []string {
	return slices.Collect(maps.Keys(s[catalog][database]))
}

func (s shop) Table(path Path) (*storev1.TableRecord, bool) {
	table, found := s[path.Catalog][path.Database][path.Table]
	return table, found
}

// AllowsDDL everywhere but in archives.
func (s shop) AllowsDDL(_, database string) bool { return database != "archive" }

// write does what an effect says, as those who keep tables have to.
func (s shop) write(t *testing.T, effect *Effect) {
	t.Helper()
	if effect == nil {
		return
	}
	tables := s[effect.Path.Catalog][effect.Path.Database]
	if _, exists := tables[effect.Path.Table]; exists == (effect.Action == Create) {
		t.Fatalf("action %d on %s, which exists: %v", effect.Action, effect.Path, exists)
	}
	if effect.Action == Drop {
		delete(tables, effect.Path.Table)
		return
	}
	tables[effect.Path.Table] = effect.Table
}

func parse(t *testing.T, text string) sql.Statement {
	t.Helper()
	statement, err := sql.Parse(text)
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return statement
}

// run executes statements one after the other, with their effects, and gives
// the result of the last.
func run(t *testing.T, session Session, s shop, texts ...string) *Result {
	t.Helper()
	var last *Result
	for _, text := range texts {
		result, effect, err := Execute(parse(t, text), session, s)
		if err != nil {
			t.Fatalf("execute %q: %v", text, err)
		}
		s.write(t, effect)
		last = result
	}
	return last
}

// cells replaces NULL by a word of its own.
func cells(result *Result) [][]string {
	var rows [][]string
	for _, row := range result.Rows {
		var cells []string
		for _, cell := range row {
			if cell == nil {
				cells = append(cells, "∅")
			} else {
				cells = append(cells, *cell)
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

// orders is a table with a column of every kind.
const orders = "CREATE TABLE orders (id BIGINT COMMENT 'the key', price DECIMAL(10, 2) NOT NULL, cost AS CAST(price AS DOUBLE), " +
	"why AS price || '?', ts TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, " +
	"PRIMARY KEY (id) NOT ENFORCED) COMMENT 'What was sold' DISTRIBUTED BY HASH(id) INTO 4 BUCKETS " +
	"WITH ('value.format' = 'avro', 'connector' = 'confluent')"

var sales = Session{Catalog: "shop", Database: "sales"}

// newShop has two catalogs; sales has orders.
func newShop(t *testing.T) shop {
	t.Helper()
	s := shop{
		"shop":  {"sales": {}, "archive": {"old": &storev1.TableRecord{}}},
		"other": {"only": {"thing": &storev1.TableRecord{}}},
	}
	run(t, sales, s, orders)
	return s
}
