package flink

import "github.com/openweir/weir/openjson"

// Values of status.lifecycleState.
const (
	LifecycleCreated     = "CREATED"
	LifecycleSuspended   = "SUSPENDED"
	LifecycleUpgrading   = "UPGRADING"
	LifecycleDeployed    = "DEPLOYED"
	LifecycleStable      = "STABLE"
	LifecycleRollingBack = "ROLLING_BACK"
	LifecycleRolledBack  = "ROLLED_BACK"
	LifecycleFailed      = "FAILED"
	LifecycleDeleting    = "DELETING"
	LifecycleDeleted     = "DELETED"
)

// LifecycleStates are all of the above.
var LifecycleStates = []string{
	LifecycleCreated, LifecycleSuspended, LifecycleUpgrading, LifecycleDeployed, LifecycleStable,
	LifecycleRollingBack, LifecycleRolledBack, LifecycleFailed, LifecycleDeleting, LifecycleDeleted,
}

// Values of status.jobManagerDeploymentStatus.
const (
	JobManagerMissing   = "MISSING"
	JobManagerDeploying = "DEPLOYING"
	JobManagerNotReady  = "DEPLOYED_NOT_READY"
	JobManagerReady     = "READY"
	JobManagerError     = "ERROR"
)

// Values of status.jobStatus.state.
const (
	JobReconciling = "RECONCILING"
	JobCreated     = "CREATED"
	JobRunning     = "RUNNING"
	JobRestarting  = "RESTARTING"
	JobFailing     = "FAILING"
	JobFailed      = "FAILED"
	JobFinished    = "FINISHED"
	JobCanceled    = "CANCELED" // by others than the operator
	JobSuspended   = "SUSPENDED"
)

// Values of status.reconciliationStatus.state.
const (
	ReconciliationUpgrading   = "UPGRADING"
	ReconciliationDeployed    = "DEPLOYED"
	ReconciliationRollingBack = "ROLLING_BACK"
)

// LastStatePath stands in status.jobStatus.upgradeSavepointPath for "restored by the
// metadata of high availability", which is no path.
const LastStatePath = "KUBERNETES_OPERATOR_LAST_STATE"

// ManualRestoreRequired is in status.error if the operator does not know what to start
// a job from.
const ManualRestoreRequired = "Manual restore required"

// IsTerminal reports whether a job in a state has ended for good.
func IsTerminal(state string) bool {
	return state == JobFinished || state == JobFailed || state == JobCanceled
}

// RecordedSpec returns the specification in a record of the operator, such as
// status.reconciliationStatus.lastReconciledSpec; nil if there is none.
func RecordedSpec(text string) openjson.Object {
	recorded, err := openjson.ParseText(text)
	if err != nil {
		return nil
	}
	spec, _ := openjson.Field(recorded, "spec").(openjson.Object)
	return spec
}
