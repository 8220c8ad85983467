package flinkspec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/openjson"
)

// SavepointReference is startFromSavepoint as the user wrote it.
type SavepointReference struct {
	// Name and UID refer to a savepoint that Weir knows, Path to any.
	Name, UID, Path string
	// AllowNonRestoredState lets the job start although state could not be
	// assigned to it.
	AllowNonRestoredState bool
	// Nonce is the user's own; another value redeploys.
	Nonce string
}

// SavepointStart is the instruction of a specification to start from a
// savepoint, which clients put beside the job or in it.
func SavepointStart(spec openjson.Object) (SavepointReference, bool) {
	at, ok := spec[startFromSavepoint].(openjson.Object)
	if !ok {
		if at, ok = openjson.Field(spec, "job", startFromSavepoint).(openjson.Object); !ok {
			return SavepointReference{}, false
		}
	}
	allow, _ := at["allowNonRestoredState"].(bool)
	ref := SavepointReference{
		Name:                  openjson.String(at, "savepointName"),
		UID:                   openjson.String(at, "uid"),
		Path:                  openjson.String(at, "initialSavepointPath"),
		AllowNonRestoredState: allow,
	}
	if nonce := at["savepointRedeployNonce"]; nonce != nil {
		ref.Nonce = fmt.Sprint(nonce)
	}
	return ref, ref.Name != "" || ref.UID != "" || ref.Path != ""
}

// checkSavepointStart notes an instruction to start from a savepoint that could
// not be followed: to pass over it would start the job without its state.
func checkSavepointStart(v *apierror.Violations, spec openjson.Object) {
	beside, in := spec[startFromSavepoint], openjson.Field(spec, "job", startFromSavepoint)
	if beside != nil && in != nil {
		v.Addf("spec.startFromSavepoint: must not be given both here and as spec.job.startFromSavepoint")
		return
	}
	for _, path := range [][]string{{startFromSavepoint}, {"job", startFromSavepoint}} {
		if at := checkObject(v, spec, path...); at != nil {
			checkSavepointReference(v, "spec."+strings.Join(path, "."), spec, at, path)
		}
	}
}

func checkSavepointReference(v *apierror.Violations, field string, spec, at openjson.Object, path []string) {
	named := false
	for _, key := range []string{"savepointName", "uid", "initialSavepointPath"} {
		checkString(v, spec, append(path, key)...)
		named = named || (at[key] != nil && at[key] != "")
	}
	if !named {
		v.Addf("%s: must name a savepoint by savepointName, uid or initialSavepointPath", field)
	}
	if _, isBool := at["allowNonRestoredState"].(bool); at["allowNonRestoredState"] != nil && !isBool {
		v.Addf("%s.allowNonRestoredState: must be true or false", field)
	}
	if nonce := at["savepointRedeployNonce"]; nonce != nil {
		if _, err := strconv.ParseInt(fmt.Sprint(nonce), 10, 64); err != nil {
			v.Addf("%s.savepointRedeployNonce: must be an integer", field)
		}
	}
}
