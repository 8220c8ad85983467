package sandbox

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/internal/await"
)

func TestFirstDeployment(t *testing.T) {
	c := run(t, Config{})
	created := c.create(deployments, "app", application("", ""), nil)
	seen, app := c.follow(deployments, "app", object.states, stable)
	want := []string{
		"  ",
		"CREATED MISSING ",
		"UPGRADING MISSING ",
		"DEPLOYED DEPLOYING RECONCILING",
		"DEPLOYED DEPLOYED_NOT_READY RECONCILING",
		"DEPLOYED READY RECONCILING",
		"DEPLOYED READY CREATED",
		"STABLE READY RUNNING",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("states differ (-want +got):\n%s", diff)
	}
	if id := app.jobID(); !regexp.MustCompile("^[0-9a-f]{32}$").MatchString(id) {
		t.Errorf("job id is %q", id)
	}
	for path, want := range map[string]string{
		"status.jobStatus.jobName":          "app",
		"status.observedGeneration":         "1",
		"status.reconciliationStatus.state": "DEPLOYED",
		"status.clusterInfo.weir-sandbox":   "simulated",
		"status.clusterInfo.flink-version":  "1.19.0",
		"status.taskManager.replicas":       "2",
		"status.taskManager.labelSelector":  "component=taskmanager,app=app",
		"status.error":                      "",
	} {
		if got := app.at(strings.Split(path, ".")...); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"startTime", "updateTime"} {
		if got := app.at("status", "jobStatus", path); !regexp.MustCompile(`^\d{13}$`).MatchString(got) {
			t.Errorf("%s is %q, want epoch milliseconds", path, got)
		}
	}
	recorded := app.at("status", "reconciliationStatus", "lastReconciledSpec")
	if !strings.Contains(recorded, `"resource_metadata"`) || recorded != app.at("status", "reconciliationStatus", "lastStableSpec") {
		t.Errorf("the recorded spec is %s", recorded)
	}
	if diff := cmp.Diff([]string{"flinkdeployments.flink.apache.org/finalizer"}, app.GetFinalizers()); diff != "" {
		t.Errorf("finalizers differ (-want +got):\n%s", diff)
	}
	submit := object{c.events("app", "Submit", "JobStatusChanged")["Submit"]}
	if submit.at("involvedObject", "uid") != string(created.GetUID()) || submit.at("source", "component") != "JobManagerDeployment" ||
		submit.at("count") != "1" || submit.at("type") != "Normal" {
		t.Errorf("the event is %v", submit.Object)
	}
}

func TestDeploymentCreatedAsSuspendedStaysCreated(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application(", state: suspended", ""), nil)
	app := c.await(deployments, "app", func(o object) bool { return o.lifecycle() == "CREATED" })
	if app.at("status", "observedGeneration") != "" {
		t.Errorf("observedGeneration is %s", app.at("status", "observedGeneration"))
	}
	c.patch(deployments, "app", `{"spec":{"job":{"state":"running"}}}`)
	c.await(deployments, "app", stable)
}

// upgradeCase is a change of a running job.
type upgradeCase struct {
	job, config string
	change      string
	// sameJob tells whether the job keeps its id.
	sameJob bool
	// restored is what upgradeSavepointPath begins with; empty is none.
	restored string
	events   []string
}

func TestUpgrade(t *testing.T) {
	const change = `{"spec":{"job":{"parallelism":3}}}`
	const available = `, high-availability.type: kubernetes`
	tests := map[string]upgradeCase{
		"stateless drops state": {
			job: ", upgradeMode: stateless", change: change,
			events: []string{"SpecChanged", "Suspended", "Submit", "JobStatusChanged"},
		},
		"savepoint restores from one": {
			job: ", upgradeMode: savepoint", change: change,
			restored: "file:///weir-sandbox/savepoints/savepoint-", events: []string{"SpecChanged", "Suspended"},
		},
		"last-state with high availability goes on as the same job": {
			job: ", upgradeMode: last-state", config: available, change: change,
			sameJob: true, restored: "KUBERNETES_OPERATOR_LAST_STATE",
		},
		"last-state without it restores from a checkpoint": {
			job: ", upgradeMode: last-state", change: change,
			restored: "file:///weir-sandbox/checkpoints/",
		},
		"last-state takes a savepoint for another version of Flink": {
			job: ", upgradeMode: last-state", config: available, change: `{"spec":{"flinkVersion":"v1_20"}}`,
			restored: "file:///weir-sandbox/savepoints/",
		},
		"a restart nonce restarts": {
			job: ", upgradeMode: savepoint", change: `{"spec":{"restartNonce":1}}`,
			restored: "file:///weir-sandbox/savepoints/",
		},
		"a redeploy nonce restores from the path named": {
			job: ", upgradeMode: savepoint", change: `{"spec":{"job":{"initialSavepointPath":"s3://s/1","savepointRedeployNonce":1}}}`,
			restored: "s3://s/1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := run(t, Config{})
			c.create(deployments, "app", application(test.job, test.config), nil)
			before := c.await(deployments, "app", stable)
			c.patch(deployments, "app", test.change)
			seen, after := c.follow(deployments, "app", object.lifecycle, func(o object) bool {
				return stable(o) && o.at("status", "jobStatus", "startTime") != ""
			})
			if !stable(after) || after.job() != "RUNNING" {
				t.Fatalf("states are %v, the job is %s", seen, after.job())
			}
			if same := before.jobID() == after.jobID(); same != test.sameJob {
				t.Errorf("the job keeps its id: %v, want %v", same, test.sameJob)
			}
			if !strings.HasPrefix(after.restored(), test.restored) || (test.restored == "") != (after.restored() == "") {
				t.Errorf("restored from %q, want %q", after.restored(), test.restored)
			}
			c.events("app", test.events...)
		})
	}
}

func TestIneffectiveChanges(t *testing.T) {
	for _, change := range []string{
		`{"spec":{"job":{"upgradeMode":"savepoint"}}}`,
		`{"spec":{"job":{"initialSavepointPath":"s3://s/1"}}}`,
		`{"spec":{"job":{"allowNonRestoredState":true}}}`,
		`{"spec":{"flinkConfiguration":{"job.autoscaler.enabled":"false"}}}`,
		`{"spec":{"flinkConfiguration":{"state.savepoints.dir":null,"state":{"savepoints":{"dir":"s3://s"}}}}}`,
	} {
		t.Run(change, func(t *testing.T) {
			c := run(t, Config{})
			c.create(deployments, "app", application("", ""), nil)
			before := c.await(deployments, "app", stable)
			c.patch(deployments, "app", change)
			seen, after := c.follow(deployments, "app", object.states, object.observed)
			if diff := cmp.Diff([]string{"STABLE READY RUNNING"}, seen); diff != "" {
				t.Errorf("states differ (-want +got):\n%s", diff)
			}
			if before.jobID() != after.jobID() {
				t.Error("the job is another")
			}
		})
	}
}

func TestSuspendAndResume(t *testing.T) {
	tests := map[string]struct {
		mode, manager, restored string
		config                  string
	}{
		"stateless":                         {mode: "stateless", manager: "MISSING"},
		"savepoint":                         {mode: "savepoint", manager: "READY", restored: "file:///weir-sandbox/savepoints/"},
		"last-state":                        {mode: "last-state", manager: "MISSING", restored: "file:///weir-sandbox/checkpoints/"},
		"last-state with high availability": {mode: "last-state", manager: "MISSING", restored: "KUBERNETES_OPERATOR_LAST_STATE", config: ", high-availability: kubernetes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := run(t, Config{})
			c.create(deployments, "app", application(", upgradeMode: "+test.mode, test.config), nil)
			c.await(deployments, "app", stable)
			c.patch(deployments, "app", `{"spec":{"job":{"state":"suspended"}}}`)
			app := c.await(deployments, "app", suspended)
			if got, want := app.states(), "SUSPENDED "+test.manager+" FINISHED"; got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
			if !strings.HasPrefix(app.restored(), test.restored) {
				t.Errorf("upgradeSavepointPath is %q, want %q", app.restored(), test.restored)
			}
			left := app.restored()
			// What changes meanwhile is recorded and not started.
			c.patch(deployments, "app", `{"spec":{"job":{"parallelism":4}}}`)
			c.await(deployments, "app", suspended)
			c.patch(deployments, "app", `{"spec":{"job":{"state":"running"}}}`)
			app = c.await(deployments, "app", stable)
			if app.restored() != left || app.job() != "RUNNING" {
				t.Errorf("resumed from %q as %s, want from %q", app.restored(), app.job(), left)
			}
		})
	}
}

func TestSavepointOfAnUpgradeIsRecorded(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application(", upgradeMode: savepoint", ""), nil)
	c.await(deployments, "app", stable)
	c.patch(deployments, "app", `{"spec":{"job":{"state":"suspended"}}}`)
	app := c.await(deployments, "app", suspended)
	var name string
	await.Until(c, "there is a snapshot", func() bool {
		list, err := c.in(snapshots).List(c.ctx, metav1.ListOptions{LabelSelector: "snapshot.trigger-type=UPGRADE,job-reference.name=app"})
		if err != nil || len(list.Items) != 1 {
			return false
		}
		name = list.Items[0].GetName()
		return true
	})
	if !regexp.MustCompile(`^app-savepoint-upgrade-\d{13}$`).MatchString(name) {
		t.Errorf("the snapshot's name is %s", name)
	}
	snapshot := c.await(snapshots, name, func(o object) bool { return o.at("status", "state") == "COMPLETED" })
	if path := snapshot.at("status", "path"); path != app.restored() {
		t.Errorf("the snapshot's path is %q, want %q", path, app.restored())
	}
}

func TestDeletion(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), nil)
	c.await(deployments, "app", stable)
	if err := c.in(deployments).Delete(c.ctx, "app", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await.Until(c, "it is gone", func() bool {
		list, err := c.in(deployments).List(c.ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0
	})
	c.events("app", "Cleanup")
}

func TestRejectedChangeLeavesTheJob(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), nil)
	before := c.await(deployments, "app", stable)
	c.patch(deployments, "app", `{"spec":{"job":{"parallelism":0}}}`)
	app := c.await(deployments, "app", failing)
	if app.states() != "STABLE READY RUNNING" || app.jobID() != before.jobID() || app.at("status", "observedGeneration") != "1" {
		t.Errorf("states are %s, observedGeneration %s", app.states(), app.at("status", "observedGeneration"))
	}
	if !strings.Contains(app.failure(), "ValidationException") || !strings.Contains(app.failure(), "spec.job.parallelism: must be between 1") {
		t.Errorf("the error is %s", app.failure())
	}
	c.events("app", "ValidationError")
	c.patch(deployments, "app", `{"spec":{"job":{"parallelism":5}}}`)
	if app = c.await(deployments, "app", stable); failing(app) {
		t.Errorf("the error stays: %s", app.failure())
	}
}

func TestRunningJobsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	c.create(deployments, "app", application("", ""), nil)
	before := c.await(deployments, "app", stable)
	c.stop()
	c = run(t, Config{Dir: dir})
	// A change of something else shows that the operator is at work.
	c.create(deployments, "other", application("", ""), nil)
	c.await(deployments, "other", stable)
	after := c.get(deployments, "app")
	if diff := cmp.Diff(before.Object["status"], after.Object["status"]); diff != "" {
		t.Errorf("the status differs (-before +after):\n%s", diff)
	}
	if before.GetResourceVersion() != after.GetResourceVersion() {
		t.Error("the object was written anew")
	}
}

func TestSavepointOnDeletion(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ", kubernetes.operator.job.savepoint-on-deletion: true"), nil)
	c.await(deployments, "app", stable)
	if err := c.in(deployments).Delete(c.ctx, "app", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await.Until(c, "the savepoint outlives the job", func() bool {
		list, err := c.in(snapshots).List(c.ctx, metav1.ListOptions{LabelSelector: "job-reference.name=app"})
		return err == nil && len(list.Items) == 1 && object{&list.Items[0]}.at("status", "state") == "COMPLETED"
	})
}
