package statement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// event is something that may take a deployed statement from one phase to another.
type event string

// What users do with a statement, as records have it in their field action.
const (
	userStarts    event = "start"
	userStops     event = "stop"
	userRescales  event = "rescale"
	userRedeploys event = "redeploy"
	userMoves     event = "move"
)

// What the object of a statement reports.
const (
	jobWaits    event = "job waits"
	jobRuns     event = "job runs"
	jobRecovers event = "job recovers"
	jobFails    event = "job fails"
	jobFinishes event = "job finishes"
	jobStops    event = "job stops"
)

const (
	pending   = contract.PhasePending
	running   = contract.PhaseRunning
	failing   = contract.PhaseFailing
	stopped   = contract.PhaseStopped
	completed = contract.PhaseCompleted
	failed    = contract.PhaseFailed
)

// phases are all phases of statements, in the order in which messages list them.
var phases = []string{pending, running, failing, stopped, completed, failed, contract.PhaseDeleting}

// transitions is the phase machine of statements: the phase that follows an event
// in each phase in which the event is possible. In others, what users want is
// refused, and what objects report is ignored.
var transitions = map[event]map[string]string{
	userStarts:    {stopped: pending},
	userStops:     {pending: pending, running: running, failing: failing},
	userRescales:  {pending: pending, running: pending, failing: pending, stopped: stopped},
	userRedeploys: {pending: pending, running: pending, failing: pending, stopped: stopped, failed: pending},
	userMoves:     {stopped: stopped},
	jobWaits:      {pending: pending, running: running, failing: failing},
	jobRuns:       {pending: running, running: running, failing: running, failed: running},
	jobRecovers:   {pending: failing, running: failing, failing: failing, failed: failing},
	jobFails:      {pending: failed, running: failed, failing: failed, failed: failed},
	jobFinishes:   {pending: completed, running: completed, failing: completed, completed: completed, failed: completed},
	jobStops:      {pending: stopped, running: stopped, failing: stopped, stopped: stopped},
}

// next is the phase that an event leads to. It is false where the event is not
// possible in the phase.
func next(phase string, e event) (string, bool) {
	to, ok := transitions[e][phase]
	return to, ok
}

// phaseOf is the phase of a statement.
func phaseOf(item Item) string { return phaseFrom(item.Head(), item.ReportedHead()) }

// phaseFrom is the phase of a statement. It follows from the last report about its
// object and the action of the user since.
func phaseFrom(record *storev1.StatementRecord, reported *storev1.StatusRecord) string {
	switch {
	case record.GetDeleting():
		return contract.PhaseDeleting
	case record.GetPhase() != "":
		return record.GetPhase()
	default:
		return deployedPhase(record, reported)
	}
}

// deployedPhase is the phase of a statement that is deployed and not being deleted.
func deployedPhase(record *storev1.StatementRecord, reported *storev1.StatusRecord) string {
	phase := reported.GetPhase()
	if phase == "" {
		phase = pending
		if record.GetAction() == "" && record.GetStatement().GetSpec().GetStopped() {
			phase = stopped // as it was created
		}
	}
	if reported.GetGeneration() < record.GetGeneration() {
		if to, ok := next(phase, event(record.GetAction())); ok {
			return to
		}
	}
	return phase
}

// concludePhase sets, in a status that was reported just now, the phase that the
// statement is in. current is true if the operator has seen the object as it now
// is; until it has, what it reports is about the run before.
func concludePhase(record *storev1.StatementRecord, before, after *storev1.StatusRecord, current bool) {
	phase := deployedPhase(record, before)
	after.Phase = phase
	if after.GetGeneration() < record.GetGeneration() && !isRefused(after) {
		after.Phase = before.GetPhase()
		return
	}
	if to, ok := next(phase, reportedEvent(record, after, current)); ok {
		after.Phase = to
	}
}

// concludeClusterPhase sets in a status what follows for the phase from what was
// reported just now of the session cluster of the statement: one that cannot be
// had runs no job. In all else, the object of the job is what matters.
func concludeClusterPhase(record *storev1.StatementRecord, before, after *storev1.StatusRecord) {
	if !hasFailed(after.GetCluster()) {
		return
	}
	if to, ok := next(deployedPhase(record, before), jobFails); ok {
		after.Phase = to
	}
}

// isRefused is true if an object could not be applied and will not be.
func isRefused(reported *storev1.StatusRecord) bool {
	return reported.GetProblem() != nil && !reported.GetProblem().GetRetrying()
}

func hasFailed(reported *storev1.StatusRecord) bool {
	return isRefused(reported) || reported.GetLifecycleState() == flink.LifecycleFailed || reported.GetJobManagerStatus() == flink.JobManagerError
}

// reportedEvent is what a status means.
func reportedEvent(record *storev1.StatementRecord, reported *storev1.StatusRecord, current bool) event {
	toStop := record.GetStatement().GetSpec().GetStopped()
	switch lifecycle := reported.GetLifecycleState(); {
	case hasFailed(reported):
		return jobFails
	case toStop && (lifecycle == flink.LifecycleSuspended && current || lifecycle == flink.LifecycleCreated):
		return jobStops
	case !current || lifecycle == flink.LifecycleSuspended || lifecycle == flink.LifecycleUpgrading:
		return jobWaits
	}
	switch reported.GetJobState() {
	case flink.JobRunning:
		return jobRuns
	case flink.JobRestarting, flink.JobFailing:
		return jobRecovers
	case flink.JobFailed:
		return jobFails
	case flink.JobFinished:
		return jobFinishes
	default:
		return jobWaits
	}
}

// actionFields are the fields by which users act, and what statements are then.
var actionFields = map[event]struct{ field, done string }{
	userStarts:    {"spec.stopped", "resumed"},
	userStops:     {"spec.stopped", "stopped"},
	userRescales:  {"spec.parallelism", "rescaled"},
	userRedeploys: {"spec.startFromSavepoint", "started from a savepoint"},
	userMoves:     {"spec.computePoolName", "moved to another compute pool"},
}

// checkActions refuses what a user does with a statement in a phase that does not
// allow it.
func checkActions(phase string, actions []event) error {
	for _, action := range actions {
		to, ok := next(phase, action)
		if !ok {
			possible := slices.DeleteFunc(slices.Clone(phases), func(p string) bool { _, ok := next(p, action); return !ok })
			return apierror.Unprocessable(fmt.Sprintf("%s: a statement that is %s cannot be %s; it must be %s",
				actionFields[action].field, phase, actionFields[action].done, strings.Join(possible, ", ")))
		}
		phase = to
	}
	return nil
}

// occupies is true if a statement in a phase uses its pool's cluster, or is about
// to.
func occupies(phase string) bool { return phase == pending || phase == running || phase == failing }

// detailOf is what users should know of a statement.
func detailOf(record *storev1.StatementRecord, reported *storev1.StatusRecord) string {
	if record.GetPhase() != "" {
		return record.GetDetail()
	}
	cluster := reported.GetCluster()
	parts := []string{reported.GetError(), problemOf(reported), cluster.GetError(), problemOf(cluster), record.GetDetail()}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// problemOf is why an object differs from its desired state, empty where it does
// not.
func problemOf(reported *storev1.StatusRecord) string {
	if p := reported.GetProblem(); p != nil {
		return p.GetReason() + ": " + p.GetMessage()
	}
	return ""
}
