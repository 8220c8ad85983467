package rules

// Phases that compute pools and statements share.
const (
	PhasePending  = "PENDING"
	PhaseRunning  = "RUNNING"
	PhaseFailing  = "FAILING"
	PhaseFailed   = "FAILED"
	PhaseDeleting = "DELETING"
)

// Phases of statements alone.
const (
	PhaseStopped   = "STOPPED"
	PhaseCompleted = "COMPLETED"
)
