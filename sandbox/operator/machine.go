package operator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openweir/weir/flink"
)

// target is an object of the operator's, as it was read.
type target struct {
	kind        string
	namespace   string
	name        string
	uid         string
	generation  int64
	annotations map[string]string
	deleting    bool
	spec        spec
}

// outcome is what one step asks for, beside the new status.
type outcome struct {
	events []event
	// savepoint is one that was taken and has to be recorded as an object.
	savepoint *takenSavepoint
	// wait is when to look again, if nothing happens; zero is never.
	wait time.Duration
	// finished says that the object may go.
	finished bool
	// recorded is called once the status is written and the events are recorded.
	recorded []func()
}

// takenSavepoint is a savepoint that the operator took by itself.
type takenSavepoint struct {
	path, format string
	at           time.Time
}

// machine moves a FlinkDeployment or a FlinkSessionJob one step onwards. It
// works on the status alone, so that an operator that starts anew goes on where
// another stopped.
type machine struct {
	target
	engine engine
	status *commonStatus
	// manager is the JobManager's status; nil for a session job, whose
	// JobManager is its session cluster's.
	manager *string
	// clusterReady tells, for a session job, whether that JobManager is there.
	clusterReady bool
	// cluster is, for a session job, the spec of its cluster.
	cluster spec
	// memory holds what the sandbox has to remember; nil for a session job.
	memory map[string]string
	// validate returns what is wrong with the spec.
	validate func(reconciled spec) error
	// blocked returns why the object cannot be deleted yet; empty where it can.
	blocked func() string

	now  time.Time
	pace time.Duration
	// refused is set where the newest spec is not the one worked on.
	refused bool
	out     outcome
}

// slow is how long the operator waits before it tries again what failed.
func (m *machine) slow() time.Duration { return 10 * m.pace }

// step makes one step.
func (m *machine) step(ctx context.Context) outcome {
	switch {
	case m.deleting:
		m.delete(ctx)
	case m.status.LifecycleState == "":
		m.status.ReconciliationStatus.State = flink.ReconciliationUpgrading
		if m.manager != nil {
			*m.manager = flink.JobManagerMissing
		}
		m.out.wait = m.pace
	case !m.change(ctx):
		m.progress(ctx)
	}
	m.status.LifecycleState = m.status.lifecycle(m.managerStatus())
	return m.out
}

func (m *machine) managerStatus() string {
	if m.manager == nil {
		return ""
	}
	return *m.manager
}

func (m *machine) setManager(status string) {
	if m.manager != nil {
		*m.manager = status
	}
}

// setJob moves the job to a state, which is an event.
func (m *machine) setJob(state string) {
	job := &m.status.JobStatus
	if job.State == state {
		return
	}
	if job.State != "" {
		m.tell(componentJob, normal, "JobStatusChanged", fmt.Sprintf("Job status changed from %s to %s", job.State, state))
	}
	job.State = state
	job.UpdateTime = millis(m.now)
}

func (m *machine) tell(component, kind, reason, message string) {
	m.out.events = append(m.out.events, event{component: component, kind: kind, reason: reason, message: message})
}

// fail writes an error into the status as the operator does, and tells of it
// once.
func (m *machine) fail(class, message string, as event) {
	text := errorJSON(class, message)
	if m.status.Error == text {
		return
	}
	m.status.Error = text
	as.message = message
	m.out.events = append(m.out.events, as)
}

// errorJSON is the form of status.error.
func errorJSON(class, message string) string {
	data, _ := json.Marshal(map[string]any{"type": class, "message": message, "additionalMetadata": map[string]any{}})
	return string(data)
}

// markStable notes that the spec in force was seen to work.
func (m *machine) markStable() {
	m.status.ReconciliationStatus.LastStableSpec = m.status.ReconciliationStatus.LastReconciledSpec
	m.status.Error = ""
}

// progress moves the deployment in force onwards.
func (m *machine) progress(ctx context.Context) {
	reconciled := readRecorded(m.status.ReconciliationStatus.LastReconciledSpec)
	if reconciled != nil && !reconciled.suspended() {
		m.engine.progress(ctx, m, reconciled)
	}
}

// delete makes one step towards the end of the object.
func (m *machine) delete(ctx context.Context) {
	if m.status.LifecycleState != flink.LifecycleDeleting {
		m.status.LifecycleState = flink.LifecycleDeleting
		m.tell(componentOperator, normal, "Cleanup", "Cleaning up "+m.kind)
		m.out.wait = m.pace
		return
	}
	// What blocks it wakes it again when it goes.
	reason := m.blocked()
	if reason == "" {
		reason, m.out.finished = m.engine.remove(ctx, m)
	}
	if reason != "" {
		m.fail("org.apache.flink.kubernetes.operator.exception.ReconciliationException", reason,
			event{component: componentOperator, kind: warning, reason: "CleanupFailed"})
	}
}

func (m *machine) savepointOnDeletion() bool {
	return m.status.JobStatus.State == flink.JobRunning &&
		strings.EqualFold(m.spec.config()["kubernetes.operator.job.savepoint-on-deletion"], "true")
}

func prefix(text string, length int) string { return text[:min(length, len(text))] }

// randomHex returns as many random bytes in hexadecimal.
func randomHex(bytes int) string {
	data := make([]byte, bytes)
	// It never returns an error.
	_, _ = rand.Read(data)
	return hex.EncodeToString(data)
}

// millis is how the operator writes times of jobs.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func fromMillis(text string) time.Time {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(number)
}
