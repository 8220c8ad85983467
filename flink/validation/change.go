package validation

import (
	"fmt"
	"strings"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// Change returns what is wrong with the specification of a FlinkDeployment because
// of the one that the operator carried out last. inForce is nil before the first,
// and everything can change.
func Change(inForce, spec openjson.Object) []Problem {
	if inForce == nil {
		return nil
	}
	c := checker{spec: spec}
	if was := deploymentMode(inForce); was != deploymentMode(spec) {
		c.addf("spec.mode", "cannot change after the cluster was deployed: it is %s", was)
	}
	if (inForce["job"] == nil) != (spec["job"] == nil) {
		c.addf("spec.job", "cannot be added to or taken from a cluster that was deployed")
	}
	if was := openjson.String(inForce, "flinkVersion"); suspendedByLastState(inForce) && was != openjson.String(spec, "flinkVersion") && keepsState(spec) {
		c.addf("spec.flinkVersion", "cannot change while the job is suspended by last-state: start it with %s first, and change the version then", was)
	}
	nonce := openjson.Field(spec, "job", "savepointRedeployNonce")
	if nonce != nil && fmt.Sprint(nonce) != fmt.Sprint(openjson.Field(inForce, "job", "savepointRedeployNonce")) &&
		strings.TrimSpace(openjson.String(spec, "job", "initialSavepointPath")) == "" {
		c.addf("spec.job.savepointRedeployNonce", "needs spec.job.initialSavepointPath when it changes")
	}
	return c.problems
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

// keepsState is true if a job goes on from its state, which it does not by
// default.
func keepsState(spec openjson.Object) bool {
	mode := openjson.String(spec, "job", "upgradeMode")
	return mode != "" && mode != flink.UpgradeStateless
}
