package contract

// Values of a cluster's spec.lifecycleState.
const (
	LifecycleActive         = "ACTIVE"
	LifecycleDecommissioned = "DECOMMISSIONED"
)

// Values of a cluster's status.state.
const (
	ClusterConnected      = "CONNECTED"
	ClusterDisconnected   = "DISCONNECTED"
	ClusterDecommissioned = "DECOMMISSIONED"
)

// Values of a compute pool's spec.type.
const (
	PoolDedicated = "DEDICATED"
	PoolShared    = "SHARED"
)

// Values of a compute pool's spec.state.
const (
	PoolRunning   = "RUNNING"
	PoolSuspended = "SUSPENDED"
)

// Values of status.phase of compute pools and statements.
const (
	PhasePending   = "PENDING"
	PhaseRunning   = "RUNNING"
	PhaseFailing   = "FAILING"
	PhaseFailed    = "FAILED"
	PhaseDeleting  = "DELETING"
	PhaseDedicated = "DEDICATED" // compute pools only
	PhaseSuspended = "SUSPENDED" // compute pools only
	PhaseStopped   = "STOPPED"   // statements only
	PhaseCompleted = "COMPLETED" // statements only
)

// Values of a savepoint's status.state, which are those of the operator's
// FlinkStateSnapshot.
const (
	SavepointPending   = "TRIGGER_PENDING"
	SavepointCompleted = "COMPLETED"
	SavepointFailed    = "FAILED"
	SavepointAbandoned = "ABANDONED"
)
