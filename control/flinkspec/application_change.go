package flinkspec

import (
	"fmt"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// SpecInForce is the specification that the operator carried out last for the
// resource with the uid, which it keeps in the status of the FlinkDeployment.
// It is nil until the operator has taken up the first, and everything may
// change.
func SpecInForce(reported *storev1.StatusRecord, uid string) openjson.Object {
	parsed, err := openjson.ParseText(reported.GetStatus())
	if err != nil || reported.GetOwnerUid() != uid {
		return nil
	}
	recorded, err := openjson.ParseText(openjson.String(parsed, "reconciliationStatus", "lastReconciledSpec"))
	if err != nil {
		return nil
	}
	spec, _ := openjson.Field(recorded, "spec").(openjson.Object)
	return spec
}

// CheckChange notes what the operator would refuse in a specification because
// of the one in force.
func CheckChange(inForce, effective openjson.Object) error {
	var v apierror.Violations
	checkChange(&v, inForce, effective)
	return v.Unprocessable()
}

// CheckClusterChange is CheckChange for the specification of a pool's cluster.
func CheckClusterChange(inForce, effective openjson.Object) error {
	var v apierror.Violations
	checkChange(&v, inForce, effective)
	return ofClusterSpec(v).Unprocessable()
}

func checkChange(v *apierror.Violations, inForce, effective openjson.Object) {
	if inForce == nil {
		return
	}
	if was := deploymentMode(inForce); was != deploymentMode(effective) {
		v.Addf("spec.mode: cannot change once the cluster was deployed, it is %s", was)
	}
	if was := openjson.String(inForce, "flinkVersion"); suspendedByLastState(inForce) && was != openjson.String(effective, "flinkVersion") && keepsState(effective) {
		v.Addf("spec.flinkVersion: cannot change while the job is suspended by last-state: start it with %s first, and change the version then", was)
	}
	nonce := openjson.Field(effective, "job", "savepointRedeployNonce")
	if nonce != nil && fmt.Sprint(nonce) != fmt.Sprint(openjson.Field(inForce, "job", "savepointRedeployNonce")) &&
		strings.TrimSpace(openjson.String(effective, "job", "initialSavepointPath")) == "" {
		v.Addf("spec.job.savepointRedeployNonce: needs spec.job.initialSavepointPath where it changes")
	}
}

func deploymentMode(spec openjson.Object) string {
	if openjson.String(spec, "mode") == flink.Standalone {
		return flink.Standalone
	}
	return flink.Native
}

func suspendedByLastState(spec openjson.Object) bool {
	return openjson.String(spec, "job", "state") == flink.Suspended && openjson.String(spec, "job", "upgradeMode") == flink.UpgradeLastState
}

// keepsState tells whether a job is to go on from its state, which it is not by
// default.
func keepsState(spec openjson.Object) bool {
	mode := openjson.String(spec, "job", "upgradeMode")
	return mode != "" && mode != flink.UpgradeStateless
}
