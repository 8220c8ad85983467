//go:build flink

// Package sqldriver holds the agent's SQL driver to what real Flink does.
package sqldriver

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/agent/sql"
	"github.com/openweir/weir/integration/realflink/session"
)

const (
	endless = "CREATE TABLE numbers (id BIGINT, word STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '20', " +
		"'fields.id.kind' = 'random', 'fields.id.min' = '1', 'fields.id.max' = '3', 'fields.word.length' = '4')"
	nowhere = "CREATE TABLE nowhere (id BIGINT, word STRING) WITH ('connector' = 'blackhole')"
)

func TestStatements(t *testing.T) {
	for _, home := range session.Homes(t) {
		t.Run(filepath.Base(home), func(t *testing.T) {
			// The cluster's own interval must not hold the rows of queries back.
			cluster := session.Start(t, home, "execution.checkpointing.interval: 60 s")
			for _, test := range []struct {
				name string
				run  func(*testing.T, *session.Cluster)
			}{
				{"bounded query", boundedQuery},
				{"query in batch mode", batchQuery},
				{"types", types},
				{"maps that JSON cannot hold", mapsOfNumbers},
				{"changelog query", changelogQuery},
				{"errors are the planner's sentences", plannerErrors},
				{"failing query", failingQuery},
				{"removed query", removedQuery},
				{"stopped query", stoppedQuery},
				{"backpressure", backpressure},
				{"gateway restarts under a query", gatewayRestart},
				{"agent restarts under a query", queryOfAKilledAgent},
				{"stray jobs", strays},
				{"insert", boundedInsert},
				{"statement set", statementSet},
				{"agent and gateway restart under an insert", insertOfAKilledAgent},
				{"savepoints", savepoints},
				{"stopping without savepoints", withoutSavepoints},
				{"failing insert", failingInsert},
			} {
				t.Run(test.name, func(t *testing.T) { test.run(t, cluster) })
			}
		})
	}
}

func boundedQuery(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "bounded", spec: sql.Spec{Statement: "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, word);"}})
	rows := a.read("bounded", 2)
	slices.Sort(rows)
	if diff := cmp.Diff([]string{`{"op":0,"row":["1","a"]}`, `{"op":0,"row":["2","b"]}`}, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := a.reaches("bounded", "finished", func(s status) bool { return s.JobStatus.State == "FINISHED" })
	if s.LifecycleState != "STABLE" || s.Error != "" || s.Traits.IsBounded == nil || !*s.Traits.IsBounded || !*s.Traits.IsAppendOnly {
		t.Errorf("the status is %+v", s)
	}
	again := a.read("bounded", 2)
	if page := a.fetch("bounded", 2); len(again) != 2 || !page.GetFinished() || len(page.GetRows()) != 0 {
		t.Errorf("read again, there are %v, and behind them %v", again, page)
	}
	a.remove("bounded")
	if page := a.fetch("bounded", 0); page.GetFailure() == 0 {
		t.Errorf("the rows of a query that is gone: %v", page)
	}
}

func batchQuery(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "batch", spec: sql.Spec{
		Statement:     "SELECT word, COUNT(*) FROM (VALUES ('a'), ('b'), ('a')) AS t (word) GROUP BY word ORDER BY word",
		Configuration: map[string]string{"execution.runtime-mode": "BATCH"},
	}})
	if diff := cmp.Diff([]string{`{"op":0,"row":["a","2"]}`, `{"op":0,"row":["b","1"]}`}, a.read("batch", 2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s := a.status("batch"); !*s.Traits.IsBounded || !*s.Traits.IsAppendOnly {
		t.Errorf("the traits are %+v", s.Traits)
	}
}

func changelogQuery(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "counts", spec: sql.Spec{Setup: []string{endless}, Statement: "SELECT id, COUNT(*) AS n FROM numbers GROUP BY id", Parallelism: 2}})
	s := a.runs("counts")
	rows := a.read("counts", 10)
	ops := map[string]int{}
	for _, row := range rows {
		ops[row[:7]]++
	}
	if ops[`{"op":0`] == 0 || ops[`{"op":2`] == 0 || ops[`{"op":1`] == 0 {
		t.Errorf("the kinds of changes are %v", ops)
	}
	s = a.reaches("counts", "keyed", func(s status) bool { return len(s.Traits.UpsertColumns) > 0 })
	if *s.Traits.IsBounded || *s.Traits.IsAppendOnly || !slices.Equal(s.Traits.UpsertColumns, []int32{0}) {
		t.Errorf("the traits are %+v", s.Traits)
	}
	first, second := a.fetch("counts", 0), a.fetch("counts", 5)
	if first.GetRows()[5] != second.GetRows()[0] {
		t.Errorf("row 5 is %s and %s", first.GetRows()[5], second.GetRows()[0])
	}
	a.remove("counts")
	noJobs(t, cluster, "counts")
}

func plannerErrors(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	for i, test := range []struct{ statement, want string }{
		{"SELEKT 1", "SQL parse failed. Non-query expression encountered in illegal context"},
		{"SELECT * FROM", "Encountered \"<EOF>\" at line 1, column 13."},
		{"SELECT * FROM nothing", "SQL validation failed. From line 1, column 15 to line 1, column 21: Object 'nothing' not found"},
		{"SELECT a FROM (VALUES (1)) AS t (b)", "SQL validation failed. At line 1, column 8: Column 'a' not found in any table"},
	} {
		name := fmt.Sprint("wrong-", i)
		a.apply(statement{name: name, spec: sql.Spec{Statement: test.statement}})
		if s := a.fails(name); s.Error != test.want {
			t.Errorf("%s: the error is %q", test.statement, s.Error)
		}
	}
	a.apply(statement{name: "wrong-setup", spec: sql.Spec{Setup: []string{"CREATE TABEL x"}, Statement: "SELECT 1"}})
	a.fails("wrong-setup")
	a.apply(statement{name: "wrong-insert", spec: sql.Spec{Detached: true, Statement: "INSERT INTO nothing SELECT 1"}})
	if s := a.fails("wrong-insert"); !strings.HasPrefix(s.Error, "Cannot find table '`default_catalog`.`default_database`.`nothing`'") {
		t.Errorf("the error of an INSERT is %q", s.Error)
	}
}

func failingQuery(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "failing", spec: sql.Spec{Statement: "SELECT 1 / (x - 1) FROM (VALUES (1)) AS t (x)", Configuration: map[string]string{"table.optimizer.reduce-expressions": "false"}}})
	s := a.fails("failing")
	if s.Error != "/ by zero" {
		t.Errorf("the error is %q", s.Error)
	}
	noJobs(t, cluster, "failing")
}

func removedQuery(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "removed", spec: sql.Spec{Setup: []string{endless}, Statement: "SELECT * FROM numbers"}})
	// At once, while it is planned or submitted.
	a.remove("removed")
	noJobs(t, cluster, "removed")
	a.apply(statement{name: "removed", spec: sql.Spec{Setup: []string{endless}, Statement: "SELECT * FROM numbers"}})
	a.read("removed", 3)
	a.remove("removed")
	left, err := jobs(t.Context(), cluster, "removed")
	if err != nil || len(left) > 0 {
		t.Errorf("the jobs left are %v, %v", left, err)
	}
}

func stoppedQuery(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	spec := sql.Spec{Setup: []string{endless}, Statement: "SELECT id FROM numbers"}
	a.apply(statement{name: "stopped", spec: spec})
	a.read("stopped", 3)
	spec.State = "suspended"
	a.apply(statement{name: "stopped", generation: 2, spec: spec})
	a.reaches("stopped", "suspended", func(s status) bool { return s.LifecycleState == "SUSPENDED" && s.ObservedGeneration == 2 })
	noJobs(t, cluster, "stopped")
	spec.State = "running"
	a.apply(statement{name: "stopped", generation: 3, spec: spec})
	a.runs("stopped")
	a.read("stopped", 3)
	a.remove("stopped")
}

// backpressure reads nothing of a fast query: the spool gets full, and nothing
// is lost when it is read again.
func backpressure(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	fast := "CREATE TABLE fast (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '60000')"
	a.apply(statement{name: "fast", spec: sql.Spec{Setup: []string{fast}, Statement: "SELECT id FROM fast"}})
	a.runs("fast")
	rows := a.read("fast", 60001)
	for i, row := range rows {
		if want := fmt.Sprintf(`{"op":0,"row":["%d"]}`, i); row != want {
			t.Fatalf("row %d is %s", i, row)
		}
	}
	if page := a.fetch("fast", 0); page.GetFailure() == 0 {
		t.Error("the first rows are kept for ever")
	}
	a.remove("fast")
}

func gatewayRestart(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "bereft", spec: sql.Spec{Setup: []string{endless}, Statement: "SELECT id FROM numbers"}})
	a.read("bereft", 3)
	cluster.RestartGateway(t)
	if s := a.fails("bereft"); !strings.Contains(s.Error, "The SQL gateway was restarted") {
		t.Errorf("the error is %q", s.Error)
	}
	noJobs(t, cluster, "bereft")
}

func queryOfAKilledAgent(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	query := statement{name: "orphan", spec: sql.Spec{Setup: []string{endless}, Statement: "SELECT id FROM numbers"}}
	a.apply(query)
	a.read("orphan", 3)
	a.kill()
	b := start(t, cluster)
	b.apply(query)
	b.driver.Synced()
	if s := b.fails("orphan"); !strings.Contains(s.Error, "The agent was restarted") {
		t.Errorf("the error is %q", s.Error)
	}
	noJobs(t, cluster, "orphan")
}

func strays(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "stray", spec: sql.Spec{Setup: []string{endless}, Statement: "SELECT id FROM numbers"}})
	a.read("stray", 3)
	a.apply(statement{name: "left", spec: sql.Spec{Setup: []string{endless, nowhere}, Statement: "INSERT INTO nowhere SELECT * FROM numbers", Detached: true}})
	a.runs("left")
	a.kill()
	b := start(t, cluster)
	b.remove("left") // which it never heard of
	b.driver.Synced()
	noJobs(t, cluster, "")
}
