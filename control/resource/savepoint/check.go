package savepoint

import (
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	defaultFormat  = "CANONICAL"
	unknownFormat  = "UNKNOWN"
	defaultBackoff = int32(-1)
)

// check says what is wrong with any savepoint. It may have no name: one is made.
func check(savepoint *cmfv1.Savepoint) error {
	var v apierror.Violations
	if savepoint.GetMetadata().GetName() != "" {
		validate.Name(&v, "metadata.name", savepoint.GetMetadata().GetName())
	}
	validate.Kind(&v, savepoint.GetKind(), contract.KindSavepoint)
	return v.Invalid()
}

// checkTrigger says why a savepoint cannot be taken.
func checkTrigger(savepoint *cmfv1.Savepoint) error {
	if err := check(savepoint); err != nil {
		return err
	}
	if savepoint.GetSpec().GetFormatType() == unknownFormat {
		return apierror.Unprocessable("spec.formatType: must be CANONICAL or NATIVE: UNKNOWN is only valid for an existing savepoint")
	}
	return nil
}

// checkDetached says what is wrong with a detached savepoint, which exists
// already.
func checkDetached(savepoint *cmfv1.Savepoint) error {
	if err := check(savepoint); err != nil {
		return err
	}
	if savepoint.GetSpec().GetPath() == "" {
		return apierror.Unprocessable("spec.path: must not be empty: it is the path of the detached savepoint")
	}
	return nil
}

// withDefaults is a specification with its defaults filled in.
func withDefaults(spec *cmfv1.SavepointSpec) *cmfv1.SavepointSpec {
	out := &cmfv1.SavepointSpec{Path: spec.GetPath(), FormatType: spec.GetFormatType(), BackoffLimit: proto.Int32(defaultBackoff)}
	if out.FormatType == "" {
		out.FormatType = defaultFormat
	}
	if spec != nil && spec.BackoffLimit != nil {
		out.BackoffLimit = proto.Int32(spec.GetBackoffLimit())
	}
	return out
}
