package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// CheckStatement notes what is wrong with a statement by itself. Its SQL is not
// looked at here: that it cannot run is no error of the request.
func CheckStatement(statement *cmfv1.Statement) error {
	var v apierror.Violations
	CheckObjectName(&v, "metadata.name", statement.GetMetadata().GetName())
	CheckKind(&v, statement.GetKind(), contract.KindStatement)
	CheckObjectMarks(&v, statement.GetMetadata())
	if err := v.Invalid(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(statement.GetSpec().GetFlinkConfiguration())) {
		if slices.Contains(forbiddenKeys, key) {
			v.Addf("spec.flinkConfiguration: must not set %q, which the operator sets", key)
		}
	}
	return v.Unprocessable()
}

// CheckNewStatement notes what only an update may say.
func CheckNewStatement(statement *cmfv1.Statement) error {
	if statement.GetSpec().GetStartFromSavepoint() != nil {
		return apierror.Unprocessable("spec.startFromSavepoint: can only be given when a statement is updated")
	}
	return nil
}

// StatementSpec is a specification with its defaults filled in.
func StatementSpec(spec *cmfv1.StatementSpec) *cmfv1.StatementSpec {
	out := proto.CloneOf(spec)
	if out.Parallelism == nil {
		out.Parallelism = proto.Int32(1)
	}
	if out.Stopped == nil {
		out.Stopped = proto.Bool(false)
	}
	return out
}

// UpdateStatementSpec lays an update over what is stored: what is absent stays.
// Clients send the whole specification back with one field changed, or only
// what is to change.
func UpdateStatementSpec(before, update *cmfv1.StatementSpec) *cmfv1.StatementSpec {
	after := proto.CloneOf(before)
	after.ComputePoolName = update.GetComputePoolName()
	if update.Parallelism != nil {
		after.Parallelism = proto.Int32(update.GetParallelism())
	}
	if update.Stopped != nil {
		after.Stopped = proto.Bool(update.GetStopped())
	}
	if update.GetStartFromSavepoint() != nil {
		after.StartFromSavepoint = update.GetStartFromSavepoint()
	}
	return after
}

// CheckStatementUpdate notes changes of what cannot change.
func CheckStatementUpdate(before, update *cmfv1.StatementSpec) error {
	var v apierror.Violations
	if update.GetStatement() != before.GetStatement() {
		v.Addf("spec.statement: cannot change after creation")
	}
	if update.Properties != nil && !maps.Equal(update.GetProperties(), before.GetProperties()) {
		v.Addf("spec.properties: cannot change after creation")
	}
	if update.FlinkConfiguration != nil && !maps.Equal(update.GetFlinkConfiguration(), before.GetFlinkConfiguration()) {
		v.Addf("spec.flinkConfiguration: cannot change after creation")
	}
	checkStatementSavepoint(&v, update.GetStartFromSavepoint())
	return v.Unprocessable()
}

func checkStatementSavepoint(v *apierror.Violations, start *cmfv1.StatementStartFromSavepoint) {
	if start == nil {
		return
	}
	given := 0
	for _, reference := range []string{start.GetSavepointName(), start.GetUid(), start.GetInitialSavepointPath()} {
		if reference != "" {
			given++
		}
	}
	if given != 1 {
		v.Addf("spec.startFromSavepoint: must name a savepoint by one of savepointName, uid and initialSavepointPath")
	}
}

// StatementReference is where a statement is to start from, if an update newly
// says so.
func StatementReference(before, after *cmfv1.StatementSpec) (SavepointReference, bool) {
	start := after.GetStartFromSavepoint()
	if start == nil || proto.Equal(start, before.GetStartFromSavepoint()) {
		return SavepointReference{}, false
	}
	ref := SavepointReference{
		Name: start.GetSavepointName(), UID: start.GetUid(), Path: start.GetInitialSavepointPath(),
		AllowNonRestoredState: start.GetAllowNonRestoredState(),
	}
	if start.SavepointRedeployNonce != nil {
		ref.Nonce = fmt.Sprint(start.GetSavepointRedeployNonce())
	}
	return ref, true
}

// StatementActions are what a user does by changing the specification, in the
// order in which it is done.
func StatementActions(before, after *cmfv1.StatementSpec) []StatementEvent {
	var actions []StatementEvent
	if before.GetComputePoolName() != after.GetComputePoolName() {
		actions = append(actions, StatementMove)
	}
	if before.GetParallelism() != after.GetParallelism() {
		actions = append(actions, StatementRescale)
	}
	if _, redeploys := StatementReference(before, after); redeploys {
		actions = append(actions, StatementRedeploy)
	}
	switch {
	case !before.GetStopped() && after.GetStopped():
		actions = append(actions, StatementStop)
	case before.GetStopped() && !after.GetStopped():
		actions = append(actions, StatementStart)
	}
	return actions
}

// actionFields are the fields by which users act, and what they are told.
var actionFields = map[StatementEvent]struct{ field, done string }{
	StatementStart:    {"spec.stopped", "resumed"},
	StatementStop:     {"spec.stopped", "stopped"},
	StatementRescale:  {"spec.parallelism", "rescaled"},
	StatementRedeploy: {"spec.startFromSavepoint", "started from a savepoint"},
	StatementMove:     {"spec.computePoolName", "moved to another compute pool"},
}

// Act carries out what a user does with a statement in a phase: it is refused
// where the phase does not allow it.
func Act(phase string, actions []StatementEvent) error {
	for _, action := range actions {
		next, ok := NextPhase(phase, action)
		if !ok {
			return apierror.Unprocessable(fmt.Sprintf("%s: a statement that is %s cannot be %s; it would have to be %s",
				actionFields[action].field, phase, actionFields[action].done, strings.Join(PhasesFor(action), ", ")))
		}
		phase = next
	}
	return nil
}

// StatementDetail is what users should know of a statement.
func StatementDetail(record *storev1.StatementRecord, reported *storev1.StatusRecord) string {
	if record.GetPhase() != "" {
		return record.GetDetail()
	}
	cluster := reported.GetCluster()
	parts := []string{reported.GetError(), problemText(reported), cluster.GetError(), problemText(cluster), record.GetDetail()}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// Deployed tells whether a statement has an object on its cluster.
func Deployed(record *storev1.StatementRecord) bool { return record.GetObjectKind() != "" }

// Occupies tells whether a statement in a phase uses its pool's cluster, or is
// about to.
func Occupies(phase string) bool {
	return phase == contract.PhasePending || phase == contract.PhaseRunning || phase == contract.PhaseFailing
}
