//go:build flink

package path

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/integration/weir"
)

// in is the site with another test to fail.
func (s *site) in(t *testing.T) *site {
	copied := *s
	copied.t = t
	return &copied
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// jobs are the jobs of a statement's cluster, through the web UI's tunnel.
func (s *site) jobs(ctx context.Context, statement string) ([]weir.Object, error) {
	page, err := s.Object(ctx, "GET", "/v1/environments/test/statements/"+statement+"/flink-web-ui/jobs/overview", "", 200)
	if err != nil {
		return nil, err
	}
	list, _ := page["jobs"].([]any)
	var jobs []weir.Object
	for _, one := range list {
		job, _ := one.(map[string]any)
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// awaitNoJob waits until no job of a statement that is gone runs; another
// statement's tunnel leads to the same cluster.
func (s *site) awaitNoJob(statement string) {
	s.t.Helper()
	s.await("the job of "+statement+" to end", func(ctx context.Context) error {
		jobs, err := s.jobs(ctx, "values")
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if strings.HasSuffix(job.String("name"), "/"+statement) && job.String("state") == "RUNNING" {
				return fmt.Errorf("it runs still: %v", job)
			}
		}
		return nil
	})
}

// written counts the rows in the files of a table.
func written(t *testing.T, dir string) int {
	t.Helper()
	count := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return nil
		}
		text, err := os.ReadFile(path)
		count += strings.Count(string(text), "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestDetachedStatementsOutliveWeir: the agent and the control plane are killed
// while an INSERT runs and a SELECT is being read.
func TestDetachedStatementsOutliveWeir(t *testing.T) {
	for _, kind := range []string{"SHARED", "DEDICATED"} {
		t.Run(kind, func(t *testing.T) {
			onEveryRelease(t, func(t *testing.T, s *site) { outlive(t, s, kind) })
		})
	}
}

func outlive(t *testing.T, s *site, kind string) {
	out := filepath.Join(t.TempDir(), "copies")
	s.catalog("shop", "sales", "127.0.0.1:1", "http://127.0.0.1:1")
	s.pool("pool", kind)
	s.answered("make-numbers", "pool", "CREATE TABLE numbers (n BIGINT) WITH ('connector'='datagen', 'rows-per-second'='20', 'fields.n.kind'='sequence', 'fields.n.start'='1', 'fields.n.end'='200000')")
	s.answered("make-copies", "pool", "CREATE TABLE copies (n BIGINT) WITH ('connector'='filesystem', 'path'='file://"+out+"', 'format'='csv', 'sink.rolling-policy.rollover-interval'='1s', 'sink.rolling-policy.check-interval'='1s')")
	s.statement("copy", "pool", "INSERT INTO copies SELECT n FROM numbers", map[string]string{"execution.checkpointing.interval": "1s"})
	s.awaitPhase("copy", "RUNNING")
	s.awaitRows(out, 1)
	job := s.jobID("copy")
	if kind == "SHARED" {
		s.statement("values", "pool", "SELECT n FROM numbers", nil)
		s.awaitPhase("values", "RUNNING")
		s.rows("values", 10)
	}

	s.running.Kill()
	s.controlProcess.Kill()
	before := written(t, out)
	s.awaitRows(out, before+20) // it goes on with nobody there
	s.startControl()
	s.startAgent()

	if kind == "SHARED" {
		if failed := s.awaitPhase("values", "FAILED"); !containsAny(failed.String("status", "detail"), "agent") {
			t.Errorf("the detail of the query is %q; it should say that the agent was restarted", failed.String("status", "detail"))
		}
		s.awaitNoJob("values")
	}
	s.awaitPhase("copy", "RUNNING")
	if now := s.jobID("copy"); now != job {
		t.Errorf("the job is %s now, and was %s: it was started again", now, job)
	}

	s.change("copy", func(spec map[string]any) { spec["stopped"] = true })
	s.awaitPhase("copy", "STOPPED")
	s.change("copy", func(spec map[string]any) { spec["stopped"] = false })
	s.awaitPhase("copy", "RUNNING")
	s.awaitRows(out, written(t, out)+20)
	before = onceEach(t, out, 0)
	s.change("copy", func(spec map[string]any) { spec["parallelism"] = 2 })
	s.awaitPhase("copy", "RUNNING")
	s.awaitRows(out, before+20)
	onceEach(t, out, before)
	s.send("DELETE", "/v1/environments/test/statements/copy", nil, 202)
	s.await("the statement to be gone", func(ctx context.Context) error {
		_, err := s.Object(ctx, "GET", "/v1/environments/test/statements/copy", "", 404)
		return err
	})
}

// jobID is the id of the running job of a statement.
func (s *site) jobID(statement string) (id string) {
	s.t.Helper()
	s.await("the job of "+statement, func(ctx context.Context) error {
		jobs, err := s.jobs(ctx, statement)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			name := job.String("name")
			if job.String("state") == "RUNNING" && (strings.HasSuffix(name, "/"+statement) || strings.Contains(name, "copies")) {
				id = job.String("jid")
				return nil
			}
		}
		return fmt.Errorf("the jobs are %v", jobs)
	})
	return id
}

func (s *site) awaitRows(dir string, count int) {
	s.t.Helper()
	s.await(fmt.Sprintf("%d rows in %s", count, dir), func(context.Context) error {
		if got := written(s.t, dir); got < count {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
}

// change changes the specification of a statement.
func (s *site) change(name string, how func(spec map[string]any)) {
	s.t.Helper()
	path := "/v1/environments/test/statements/" + name
	s.await("statement "+name+" to take a change", func(ctx context.Context) error {
		statement, err := s.Object(ctx, "GET", path, "", 200)
		if err != nil {
			return err
		}
		spec, _ := statement.At("spec").(map[string]any)
		how(spec)
		delete(statement, "status")
		body, err := encode(statement)
		if err != nil {
			return err
		}
		_, err = s.Object(ctx, "PUT", path, body, 200)
		return err
	})
}

// onceEach counts the rows of a sequence, none of which may be there twice and
// of the first of which, or of all where first is 0, none may be missing: what
// was stopped with a savepoint went on from it. Two writers finish their files
// at different times, so that the last rows may have gaps.
func onceEach(t *testing.T, dir string, first int) int {
	t.Helper()
	seen := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, line := range strings.Fields(string(text)) {
			seen[line]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for row, count := range seen {
		if count != 1 {
			t.Fatalf("row %s was written %d times", row, count)
		}
	}
	if first == 0 {
		first = len(seen)
	}
	for n := 1; n <= first; n++ {
		if seen[fmt.Sprint(n)] == 0 {
			t.Fatalf("row %d of %d is missing", n, len(seen))
		}
	}
	return len(seen)
}

func encode(object weir.Object) (string, error) {
	text, err := json.Marshal(object)
	return string(text), err
}
