package sandbox

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/internal/await"
)

const sessionJob = `{deploymentName: cluster, job: {jarURI: "https://example.com/x.jar", parallelism: 1}}`

func TestSessionCluster(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "cluster", session, nil)
	cluster := c.await(deployments, "cluster", stable)
	if got := cluster.states(); got != "STABLE READY " {
		t.Errorf("states are %q", got)
	}
	conditions, _ := cluster.Object["status"].(map[string]any)["conditions"].([]any)
	if len(conditions) != 1 || conditions[0].(map[string]any)["status"] != "True" {
		t.Errorf("conditions are %v", conditions)
	}
	c.patch(deployments, "cluster", `{"spec":{"restartNonce":1}}`)
	seen, _ := c.follow(deployments, "cluster", object.lifecycle, stable)
	if seen[len(seen)-1] != "STABLE" {
		t.Errorf("states are %v", seen)
	}
}

func TestSessionJobWaitsForItsCluster(t *testing.T) {
	c := run(t, Config{})
	c.create(sessionJobs, "job", sessionJob, nil)
	c.await(sessionJobs, "job", func(o object) bool { return o.lifecycle() == "CREATED" })
	c.create(deployments, "cluster", session, nil)
	job := c.await(sessionJobs, "job", stable)
	if job.job() != "RUNNING" || job.jobID() == "" {
		t.Errorf("the job is %s %s", job.job(), job.jobID())
	}
	c.patch(sessionJobs, "job", `{"spec":{"job":{"state":"suspended"}}}`)
	if job = c.await(sessionJobs, "job", suspended); job.job() != "FINISHED" {
		t.Errorf("the job is %s", job.job())
	}
}

func TestBatchJobEnds(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "cluster", session, nil)
	c.create(sessionJobs, "job", `{deploymentName: cluster, flinkConfiguration: {execution.runtime-mode: BATCH}, job: {parallelism: 1}}`, nil)
	job := c.await(sessionJobs, "job", func(o object) bool { return o.job() == "FINISHED" })
	if job.lifecycle() != "STABLE" {
		t.Errorf("it is %s", job.lifecycle())
	}
}

func TestSessionJobIsRejected(t *testing.T) {
	tests := map[string]struct{ spec, says string }{
		"with a jar by a scheme that is not allowed": {
			`{deploymentName: cluster, job: {jarURI: "local:///x.jar", parallelism: 1}}`, "allowed schemes"},
		"with a jar on a restricted host": {
			`{deploymentName: cluster, job: {jarURI: "https://127.0.0.1/x.jar", parallelism: 1}}`, "restricted host"},
		"without a job": {`{deploymentName: cluster}`, "spec.job: must be set"},
		"on an application cluster": {
			`{deploymentName: app, job: {jarURI: "https://example.com/x.jar", parallelism: 1}}`, "application cluster"},
	}
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), nil)
	c.await(deployments, "app", stable)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			name := strings.ReplaceAll(strings.ToLower(name), " ", "-")
			c.create(sessionJobs, name, test.spec, nil)
			job := c.await(sessionJobs, name, failing)
			if !strings.Contains(job.failure(), test.says) || job.lifecycle() != "FAILED" {
				t.Errorf("%s with the error %s", job.lifecycle(), job.failure())
			}
		})
	}
}

func TestSessionClusterIsDeletedAfterItsJobs(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "cluster", session, nil)
	c.create(sessionJobs, "job", sessionJob, nil)
	c.await(sessionJobs, "job", stable)
	if err := c.in(deployments).Delete(c.ctx, "cluster", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	cluster := c.await(deployments, "cluster", failing)
	if cluster.lifecycle() != "DELETING" || !strings.Contains(cluster.failure(), "session jobs: job") {
		t.Errorf("%s with the error %s", cluster.lifecycle(), cluster.failure())
	}
	c.events("cluster", "CleanupFailed")
	if err := c.in(sessionJobs).Delete(c.ctx, "job", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await.Until(c, "both are gone", func() bool {
		clusters, err := c.in(deployments).List(c.ctx, metav1.ListOptions{})
		if err != nil {
			return false
		}
		jobs, err := c.in(sessionJobs).List(c.ctx, metav1.ListOptions{})
		return err == nil && len(clusters.Items)+len(jobs.Items) == 0
	})
}

func TestSnapshots(t *testing.T) {
	const of = "jobReference: {kind: FlinkDeployment, name: app}"
	tests := map[string]struct {
		fault, spec string
		states      []string
		path        string
		event       string
	}{
		"a savepoint": {
			spec:   "{" + of + ", savepoint: {disposeOnDelete: false}, backoffLimit: 0}",
			states: []string{"TRIGGER_PENDING", "IN_PROGRESS", "COMPLETED"},
			path:   "file:///weir-sandbox/savepoints/savepoint-",
		},
		"a checkpoint": {
			spec:   "{" + of + ", checkpoint: {}}",
			states: []string{"TRIGGER_PENDING", "IN_PROGRESS", "COMPLETED"},
			path:   "file:///weir-sandbox/checkpoints/",
		},
		"one that exists": {
			spec:   "{savepoint: {alreadyExists: true, path: \"s3://s/1\"}}",
			states: []string{"TRIGGER_PENDING", "COMPLETED"},
			path:   "s3://s/1",
		},
		"of a job that does not exist": {
			spec:   "{jobReference: {kind: FlinkDeployment, name: nobody}, savepoint: {}}",
			states: []string{"TRIGGER_PENDING", "ABANDONED"}, event: "SnapshotAbandoned",
		},
		"that fails for good": {
			fault: "savepoint", spec: "{" + of + ", savepoint: {}, backoffLimit: 0}",
			states: []string{"TRIGGER_PENDING", "IN_PROGRESS", "FAILED"}, event: "SavepointError",
		},
		"that is tried again": {
			fault: "flaky-savepoint", spec: "{" + of + ", savepoint: {}, backoffLimit: 1}",
			states: []string{"TRIGGER_PENDING", "IN_PROGRESS", "FAILED", "TRIGGER_PENDING", "IN_PROGRESS", "COMPLETED"},
			path:   "file:///weir-sandbox/savepoints/savepoint-", event: "SavepointError",
		},
	}
	state := func(o object) string { return o.at("status", "state") }
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := run(t, Config{})
			c.create(deployments, "app", application("", ""), fail(test.fault))
			c.await(deployments, "app", stable)
			c.create(snapshots, "snapshot", test.spec, nil)
			last := test.states[len(test.states)-1]
			seen, snapshot := c.follow(snapshots, "snapshot", state, func(o object) bool {
				return state(o) == last && (test.fault == "" || o.at("status", "failures") == "1")
			})
			if diff := cmp.Diff(append([]string{""}, test.states...), seen); diff != "" {
				t.Errorf("states differ (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(snapshot.at("status", "path"), test.path) {
				t.Errorf("the path is %q", snapshot.at("status", "path"))
			}
			if got := snapshot.GetLabels()["snapshot.state"]; got != last {
				t.Errorf("the label of the state is %q", got)
			}
			if test.event != "" {
				c.events("snapshot", test.event)
			}
		})
	}
}

func TestSnapshotWithDataIsDeletedOnlyWhileTheJobRuns(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), nil)
	c.await(deployments, "app", stable)
	c.create(snapshots, "snapshot", "{jobReference: {kind: FlinkDeployment, name: app}, savepoint: {}}", nil)
	c.await(snapshots, "snapshot", func(o object) bool { return o.at("status", "state") == "COMPLETED" })
	c.patch(deployments, "app", `{"spec":{"job":{"state":"suspended"}}}`)
	c.await(deployments, "app", suspended)
	if err := c.in(snapshots).Delete(c.ctx, "snapshot", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.events("snapshot", "CleanupFailed")
	c.patch(snapshots, "snapshot", `{"spec":{"savepoint":{"disposeOnDelete":false}}}`)
	await.Until(c, "it is gone", func() bool {
		list, err := c.in(snapshots).List(c.ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0
	})
}
