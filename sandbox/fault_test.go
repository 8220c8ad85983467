package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/internal/await"
)

func fail(fault string) map[string]string { return map[string]string{"sandbox.weir.dev/fail": fault} }

func TestFaults(t *testing.T) {
	tests := map[string]struct {
		fault  string
		until  func(object) bool
		states string
		// failure is part of status.error; empty if there is none.
		failure string
		// event is the reason of a warning.
		event string
	}{
		"a spec is refused": {
			fault: "validation", until: failing, states: "FAILED MISSING ",
			failure: "ValidationException", event: "ValidationError",
		},
		"an image cannot be pulled": {
			fault: "image", until: failing, states: "DEPLOYED ERROR RECONCILING",
			failure: "DeploymentFailedException", event: "ImagePullBackOff",
		},
		"a JobManager crashes": {
			fault: "jobmanager", until: failing, states: "DEPLOYED ERROR RECONCILING",
			failure: "DeploymentFailedException", event: "CrashLoopBackOff",
		},
		"a job fails": {
			fault: "job", until: isFailed, states: "FAILED READY FAILED",
			failure: "The job failed", event: "JobException",
		},
		"a job fails once and recovers": {
			fault: "crash-once", until: func(o object) bool {
				return o.at("status", "clusterInfo", "weir-sandbox-restarts") == "1" && o.job() == "RUNNING"
			},
			states: "STABLE READY RUNNING", event: "JobException",
		},
		"a job fails again and again": {
			fault: "restart-loop", until: func(o object) bool {
				return o.at("status", "clusterInfo", "weir-sandbox-restarts") == "3" && o.job() == "RUNNING"
			},
			states: "STABLE READY RUNNING", event: "JobException",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := run(t, Config{})
			c.create(deployments, "app", application("", ""), fail(test.fault))
			app := c.await(deployments, "app", test.until)
			if app.states() != test.states {
				t.Errorf("states are %q, want %q", app.states(), test.states)
			}
			if !strings.Contains(app.failure(), test.failure) || failing(app) != (test.failure != "") {
				t.Errorf("the error is %q, want %q", app.failure(), test.failure)
			}
			if failing(app) && !strings.Contains(app.failure(), "simulated") {
				t.Errorf("the error does not say that it is simulated: %s", app.failure())
			}
			event := object{c.events("app", test.event)[test.event]}
			if event.at("type") != "Warning" || !strings.Contains(event.at("message"), "simulated") {
				t.Errorf("the event is %v", event.Object)
			}
		})
	}
}

func TestFailingJobRunsBeforeItFails(t *testing.T) {
	c := run(t, Config{Pace: 5 * time.Millisecond})
	c.create(deployments, "app", application("", ""), fail("job"))
	seen, _ := c.follow(deployments, "app", object.job, isFailed)
	if diff := cmp.Diff([]string{"CREATED", "RUNNING", "FAILED"}, seen[max(0, len(seen)-3):]); diff != "" {
		t.Errorf("states differ (-want +got):\n%s", diff)
	}
	exception := object{c.events("app", "JobException", "Error")["JobException"]}
	if exception.at("source", "component") != "Job" || exception.GetAnnotations()["exception-timestamp"] == "" ||
		!strings.Contains(exception.at("message"), "\n\tat ") {
		t.Errorf("the event is %v", exception.Object)
	}
}

func TestFailedJobIsRestartedByANonce(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), fail("job"))
	c.await(deployments, "app", isFailed)
	c.patch(deployments, "app", `{"metadata":{"annotations":null},"spec":{"restartNonce":1}}`)
	if app := c.await(deployments, "app", stable); failing(app) {
		t.Errorf("the error stays: %s", app.failure())
	}
}

func TestJobFinishes(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), map[string]string{"sandbox.weir.dev/finish-after": "50ms"})
	app := c.await(deployments, "app", func(o object) bool { return o.job() == "FINISHED" })
	// As the operator has it: done, and stable.
	if app.states() != "STABLE READY FINISHED" {
		t.Errorf("states are %q", app.states())
	}
}

func TestFailedSavepointBlocksTheSuspend(t *testing.T) {
	tests := map[string]struct{ fault string }{
		"for ever": {"savepoint"},
		"once":     {"flaky-savepoint"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := run(t, Config{})
			c.create(deployments, "app", application(", upgradeMode: savepoint", ""), fail(test.fault))
			c.await(deployments, "app", stable)
			c.patch(deployments, "app", `{"spec":{"job":{"state":"suspended"}}}`)
			app := c.await(deployments, "app", failing)
			if app.job() != "RUNNING" || app.observed() {
				t.Errorf("states are %q", app.states())
			}
			c.events("app", "SavepointError")
			if test.fault == "savepoint" {
				c.patch(deployments, "app", `{"metadata":{"annotations":null}}`)
			}
			if app = c.await(deployments, "app", suspended); failing(app) {
				t.Errorf("the error stays: %s", app.failure())
			}
		})
	}
}

func TestDeletionWaitsForTheCleanup(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application("", ""), fail("cleanup"))
	c.await(deployments, "app", stable)
	if err := c.in(deployments).Delete(c.ctx, "app", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	app := c.await(deployments, "app", failing)
	if app.lifecycle() != "DELETING" {
		t.Errorf("states are %q", app.states())
	}
	c.events("app", "CleanupFailed")
	c.patch(deployments, "app", `{"metadata":{"annotations":null}}`)
	await.Until(c, "it is gone", func() bool {
		list, err := c.in(deployments).List(c.ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0
	})
}

func TestPaceOfOneObject(t *testing.T) {
	c := run(t, Config{Pace: time.Hour})
	c.create(deployments, "app", application("", ""), map[string]string{"sandbox.weir.dev/pace": "1ms"})
	c.await(deployments, "app", stable)
}

func TestRepeatedEventIsCounted(t *testing.T) {
	c := run(t, Config{})
	c.create(deployments, "app", application(", upgradeMode: savepoint", ""), nil)
	c.await(deployments, "app", stable)
	for _, nonce := range []string{"1", "2"} {
		c.patch(deployments, "app", `{"spec":{"restartNonce":`+nonce+`}}`)
		c.await(deployments, "app", func(o object) bool { return stable(o) && o.job() == "RUNNING" })
	}
	await.Until(c, "the submissions are one event", func() bool {
		return object{c.events("app", "Submit")["Submit"]}.at("count") == "3"
	})
}
