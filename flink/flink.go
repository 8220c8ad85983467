// Package flink holds the words and rules of the Flink Kubernetes Operator that
// more than one part of Weir goes by: its API, the states that it reports, and the
// options of Flink and of the operator.
package flink

import (
	"cmp"

	"github.com/openweir/weir/openjson"
)

// The operator's API.
const (
	Group      = "flink.apache.org"
	Version    = "v1beta1"
	APIVersion = Group + "/" + Version

	KindDeployment    = "FlinkDeployment"
	KindSessionJob    = "FlinkSessionJob"
	KindStateSnapshot = "FlinkStateSnapshot"

	ResourceDeployments    = "flinkdeployments"
	ResourceSessionJobs    = "flinksessionjobs"
	ResourceStateSnapshots = "flinkstatesnapshots"

	// The names of custom resource definitions.
	DeploymentDefinition = ResourceDeployments + "." + Group
	SnapshotDefinition   = ResourceStateSnapshots + "." + Group
)

// Values of spec.job.state.
const (
	Running   = "running"
	Suspended = "suspended"
)

// Values of spec.job.upgradeMode.
const (
	UpgradeStateless = "stateless"
	UpgradeSavepoint = "savepoint"
	UpgradeLastState = "last-state"
)

// UpgradeModes are the values of spec.job.upgradeMode.
var UpgradeModes = []string{UpgradeStateless, UpgradeSavepoint, UpgradeLastState}

// UpgradeMode is spec.job.upgradeMode of a specification, with its default.
func UpgradeMode(spec openjson.Object) string {
	return cmp.Or(openjson.String(spec, "job", "upgradeMode"), UpgradeStateless)
}

// Values of spec.mode.
const (
	Native     = "native"
	Standalone = "standalone"
)
