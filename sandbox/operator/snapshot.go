package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/validation"
)

// Values of a FlinkStateSnapshot's status.state.
const (
	snapshotPending    = "TRIGGER_PENDING"
	snapshotInProgress = "IN_PROGRESS"
	snapshotCompleted  = "COMPLETED"
	snapshotFailed     = "FAILED"
	snapshotAbandoned  = "ABANDONED"
)

// snapshotStatus is the status of a FlinkStateSnapshot. Its times are RFC 3339.
type snapshotStatus struct {
	State            string `json:"state,omitempty"`
	TriggerID        string `json:"triggerId,omitempty"`
	TriggerTimestamp string `json:"triggerTimestamp,omitempty"`
	ResultTimestamp  string `json:"resultTimestamp,omitempty"`
	Path             string `json:"path,omitempty"`
	Error            string `json:"error,omitempty"`
	Failures         int64  `json:"failures,omitempty"`
}

// snapshotJob is what a snapshot has to know of the job it is of.
type snapshotJob struct {
	target
	status jobStatus
}

// snapshotter moves a FlinkStateSnapshot one step onwards.
type snapshotter struct {
	target
	engine engine
	status *snapshotStatus
	// job is nil where it does not exist.
	job  *snapshotJob
	now  time.Time
	pace time.Duration
	out  outcome
}

func (s *snapshotter) step(ctx context.Context) outcome {
	switch {
	case s.deleting:
		s.delete(ctx)
	case s.status.State == "":
		s.status.State = snapshotPending
		s.out.wait = s.pace
	case s.status.State == snapshotPending:
		s.trigger()
	case s.status.State == snapshotInProgress:
		s.complete(ctx)
	case s.status.State == snapshotFailed && s.again():
		s.status.State = snapshotPending
		s.out.wait = s.pace
	}
	return s.out
}

func (s *snapshotter) running() bool { return s.job != nil && s.job.status.State == flink.JobRunning }

// trigger starts to take the snapshot.
func (s *snapshotter) trigger() {
	if err := first(validation.StateSnapshot(s.spec)); err != nil {
		s.tell("ValidationError", err.Error())
		return
	}
	if exists, _ := s.spec.at("savepoint", "alreadyExists").(bool); exists {
		s.status.Path = s.spec.text("savepoint", "path")
		s.finish(snapshotCompleted)
		return
	}
	if !s.running() {
		s.abandon()
		return
	}
	s.status.State = snapshotInProgress
	s.status.TriggerID = randomHex(16)
	s.status.TriggerTimestamp = s.stamp()
	s.out.wait = s.pace
}

// complete ends what trigger started.
func (s *snapshotter) complete(ctx context.Context) {
	if !s.running() {
		s.abandon()
		return
	}
	path, done, err := s.engine.snapshot(ctx, s)
	switch {
	case err != nil:
		s.fail(err.Error())
	case done:
		s.status.Path = path
		s.finish(snapshotCompleted)
	default:
		s.out.wait = s.pace
	}
}

// fail notes a failed try. The next comes ever later, and never where the
// limit is reached.
func (s *snapshotter) fail(message string) {
	s.status.Failures++
	s.status.Error = errorJSON("org.apache.flink.runtime.checkpoint.CheckpointException", message)
	s.tell("SavepointError", message)
	s.finish(snapshotFailed)
	if s.again() {
		s.out.wait = 10 * s.pace << min(s.status.Failures-1, 10)
	}
}

// again tells whether a failed snapshot is tried once more. Without a limit it
// is, for ever.
func (s *snapshotter) again() bool {
	limit, ok := s.spec.number("backoffLimit")
	return !ok || limit < 0 || s.status.Failures <= limit
}

func (s *snapshotter) abandon() {
	reason := "the job is not running"
	if s.job == nil {
		reason = "the job does not exist"
	}
	s.status.Error = errorJSON("org.apache.flink.kubernetes.operator.exception.ReconciliationException",
		"The snapshot is abandoned: "+reason)
	s.tell("SnapshotAbandoned", "The snapshot is abandoned: "+reason)
	s.finish(snapshotAbandoned)
}

func (s *snapshotter) finish(state string) {
	s.status.State = state
	s.status.ResultTimestamp = s.stamp()
	if state == snapshotCompleted {
		s.status.Error = ""
	}
}

// delete lets the snapshot go, after its data, which only a running job can
// dispose of.
func (s *snapshotter) delete(ctx context.Context) {
	if s.status.State == snapshotInProgress {
		s.complete(ctx)
		s.out.wait = s.pace
		return
	}
	dispose, set := s.spec.at("savepoint", "disposeOnDelete").(bool)
	disposes := s.spec["savepoint"] != nil && (dispose || !set) && s.spec["jobReference"] != nil &&
		s.status.State == snapshotCompleted
	if disposes && !s.running() {
		s.tell("CleanupFailed", "The savepoint cannot be disposed of: the job is not running")
		s.out.wait = max(10*s.pace, 10*time.Second)
		return
	}
	if disposes {
		done, err := s.engine.dispose(ctx, s)
		if err != nil {
			s.tell("CleanupFailed", "The savepoint cannot be disposed of: "+err.Error())
			s.out.wait = max(10*s.pace, 10*time.Second)
			return
		}
		if !done {
			s.out.wait = s.pace
			return
		}
	}
	s.out.finished = true
}

func (s *snapshotter) tell(reason, message string) {
	s.out.events = append(s.out.events, event{component: componentSnapshot, kind: warning, reason: reason, message: message})
}

func (s *snapshotter) stamp() string { return s.now.UTC().Format(time.RFC3339Nano) }

// triggered is when the snapshot was asked for.
func (s *snapshotter) triggered() time.Time {
	at, err := time.Parse(time.RFC3339Nano, s.status.TriggerTimestamp)
	if err != nil {
		return time.Time{}
	}
	return at
}

// labels are what the operator marks snapshots with, so that they can be
// selected.
func (s *snapshotter) labels() map[string]string {
	kind := "SAVEPOINT"
	if s.spec["checkpoint"] != nil {
		kind = "CHECKPOINT"
	}
	marks := map[string]string{"snapshot.type": kind, "snapshot.state": s.status.State}
	if name := s.spec.text("jobReference", "name"); name != "" {
		marks["job-reference.kind"] = s.spec.text("jobReference", "kind")
		marks["job-reference.name"] = name
	}
	return marks
}

// savepointObject returns the FlinkStateSnapshot that records a savepoint that
// an upgrade took.
func savepointObject(of target, taken *takenSavepoint) map[string]any {
	return map[string]any{
		"apiVersion": flink.APIVersion, "kind": flink.KindStateSnapshot,
		"metadata": map[string]any{
			"name":      fmt.Sprintf("%s-savepoint-upgrade-%d", of.name, taken.at.UnixMilli()),
			"namespace": of.namespace,
			"labels": map[string]any{
				"snapshot.type": "SAVEPOINT", "snapshot.trigger-type": "UPGRADE",
				"job-reference.kind": of.kind, "job-reference.name": of.name,
			},
		},
		"spec": map[string]any{
			"backoffLimit": int64(0),
			"jobReference": map[string]any{"kind": of.kind, "name": of.name},
			"savepoint": map[string]any{
				"path": taken.path, "alreadyExists": true, "formatType": taken.format,
				"disposeOnDelete": strings.EqualFold(of.spec.config()["kubernetes.operator.savepoint.dispose-on-delete"], "true"),
			},
		},
	}
}
