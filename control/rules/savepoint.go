package rules

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

const (
	defaultFormat  = "CANONICAL"
	unknownFormat  = "UNKNOWN"
	defaultBackoff = int32(-1)
)

// CheckSavepoint notes what is wrong with a savepoint by itself. It may have no
// name: one is made.
func CheckSavepoint(savepoint *cmfv1.Savepoint) error {
	var v apierror.Violations
	if savepoint.GetMetadata().GetName() != "" {
		CheckName(&v, "metadata.name", savepoint.GetMetadata().GetName())
	}
	CheckKind(&v, savepoint.GetKind(), contract.KindSavepoint)
	return v.Invalid()
}

// CheckTrigger notes why a savepoint could not be taken, which is no matter of
// detached ones: they are there.
func CheckTrigger(savepoint *cmfv1.Savepoint) error {
	if err := CheckSavepoint(savepoint); err != nil {
		return err
	}
	if savepoint.GetSpec().GetFormatType() == unknownFormat {
		return apierror.Unprocessable("spec.formatType: must be CANONICAL or NATIVE: no savepoint can be taken in the format UNKNOWN, which stands for that of one that is there")
	}
	return nil
}

// CheckDetachedSavepoint notes what is wrong with a detached savepoint, which
// says where it is.
func CheckDetachedSavepoint(savepoint *cmfv1.Savepoint) error {
	if err := CheckSavepoint(savepoint); err != nil {
		return err
	}
	if savepoint.GetSpec().GetPath() == "" {
		return apierror.Unprocessable("spec.path: must not be empty: a detached savepoint is where its path says")
	}
	return nil
}

// SavepointSpec is a specification with its defaults filled in.
func SavepointSpec(spec *cmfv1.SavepointSpec) *cmfv1.SavepointSpec {
	if spec == nil {
		spec = &cmfv1.SavepointSpec{}
	}
	out := &cmfv1.SavepointSpec{Path: spec.GetPath(), FormatType: spec.GetFormatType(), BackoffLimit: spec.BackoffLimit}
	if out.FormatType == "" {
		out.FormatType = defaultFormat
	}
	if out.BackoffLimit == nil {
		out.BackoffLimit = proto.Int32(defaultBackoff)
	}
	return out
}

// SavepointStatus is what users see of an attached savepoint. reported is nil
// until the agent has reported on it.
func SavepointStatus(record *storev1.SavepointRecord, reported *storev1.StatusRecord, warning string) *cmfv1.SavepointStatus {
	out := &cmfv1.SavepointStatus{State: contract.SavepointPending, Warning: warning}
	if status, err := openjson.ParseText(reported.GetStatus()); err == nil && status != nil {
		if state := openjson.String(status, "state"); state != "" {
			out.State = state
		}
		out.Path = openjson.String(status, "path")
		out.TriggerTimestamp = timestampOf(openjson.String(status, "triggerTimestamp"))
		out.ResultTimestamp = timestampOf(openjson.String(status, "resultTimestamp"))
		out.Error = OperatorError(openjson.String(status, "error"))
		out.Failures = proto.Int32(int32(openjson.Int64(status, "failures")))
	}
	if problem := reported.GetProblem(); problem != nil && out.Error == "" {
		out.Error = problem.GetReason() + ": " + problem.GetMessage()
	}
	if record.GetExpired() != "" && !SavepointEnded(out.GetState()) {
		out.State, out.Error = contract.SavepointFailed, record.GetExpired()
	}
	if record.GetDeleting() {
		out.PendingDeletion = proto.Bool(true)
	}
	return out
}

// SavepointEnded tells whether a savepoint in this state changes no more.
func SavepointEnded(state string) bool {
	return state == contract.SavepointCompleted || state == contract.SavepointFailed || state == contract.SavepointAbandoned
}

// timestampOf reads the operator's timestamps, which are RFC 3339 here.
func timestampOf(text string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil
	}
	return timestamppb.New(t.UTC())
}
