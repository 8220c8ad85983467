//go:build flink

package sqldriver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/agent/sql"
	"github.com/openweir/weir/integration/realflink/session"
	"github.com/openweir/weir/internal/await"
)

// insertForever is an INSERT with state that never ends.
func insertForever(cluster *session.Cluster) sql.Spec {
	return sql.Spec{
		Detached: true, UpgradeMode: "savepoint", Parallelism: 1,
		Setup:     []string{endless, "CREATE TABLE counts (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'blackhole')"},
		Statement: "INSERT INTO counts SELECT id, COUNT(*) FROM numbers GROUP BY id",
		Configuration: map[string]string{
			"execution.checkpointing.interval": "1 s", "state.savepoints.dir": "file://" + filepath.Join(cluster.Dir, "savepoints"),
		},
	}
}

func boundedInsert(t *testing.T, cluster *session.Cluster) {
	out := filepath.Join(cluster.Dir, "bounded-insert")
	a := start(t, cluster)
	insert := statement{name: "bounded-insert", spec: sql.Spec{
		Detached:  true,
		Setup:     []string{"CREATE TABLE files (id INT) WITH ('connector' = 'filesystem', 'path' = 'file://" + out + "', 'format' = 'csv')"},
		Statement: "INSERT INTO files SELECT * FROM (VALUES (1), (2), (3)) AS t (id)",
	}}
	a.apply(insert)
	s := a.reaches("bounded-insert", "finished", func(s status) bool { return s.JobStatus.State == "FINISHED" })
	if s.LifecycleState != "STABLE" || !*s.Traits.IsBounded || !*s.Traits.IsAppendOnly {
		t.Errorf("the status is %+v", s)
	}
	if got := lines(t, out); got != 3 {
		t.Errorf("%d rows were written", got)
	}
	// A process that knows nothing does not write them again, whoever remembers
	// that they were written: Flink, or the control plane.
	a.kill()
	b := start(t, cluster)
	b.apply(insert)
	b.reaches("bounded-insert", "finished", func(s status) bool { return s.JobStatus.State == "FINISHED" })
	b.kill()
	c := start(t, cluster)
	insert.name, insert.spec.Known = "renamed", sql.Known{JobID: s.JobStatus.JobID, State: "FINISHED", Phase: "COMPLETED"}
	c.apply(insert)
	c.reaches("renamed", "finished", func(s status) bool { return s.JobStatus.State == "FINISHED" })
	if got := lines(t, out); got != 3 {
		t.Errorf("%d rows were written in the end", got)
	}
}

// lines counts those of all finished files in a folder.
func lines(t *testing.T, folder string) int {
	t.Helper()
	count := 0
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(entry.Name(), "inprogress") {
			return err
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

func statementSet(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "set", spec: sql.Spec{
		Detached: true, Setup: []string{endless, nowhere, strings.Replace(nowhere, "nowhere", "elsewhere", 1)},
		Statement: "EXECUTE STATEMENT SET BEGIN INSERT INTO nowhere SELECT * FROM numbers; INSERT INTO elsewhere SELECT * FROM numbers; END",
	}})
	s := a.runs("set")
	if s.Traits.IsBounded == nil || *s.Traits.IsBounded || s.Traits.IsAppendOnly == nil || !*s.Traits.IsAppendOnly {
		t.Errorf("the traits are %+v", s.Traits)
	}
	a.remove("set")
	noJobs(t, cluster, "set")
}

func insertOfAKilledAgent(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	insert := statement{name: "lasting", spec: insertForever(cluster)}
	a.apply(insert)
	before := a.runs("lasting")
	a.kill()
	cluster.RestartGateway(t)
	b := start(t, cluster)
	b.apply(insert)
	b.driver.Synced()
	after := b.runs("lasting")
	if before.JobStatus.JobID != after.JobStatus.JobID {
		t.Errorf("the job was %s and is %s", before.JobStatus.JobID, after.JobStatus.JobID)
	}
	b.remove("lasting")
	noJobs(t, cluster, "lasting")
}

func savepoints(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	spec := insertForever(cluster)
	a.apply(statement{name: "kept", spec: spec})
	first := a.runs("kept")
	spec.State = "suspended"
	a.apply(statement{name: "kept", generation: 2, spec: spec})
	stopped := a.reaches("kept", "suspended", func(s status) bool { return s.LifecycleState == "SUSPENDED" })
	path := stopped.JobStatus.UpgradeSavepointPath
	if !strings.Contains(path, "savepoint-") || stopped.JobStatus.JobID != first.JobStatus.JobID || stopped.JobStatus.State != "FINISHED" {
		t.Fatalf("the status is %+v", stopped)
	}
	noJobs(t, cluster, "kept")

	// Another process finds the savepoint by itself.
	a.kill()
	b := start(t, cluster)
	b.apply(statement{name: "kept", generation: 2, spec: spec})
	if again := b.reaches("kept", "suspended", func(s status) bool { return s.LifecycleState == "SUSPENDED" }); again.JobStatus.UpgradeSavepointPath != path {
		t.Errorf("another process has the savepoint %q", again.JobStatus.UpgradeSavepointPath)
	}
	spec.State = "running"
	b.apply(statement{name: "kept", generation: 3, spec: spec})
	resumed := b.reaches("kept", "running", func(s status) bool { return s.JobStatus.State == "RUNNING" && s.ObservedGeneration == 3 })
	restoredFrom(t, cluster, resumed.JobStatus.JobID, path)

	// Rescaled: with a savepoint of its own.
	spec.Parallelism = 2
	b.apply(statement{name: "kept", generation: 4, spec: spec})
	rescaled := b.reaches("kept", "running again", func(s status) bool {
		return s.JobStatus.State == "RUNNING" && s.JobStatus.JobID != resumed.JobStatus.JobID
	})
	restoredFrom(t, cluster, rescaled.JobStatus.JobID, rescaled.JobStatus.UpgradeSavepointPath)
	if rescaled.JobStatus.UpgradeSavepointPath == path {
		t.Error("it was rescaled from the savepoint before")
	}

	// From a savepoint that is named.
	spec.InitialSavepointPath, spec.SavepointRedeployNonce = path, 7
	b.apply(statement{name: "kept", generation: 5, spec: spec})
	back := b.reaches("kept", "running once more", func(s status) bool {
		return s.JobStatus.State == "RUNNING" && s.JobStatus.JobID != rescaled.JobStatus.JobID
	})
	restoredFrom(t, cluster, back.JobStatus.JobID, path)
	b.remove("kept")
	noJobs(t, cluster, "kept")
}

func restoredFrom(t *testing.T, cluster *session.Cluster, job, path string) {
	t.Helper()
	await.Within(t, await.Patience, "the restore of job "+job, func(ctx context.Context) error {
		text, err := session.Get(ctx, cluster.REST, "/jobs/"+job+"/checkpoints")
		if err == nil && (path == "" || !strings.Contains(text, `"external_path":"`+path+`"`)) {
			err = fmt.Errorf("not from %q: %s", path, text)
		}
		return err
	})
}

func withoutSavepoints(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	spec := insertForever(cluster)
	delete(spec.Configuration, "state.savepoints.dir")
	a.apply(statement{name: "forgetful", spec: spec})
	first := a.runs("forgetful")
	spec.State = "suspended"
	a.apply(statement{name: "forgetful", generation: 2, spec: spec})
	s := a.reaches("forgetful", "suspended", func(s status) bool { return s.LifecycleState == "SUSPENDED" })
	if s.JobStatus.UpgradeSavepointPath != "" {
		t.Errorf("the status is %+v", s)
	}
	spec.State = "running"
	a.apply(statement{name: "forgetful", generation: 3, spec: spec})
	a.reaches("forgetful", "running anew", func(s status) bool {
		return s.JobStatus.State == "RUNNING" && s.JobStatus.JobID != first.JobStatus.JobID
	})
	a.remove("forgetful")
	noJobs(t, cluster, "forgetful")
}

func failingInsert(t *testing.T, cluster *session.Cluster) {
	a := start(t, cluster)
	a.apply(statement{name: "failing-insert", spec: sql.Spec{
		Detached: true, Setup: []string{nowhere},
		Statement:     "INSERT INTO nowhere SELECT CAST(word AS BIGINT), word FROM (VALUES ('1'), ('x')) AS t (word)",
		Configuration: map[string]string{"restart-strategy.type": "none"},
	}})
	s := a.fails("failing-insert")
	if len(s.Exceptions) == 0 || s.Error != "For input string: 'x'. Invalid character found." {
		t.Errorf("the status is %+v", s)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.events) == 0 {
		t.Error("no event tells of the exception")
	}
}
