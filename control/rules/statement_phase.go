package rules

import (
	"slices"

	"github.com/openweir/weir/control/contract"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// StatementEvent is something that may take a deployed statement from one phase
// to another.
type StatementEvent string

// What users do with a statement.
const (
	StatementStart    StatementEvent = "start"
	StatementStop     StatementEvent = "stop"
	StatementRescale  StatementEvent = "rescale"
	StatementRedeploy StatementEvent = "redeploy"
	StatementMove     StatementEvent = "move"
	StatementDelete   StatementEvent = "delete"
)

// What the object of a statement reports.
const (
	JobWaits    StatementEvent = "job waits"
	JobRuns     StatementEvent = "job runs"
	JobRecovers StatementEvent = "job recovers"
	JobFails    StatementEvent = "job fails"
	JobFinishes StatementEvent = "job finishes"
	JobStops    StatementEvent = "job stops"
)

// StatementPhases are the phases of statements, in the order of the columns of
// statementTable.
var StatementPhases = []string{contract.PhasePending, contract.PhaseRunning, contract.PhaseFailing, contract.PhaseStopped, contract.PhaseCompleted, contract.PhaseFailed, contract.PhaseDeleting}

// statementTable is the phase machine of statements. A row has the phase that
// follows for each phase in StatementPhases; an empty one means that the event
// cannot be: what users want is refused then, and what objects report passed
// over.
var statementTable = map[StatementEvent][7]string{
	//                 PENDING        RUNNING        FAILING        STOPPED        COMPLETED      FAILED         DELETING
	StatementStart:    {"", "", "", contract.PhasePending, "", "", ""},
	StatementStop:     {contract.PhasePending, contract.PhaseRunning, contract.PhaseFailing, "", "", "", ""},
	StatementRescale:  {contract.PhasePending, contract.PhasePending, contract.PhasePending, contract.PhaseStopped, "", "", ""},
	StatementRedeploy: {contract.PhasePending, contract.PhasePending, contract.PhasePending, contract.PhaseStopped, "", contract.PhasePending, ""},
	StatementMove:     {"", "", "", contract.PhaseStopped, "", "", ""},
	StatementDelete:   {contract.PhaseDeleting, contract.PhaseDeleting, contract.PhaseDeleting, contract.PhaseDeleting, contract.PhaseDeleting, contract.PhaseDeleting, contract.PhaseDeleting},
	JobWaits:          {contract.PhasePending, contract.PhaseRunning, contract.PhaseFailing, "", "", "", ""},
	JobRuns:           {contract.PhaseRunning, contract.PhaseRunning, contract.PhaseRunning, "", "", contract.PhaseRunning, ""},
	JobRecovers:       {contract.PhaseFailing, contract.PhaseFailing, contract.PhaseFailing, "", "", contract.PhaseFailing, ""},
	JobFails:          {contract.PhaseFailed, contract.PhaseFailed, contract.PhaseFailed, "", "", contract.PhaseFailed, ""},
	JobFinishes:       {contract.PhaseCompleted, contract.PhaseCompleted, contract.PhaseCompleted, "", contract.PhaseCompleted, contract.PhaseCompleted, ""},
	JobStops:          {contract.PhaseStopped, contract.PhaseStopped, contract.PhaseStopped, contract.PhaseStopped, "", "", ""},
}

// NextPhase is the phase that an event leads to. It is false where the event
// cannot be in this phase.
func NextPhase(phase string, event StatementEvent) (string, bool) {
	column := slices.Index(StatementPhases, phase)
	if column < 0 {
		return "", false
	}
	next := statementTable[event][column]
	return next, next != ""
}

// PhasesFor are the phases in which an event can be.
func PhasesFor(event StatementEvent) []string {
	var phases []string
	for i, next := range statementTable[event] {
		if next != "" {
			phases = append(phases, StatementPhases[i])
		}
	}
	return phases
}

// StatementPhase is the phase of a statement: what its object last made of it,
// and what the user has done since.
func StatementPhase(record *storev1.StatementRecord, reported *storev1.StatusRecord) string {
	switch {
	case record.GetDeleting():
		return contract.PhaseDeleting
	case record.GetPhase() != "":
		return record.GetPhase()
	}
	phase := reported.GetPhase()
	if phase == "" {
		phase = contract.PhasePending
		if record.GetAction() == "" && record.GetStatement().GetSpec().GetStopped() {
			phase = contract.PhaseStopped // as it was created
		}
	}
	if reported.GetGeneration() < record.GetGeneration() {
		if next, ok := NextPhase(phase, StatementEvent(record.GetAction())); ok {
			return next
		}
	}
	return phase
}

// ConcludePhase notes in a status that was reported just now which phase the
// statement is in. observed tells whether the operator has seen the object as
// it now is; until it has, it tells of the run before.
func ConcludePhase(record *storev1.StatementRecord, before, after *storev1.StatusRecord, observed bool) {
	phase := StatementPhase(&storev1.StatementRecord{
		Statement: record.GetStatement(), Generation: record.GetGeneration(), Action: record.GetAction(),
	}, before)
	after.Phase = phase
	if after.GetGeneration() < record.GetGeneration() && !refusedForGood(after) {
		after.Phase = before.GetPhase()
		return
	}
	if next, ok := NextPhase(phase, objectEvent(record, after, observed)); ok {
		after.Phase = next
	}
}

// ConcludeClusterPhase notes in a status what follows for the phase from what
// was reported just now of the session cluster of the statement: one that
// cannot be had runs no job. Whatever else it tells, the job's own object tells
// better.
func ConcludeClusterPhase(record *storev1.StatementRecord, before, after *storev1.StatusRecord) {
	cluster := after.GetCluster()
	if !refusedForGood(cluster) && cluster.GetLifecycleState() != lifecycleFailed && cluster.GetJobManagerStatus() != managerError {
		return
	}
	phase := StatementPhase(&storev1.StatementRecord{
		Statement: record.GetStatement(), Generation: record.GetGeneration(), Action: record.GetAction(),
	}, before)
	if next, ok := NextPhase(phase, JobFails); ok {
		after.Phase = next
	}
}

func refusedForGood(reported *storev1.StatusRecord) bool {
	return reported.GetProblem() != nil && !reported.GetProblem().GetRetrying()
}

// objectEvent is what a status tells.
func objectEvent(record *storev1.StatementRecord, reported *storev1.StatusRecord, observed bool) StatementEvent {
	stopped := record.GetStatement().GetSpec().GetStopped()
	switch lifecycle := reported.GetLifecycleState(); {
	case refusedForGood(reported), lifecycle == lifecycleFailed, reported.GetJobManagerStatus() == managerError:
		return JobFails
	case stopped && (lifecycle == "SUSPENDED" && observed || lifecycle == "CREATED"):
		return JobStops
	case !observed || lifecycle == "SUSPENDED" || lifecycle == "UPGRADING":
		return JobWaits
	}
	switch reported.GetJobState() {
	case "RUNNING":
		return JobRuns
	case "RESTARTING", "FAILING":
		return JobRecovers
	case "FAILED":
		return JobFails
	case "FINISHED":
		return JobFinishes
	default:
		return JobWaits
	}
}
