//go:build flink

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const stateMachine = `flinkConfiguration: {taskmanager.numberOfTaskSlots: "2", execution.checkpointing.interval: 1s}, ` +
	`job: {jarURI: "local:///opt/flink/examples/streaming/StateMachineExample.jar", parallelism: 2, upgradeMode: savepoint}`

// TestApplicationLifecycle: it runs, is suspended by a savepoint and resumed
// from it, survives its TaskManager, has snapshots taken, survives the sandbox
// that is killed, and leaves nothing when it is deleted.
func TestApplicationLifecycle(t *testing.T) {
	onEveryRelease(t, func(t *testing.T, s *site) {
		s.create(deployments, "FlinkDeployment", "app", s.deployment(stateMachine))
		app := s.await(deployments, "app", "running", object.runs)
		if version := app.at("clusterInfo", "flink-version"); !strings.HasPrefix("v"+strings.ReplaceAll(version, ".", "_"), s.version) {
			t.Errorf("it runs Flink %s", version)
		}
		s.allTasksRun(app)
		suspendAndResume(t, s)
		loseTheTaskManager(t, s)
		takeASnapshot(t, s)
		loseTheSandbox(t, s)
		s.remove(deployments, "app")
		s.gone(deployments, "app")
		s.noJava()
	})
}

func suspendAndResume(t *testing.T, s *site) {
	s.patch(deployments, "app", `{"spec":{"job":{"state":"suspended"}}}`)
	app := s.await(deployments, "app", "suspended", func(o object) bool { return o.at("lifecycleState") == "SUSPENDED" })
	savepoint := app.at("jobStatus", "upgradeSavepointPath")
	if _, err := os.Stat(strings.TrimPrefix(savepoint, "file:") + "/_metadata"); err != nil {
		t.Fatalf("the savepoint is not at %s: %v", savepoint, err)
	}
	s.noJava()
	s.patch(deployments, "app", `{"spec":{"job":{"state":"running"}}}`)
	app = s.await(deployments, "app", "running again", object.runs)
	if restored := restoredFrom(s, app); restored != savepoint {
		t.Errorf("it goes on from %s, want %s", restored, savepoint)
	}
	s.allTasksRun(app)
}

// restoredFrom asks Flink what a job went on from.
func restoredFrom(s *site, app object) (path string) {
	s.t.Helper()
	s.until("the job to tell what it went on from", func(ctx context.Context) error {
		var checkpoints struct {
			Latest struct {
				Restored *struct {
					Path string `json:"external_path"`
				} `json:"restored"`
			} `json:"latest"`
		}
		if err := s.rest(ctx, app, "/jobs/"+app.at("jobStatus", "jobId")+"/checkpoints", &checkpoints); err != nil {
			return err
		}
		if checkpoints.Latest.Restored == nil {
			return fmt.Errorf("from nothing")
		}
		path = checkpoints.Latest.Restored.Path
		return nil
	})
	return path
}

func loseTheTaskManager(t *testing.T, s *site) {
	before := s.java("TaskManagerRunner")
	if len(before) != 1 {
		t.Fatalf("the TaskManagers are %v", before)
	}
	id, err := strconv.Atoi(before[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(id, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.event("app", "ProcessEnded", "taskmanager-1 of app ended and is started again: killed by signal 9")
	s.event("app", "JobException", "")
	s.event("app", "JobStatusChanged", "from RUNNING to RESTARTING")
	s.allTasksRun(s.await(deployments, "app", "running after all", object.runs))
}

func takeASnapshot(t *testing.T, s *site) {
	s.create(snapshots, "FlinkStateSnapshot", "point",
		`{backoffLimit: 5, jobReference: {kind: FlinkDeployment, name: app}, savepoint: {formatType: NATIVE}}`)
	point := s.await(snapshots, "point", "complete", func(o object) bool { return o.at("state") == "COMPLETED" })
	path := strings.TrimPrefix(point.at("path"), "file:")
	if _, err := os.Stat(path + "/_metadata"); err != nil {
		t.Errorf("the savepoint is not at %s: %v", path, err)
	}
	s.remove(snapshots, "point")
	s.gone(snapshots, "point")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the savepoint was not disposed of: %v", err)
	}
}

// loseTheSandbox kills it without warning: Flink ends with it, and goes on
// from a checkpoint when it is started again.
func loseTheSandbox(t *testing.T, s *site) {
	if len(s.java("")) != 2 {
		t.Errorf("the Java machines are %v", s.java(""))
	}
	before := s.await(deployments, "app", "running", object.runs)
	own := filepath.Join(s.sandbox.Dir, "workload", "flink", "default", "app", "checkpoints", before.at("jobStatus", "jobId"), "chk-*", "_metadata")
	s.until("it to have a checkpoint", func(context.Context) error {
		if found, err := filepath.Glob(own); err != nil || len(found) == 0 {
			return errors.Join(fmt.Errorf("there is none at %s", own), err)
		}
		return nil
	})
	s.process.Kill()
	s.noJava()
	s.start()
	s.event("app", "RecoverDeployment", "")
	app := s.await(deployments, "app", "running in the next sandbox", func(o object) bool {
		return o.runs() && o.at("clusterInfo", "weir-rest") != "" && o.at("jobManagerDeploymentStatus") == "READY"
	})
	if path := restoredFrom(s, app); !strings.Contains(path, before.at("jobStatus", "jobId")+"/chk-") {
		t.Errorf("it goes on from %s, which is no checkpoint of its own", path)
	}
}
