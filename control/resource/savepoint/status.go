package savepoint

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// statusOf is what clients see of a savepoint of an owner, but for the warning.
// reported is nil until the agent has reported on it.
func statusOf(record *storev1.SavepointRecord, reported *storev1.StatusRecord) *cmfv1.SavepointStatus {
	out := &cmfv1.SavepointStatus{State: contract.SavepointPending}
	if status, err := openjson.ParseText(reported.GetStatus()); err == nil && status != nil {
		if state := openjson.String(status, "state"); state != "" {
			out.State = state
		}
		out.Path = openjson.String(status, "path")
		out.TriggerTimestamp = timestampOf(openjson.String(status, "triggerTimestamp"))
		out.ResultTimestamp = timestampOf(openjson.String(status, "resultTimestamp"))
		out.Error = flink.ErrorMessage(openjson.String(status, "error"))
		out.Failures = proto.Int32(int32(openjson.Int64(status, "failures")))
	}
	if problem := reported.GetProblem(); problem != nil && out.Error == "" {
		out.Error = problem.GetReason() + ": " + problem.GetMessage()
	}
	if record.GetExpired() != "" && !ended(out.GetState()) {
		out.State, out.Error = contract.SavepointFailed, record.GetExpired()
	}
	if record.GetDeleting() {
		out.PendingDeletion = proto.Bool(true)
	}
	return out
}

// ended is true if a savepoint in this state changes no more.
func ended(state string) bool {
	return state == contract.SavepointCompleted || state == contract.SavepointFailed || state == contract.SavepointAbandoned
}

// timestampOf reads a timestamp of the operator, which is in RFC 3339.
func timestampOf(text string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil
	}
	return timestamppb.New(t.UTC())
}
