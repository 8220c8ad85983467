package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox/supervise"
)

// runFlink runs a cluster whose processes are fake.
func runFlink(t *testing.T, config Config) (*trial, *fakeFlink) {
	t.Helper()
	fake, home := newFakeFlink(t)
	config.FlinkHomes, config.Supervisor, config.start = []string{home}, []string{"unused"}, fake.start
	if config.FlinkDir == "" {
		config.FlinkDir = t.TempDir()
	}
	return run(t, config), fake
}

const flinkApplication = `{image: x, flinkVersion: v2_2, serviceAccount: flink, ` +
	`jobManager: {resource: {cpu: 1, memory: 1024m}}, taskManager: {resource: {cpu: 1, memory: 1024m}}, ` +
	`flinkConfiguration: {state.savepoints.dir: "file:///s"}, ` +
	`job: {jarURI: "local:///opt/flink/examples/job.jar", parallelism: 2, upgradeMode: savepoint}}`

const flinkSession = `{image: x, flinkVersion: v2_2, serviceAccount: flink, ` +
	`jobManager: {resource: {cpu: 1, memory: 1024m}}, taskManager: {resource: {cpu: 1, memory: 1024m}}}`

func TestAnApplicationRunsAndIsResumedFromItsSavepoint(t *testing.T) {
	c, fake := runFlink(t, Config{})
	c.create(deployments, "app", flinkApplication, nil)
	app := c.await(deployments, "app", stable)
	if app.job() != "RUNNING" || app.at("status", "jobStatus", "jobName") != "fake job" || app.at("status", "clusterInfo", "flink-version") != "2.2.0" {
		t.Errorf("the status is %v", app.Object["status"])
	}
	if !strings.HasPrefix(app.at("status", "clusterInfo", "weir-rest"), "http://127.0.0.1:") {
		t.Errorf("the JobManager is at %q", app.at("status", "clusterInfo", "weir-rest"))
	}
	if mark := app.at("status", "clusterInfo", "weir-sandbox"); mark != "" {
		t.Errorf("it says that it is %s", mark)
	}
	c.patch(deployments, "app", `{"spec":{"job":{"state":"suspended"}}}`)
	app = c.await(deployments, "app", suspended)
	if app.restored() != "file:///s/savepoint-stop" || app.manager() != "MISSING" {
		t.Errorf("suspended, it has the savepoint %q and its JobManager is %s", app.restored(), app.manager())
	}
	c.patch(deployments, "app", `{"spec":{"job":{"state":"running"}}}`)
	c.await(deployments, "app", func(o object) bool { return stable(o) && o.job() == "RUNNING" })
	starts := fake.starts("standalone-job.sh")
	if len(starts) != 2 || strings.Contains(starts[0], "--fromSavepoint") || !strings.Contains(starts[1], "--fromSavepoint file:///s/savepoint-stop") {
		t.Errorf("the JobManager was started as %q", starts)
	}
	if taskManagers := fake.starts("taskmanager.sh"); len(taskManagers) != 4 {
		t.Errorf("a job of parallelism 2 with a slot each had the TaskManagers %q in two runs", taskManagers)
	}
}

func TestASessionClusterHasASQLGateway(t *testing.T) {
	c, fake := runFlink(t, Config{})
	c.create(deployments, "pool", flinkSession, nil)
	pool := c.await(deployments, "pool", stable)
	if !strings.HasPrefix(pool.at("status", "clusterInfo", "weir-sql-gateway"), "http://127.0.0.1:") || pool.manager() != "READY" {
		t.Errorf("the status is %v", pool.Object["status"])
	}
	c.create(sessionJobs, "job", `{deploymentName: pool, job: {jarURI: "local:///opt/flink/examples/job.jar", parallelism: 1, upgradeMode: stateless}}`, nil)
	job := c.await(sessionJobs, "job", func(o object) bool { return stable(o) && o.job() == "RUNNING" })
	if fake.uploaded != 1 {
		t.Errorf("%d jars were uploaded", fake.uploaded)
	}
	if err := c.in(sessionJobs).Delete(c.ctx, "job", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await.Until(c, "the job is cancelled", func() (cancelled bool) {
		fake.change(job.jobID(), func(j *fakeJob) { cancelled = j.state == "CANCELED" })
		return cancelled
	})
}

func TestAnUnmanagedJobKeepsASessionCluster(t *testing.T) {
	c, fake := runFlink(t, Config{})
	c.create(deployments, "pool", flinkSession, nil)
	c.await(deployments, "pool", stable)
	fake.mu.Lock()
	fake.jobs["query"] = &fakeJob{state: "RUNNING"}
	fake.mu.Unlock()
	if err := c.in(deployments).Delete(c.ctx, "pool", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	pool := c.await(deployments, "pool", failing)
	if !strings.Contains(pool.failure(), "query (fake job)") {
		t.Errorf("the error is %s", pool.failure())
	}
	fake.change("query", func(j *fakeJob) { j.state = "CANCELED" })
	c.follow(deployments, "pool", object.lifecycle, func(object) bool { return false })
}

func TestATaskManagerThatExitsIsRestarted(t *testing.T) {
	c, fake := runFlink(t, Config{})
	c.create(deployments, "app", flinkApplication, nil)
	c.await(deployments, "app", stable)
	fake.end("taskmanager-2", supervise.Killed(9))
	told := object{c.events("app", "ProcessEnded")["ProcessEnded"]}
	if want := "The process taskmanager-2 of app ended and is started again: killed by signal 9 (killed)"; told.at("message") != want {
		t.Errorf("the event says %q, want %q", told.at("message"), want)
	}
	await.Until(c, "there is a third start", func() bool { return len(fake.starts("taskmanager.sh")) == 3 })
}

func TestAJobManagerThatDoesNotStartReportsTheCause(t *testing.T) {
	c, fake := runFlink(t, Config{})
	fake.stillborn = "Exception in thread \"main\" java.lang.RuntimeException: wrapper\nCaused by: java.lang.ClassNotFoundException: com.example.Nope\n\tat x\n"
	c.create(deployments, "app", flinkApplication, nil)
	app := c.await(deployments, "app", func(o object) bool { return o.manager() == "ERROR" })
	if !strings.Contains(app.failure(), "java.lang.ClassNotFoundException: com.example.Nope") {
		t.Errorf("the error is %s", app.failure())
	}
	c.events("app", "CrashLoopBackOff")
	fake.mu.Lock()
	fake.stillborn = ""
	fake.mu.Unlock()
	c.patch(deployments, "app", `{"spec":{"job":{"upgradeMode":"stateless"},"restartNonce":1}}`)
	c.await(deployments, "app", func(o object) bool { return stable(o) && o.job() == "RUNNING" })
}

func TestAFailedJobReportsItsExceptions(t *testing.T) {
	c, fake := runFlink(t, Config{})
	c.create(deployments, "app", flinkApplication, nil)
	app := c.await(deployments, "app", stable)
	fake.change(app.jobID(), func(j *fakeJob) {
		j.state = "FAILED"
		j.exceptions = []map[string]any{{
			"exceptionName": "org.apache.flink.runtime.JobException", "timestamp": 1700000000001, "taskName": "Map (1/2)",
			"stacktrace": "org.apache.flink.runtime.JobException: suppressed\n\tat a\n\tat b\n\tat c\n\tat d\n\tat e\nCaused by: java.lang.IllegalStateException: boom\n\tat f\n",
		}}
	})
	app = c.await(deployments, "app", isFailed)
	if !strings.Contains(app.failure(), "java.lang.IllegalStateException: boom") {
		t.Errorf("the error is %s", app.failure())
	}
	told := object{c.events("app", "JobException", "Error")["JobException"]}
	if message := told.at("message"); !strings.Contains(message, "boom") || strings.Contains(message, "at e") {
		t.Errorf("the event says %q", message)
	}
	if told.at("metadata", "annotations", "exception-timestamp") != "1700000000001" || told.at("metadata", "annotations", "task-name") != "Map (1/2)" {
		t.Errorf("its annotations are %v", told.GetAnnotations())
	}
}

func TestALostJobManagerIsRecoveredFromTheNewestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	c, fake := runFlink(t, Config{FlinkDir: dir})
	c.create(deployments, "app", flinkApplication, nil)
	app := c.await(deployments, "app", stable)
	checkpoint := filepath.Join(dir, "default", "app", "checkpoints", app.jobID(), "chk-7")
	if err := os.MkdirAll(checkpoint, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(checkpoint, "_metadata"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fake.end("jobmanager", supervise.Killed(9))
	c.events("app", "RecoverDeployment")
	await.Until(c, "it goes on from the checkpoint", func() bool {
		return len(fake.starts("--job-id "+app.jobID())) == 2 && len(fake.starts("--fromSavepoint file://"+checkpoint)) == 1
	})
	c.await(deployments, "app", func(o object) bool { return o.job() == "RUNNING" && o.manager() == "READY" })
}

func TestASnapshotIsASavepointUntilItIsDeleted(t *testing.T) {
	c, fake := runFlink(t, Config{})
	c.create(deployments, "app", flinkApplication, nil)
	c.await(deployments, "app", stable)
	c.create(snapshots, "point", `{jobReference: {kind: FlinkDeployment, name: app}, savepoint: {}}`, nil)
	point := c.await(snapshots, "point", func(o object) bool { return o.at("status", "state") == "COMPLETED" })
	if point.at("status", "path") != "file:///s/savepoint-1" {
		t.Errorf("it is at %q", point.at("status", "path"))
	}
	if err := c.in(snapshots).Delete(c.ctx, "point", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await.Until(c, "it is disposed of", func() bool {
		fake.mu.Lock()
		defer fake.mu.Unlock()
		return len(fake.disposed) == 1 && fake.disposed[0] == "file:///s/savepoint-1"
	})
}

func TestALaterSandboxRestartsTheProcesses(t *testing.T) {
	dir, flinkDir := t.TempDir(), t.TempDir()
	c, _ := runFlink(t, Config{Dir: dir, FlinkDir: flinkDir})
	c.create(deployments, "app", flinkApplication, nil)
	before := c.await(deployments, "app", stable)
	c.stop()
	c, fake := runFlink(t, Config{Dir: dir, FlinkDir: flinkDir})
	c.events("app", "RecoverDeployment")
	await.Until(c, "the same job runs", func() bool { return len(fake.starts("--job-id "+before.jobID())) == 1 })
	c.await(deployments, "app", func(o object) bool { return o.job() == "RUNNING" && o.manager() == "READY" })
}

func TestAVersionWithoutADistributionIsRejected(t *testing.T) {
	c, _ := runFlink(t, Config{})
	c.create(deployments, "app", strings.Replace(flinkApplication, "v2_2", "v1_19", 1), nil)
	app := c.await(deployments, "app", failing)
	if !strings.Contains(app.failure(), "the sandbox has Flink distributions of v2_2") {
		t.Errorf("the error is %s", app.failure())
	}
	c.events("app", "ValidationError")
}

func TestInvalidFlinkHomes(t *testing.T) {
	_, err := New(Config{Name: "x", FlinkHomes: []string{t.TempDir()}, FlinkDir: t.TempDir(), Supervisor: []string{"x"}})
	if err == nil || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "is not a Flink distribution") {
		t.Errorf("the error is %v", err)
	}
}
