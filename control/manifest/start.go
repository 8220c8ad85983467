package manifest

import (
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// SetStart makes a job start from a savepoint; nil if it resumes from its own
// state.
func SetStart(spec openjson.Object, start *storev1.SavepointStart) {
	if start == nil {
		return
	}
	openjson.Set(spec, start.GetPath(), "job", "initialSavepointPath")
	openjson.Set(spec, start.GetNonce(), "job", "savepointRedeployNonce")
	if start.GetAllowNonRestoredState() {
		openjson.Set(spec, true, "job", "allowNonRestoredState")
	}
}
