package flink

// Values of status.lifecycleState.
const (
	LifecycleCreated   = "CREATED"
	LifecycleSuspended = "SUSPENDED"
	LifecycleUpgrading = "UPGRADING"
	LifecycleDeployed  = "DEPLOYED"
	LifecycleStable    = "STABLE"
	LifecycleFailed    = "FAILED"
	LifecycleDeleting  = "DELETING"
)

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
)

// Values of status.reconciliationStatus.state.
const (
	ReconciliationUpgrading = "UPGRADING"
	ReconciliationDeployed  = "DEPLOYED"
)
