package statement

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/flinkspec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// withDefaults is a specification with its defaults filled in.
func withDefaults(spec *cmfv1.StatementSpec) *cmfv1.StatementSpec {
	out := proto.CloneOf(spec)
	if out.Parallelism == nil {
		out.Parallelism = proto.Int32(1)
	}
	if out.Stopped == nil {
		out.Stopped = proto.Bool(false)
	}
	return out
}

// updateSpec lays an update over a stored specification: what is absent stays.
// Clients send the whole specification back with one field changed, or only what
// is to change.
func updateSpec(before, update *cmfv1.StatementSpec) *cmfv1.StatementSpec {
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

// newReference is where a statement is to start from, if an update newly says so.
func newReference(before, after *cmfv1.StatementSpec) (flinkspec.SavepointReference, bool) {
	start := after.GetStartFromSavepoint()
	if start == nil || proto.Equal(start, before.GetStartFromSavepoint()) {
		return flinkspec.SavepointReference{}, false
	}
	ref := flinkspec.SavepointReference{
		Name: start.GetSavepointName(), UID: start.GetUid(), Path: start.GetInitialSavepointPath(),
		AllowNonRestoredState: start.GetAllowNonRestoredState(),
	}
	if start.SavepointRedeployNonce != nil {
		ref.Nonce = fmt.Sprint(start.GetSavepointRedeployNonce())
	}
	return ref, true
}

// actionsOf are what a user does by changing the specification, in the order in
// which it is done.
func actionsOf(before, after *cmfv1.StatementSpec) []event {
	var actions []event
	if before.GetComputePoolName() != after.GetComputePoolName() {
		actions = append(actions, userMoves)
	}
	if before.GetParallelism() != after.GetParallelism() {
		actions = append(actions, userRescales)
	}
	if _, redeploys := newReference(before, after); redeploys {
		actions = append(actions, userRedeploys)
	}
	switch {
	case !before.GetStopped() && after.GetStopped():
		actions = append(actions, userStops)
	case before.GetStopped() && !after.GetStopped():
		actions = append(actions, userStarts)
	}
	return actions
}
