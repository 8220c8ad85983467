//go:build flink

package path

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/integration/weir"
)

// statement creates a statement on a pool.
func (s *site) statement(name, pool, sql string, configuration map[string]string) weir.Object {
	s.t.Helper()
	return s.post("statements", map[string]any{
		"apiVersion": "cmf.confluent.io/v1", "kind": "Statement", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"statement": sql, "computePoolName": pool, "flinkConfiguration": configuration,
			"properties": map[string]string{"sql.current-catalog": "shop", "sql.current-database": "sales"},
		},
	}, 200)
}

// answered runs a statement that needs no Flink.
func (s *site) answered(name, pool, sql string) {
	s.t.Helper()
	if made := s.statement(name, pool, sql, nil); made.String("status", "phase") != "COMPLETED" {
		s.t.Fatalf("%s: %v", sql, made.At("status"))
	}
}

// awaitPhase waits until a statement is in one of the phases.
func (s *site) awaitPhase(name string, phases ...string) weir.Object {
	s.t.Helper()
	var statement weir.Object
	s.await(fmt.Sprintf("statement %s to be %v", name, phases), func(ctx context.Context) (err error) {
		if statement, err = s.Object(ctx, "GET", "/v1/environments/test/statements/"+name, "", 200); err != nil {
			return err
		}
		for _, phase := range phases {
			if statement.String("status", "phase") == phase {
				return nil
			}
		}
		if statement.String("status", "phase") == "FAILED" {
			s.t.Fatalf("statement %s has failed: %v", name, statement.At("status"))
		}
		return fmt.Errorf("its status is %v", statement.At("status"))
	})
	return statement
}

// row is a row of a result.
type row struct {
	op    float64
	cells []any
}

// rows reads the results of a statement from the beginning, until there are so
// many or no more.
func (s *site) rows(name string, atLeast int) []row {
	s.t.Helper()
	var all []row
	token := ""
	s.await(fmt.Sprintf("%d rows of %s", atLeast, name), func(ctx context.Context) error {
		for {
			page, err := s.Object(ctx, "GET", "/v1/environments/test/statements/"+name+"/results?page-token="+url.QueryEscape(token), "", 200)
			if err != nil {
				return err
			}
			got := rowsOf(page)
			all = append(all, got...)
			next := page.String("metadata", "annotations", "nextPageToken")
			switch {
			case len(all) >= atLeast:
				return nil
			case next == "":
				return fmt.Errorf("there are only %d: %v", len(all), all)
			case len(got) == 0:
				token = next
				return errors.New("there are no more yet")
			}
			token = next
		}
	})
	return all
}

func rowsOf(page weir.Object) []row {
	data, _ := page.At("results", "data").([]any)
	var out []row
	for _, one := range data {
		object, _ := one.(map[string]any)
		cells, _ := object["row"].([]any)
		op, _ := object["op"].(float64)
		out = append(out, row{op, cells})
	}
	return out
}

// TestStatements: SELECT and INSERT on a shared pool give real rows.
func TestStatements(t *testing.T) {
	onEveryRelease(t, func(t *testing.T, s *site) {
		s.catalog("shop", "sales", "127.0.0.1:1", "http://127.0.0.1:1")
		s.pool("pool", "SHARED")

		t.Run("VALUES", func(t *testing.T) {
			s := s.in(t)
			s.statement("values", "pool", "SELECT CAST(n AS BIGINT) AS n, s, TRUE AS b FROM (VALUES (1, 'one'), (2, CAST(NULL AS STRING))) AS t (n, s)", nil)
			done := s.awaitPhase("values", "COMPLETED")
			rows := s.rows("values", 2) // in any order
			slices.SortFunc(rows, func(a, b row) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			got := fmt.Sprint(rows)
			if want := "[{0 [1 one TRUE]} {0 [2 <nil> TRUE]}]"; got != want {
				t.Errorf("the rows are %s, want %s", got, want)
			}
			traits, _ := done.At("status", "traits").(map[string]any)
			if traits["sqlKind"] != "SELECT" || traits["isBounded"] != true || traits["isAppendOnly"] != true {
				t.Errorf("the traits are %v", traits)
			}
		})
		t.Run("an unbounded query", func(t *testing.T) {
			s := s.in(t)
			s.answered("make-numbers", "pool", "CREATE TABLE numbers (n BIGINT, k INT) WITH ('connector'='datagen', 'rows-per-second'='50', 'fields.n.kind'='sequence', 'fields.n.start'='1', 'fields.n.end'='200000', 'fields.k.min'='0', 'fields.k.max'='3')")
			s.statement("numbers", "pool", "SELECT n FROM numbers", nil)
			s.awaitPhase("numbers", "RUNNING")
			for i, row := range s.rows("numbers", 200) {
				if fmt.Sprint(row.cells...) != fmt.Sprint(i+1) {
					t.Fatalf("row %d is %v", i, row)
				}
			}
			s.send("DELETE", "/v1/environments/test/statements/numbers", nil, 202)
			s.await("the statement to be gone", func(ctx context.Context) error {
				_, err := s.Object(ctx, "GET", "/v1/environments/test/statements/numbers", "", 404)
				return err
			})
			s.awaitNoJob("numbers")
		})
		t.Run("a changelog", func(t *testing.T) {
			s := s.in(t)
			s.statement("counts", "pool", "SELECT k, COUNT(*) AS c FROM numbers GROUP BY k", nil)
			running := s.awaitPhase("counts", "RUNNING")
			if appends := running.At("status", "traits", "isAppendOnly"); appends != false {
				t.Errorf("isAppendOnly is %v", appends)
			}
			seen := map[float64]bool{}
			for _, row := range s.rows("counts", 100) {
				seen[row.op] = true
			}
			if !seen[0] || !seen[2] {
				t.Errorf("the kinds of change are %v; want inserts and updates", seen)
			}
			s.send("DELETE", "/v1/environments/test/statements/counts", nil, 202)
		})
		t.Run("SQL that the planner rejects", func(t *testing.T) {
			s := s.in(t)
			s.statement("wrong", "pool", "SELECT nothing FROM numbers", nil)
			detail := s.awaitPhase("wrong", "FAILED").String("status", "detail")
			if detail == "" || containsAny(detail, "\tat ", "java.", "Exception") || !containsAny(detail, "nothing") {
				t.Errorf("the detail is %q; want the planner's own sentence", detail)
			}
		})
	})
}
