package rules

import (
	"github.com/openweir/weir/control/contract"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Values of status.jobManagerDeploymentStatus and of status.lifecycleState.
const (
	managerReady    = "READY"
	managerError    = "ERROR"
	lifecycleFailed = "FAILED"
)

// PoolPhase is the phase of a pool, and a sentence about it where there is
// something to say. revision is that of the pool's record: what is reported of
// an older one tells of another cluster.
func PoolPhase(pool *cmfv1.ComputePool, revision int64, reported *storev1.StatusRecord) (phase, message string) {
	switch {
	case pool.GetSpec().GetType() == contract.PoolDedicated:
		return contract.PhaseDedicated, ""
	case !WantsCluster(pool):
		return contract.PhaseSuspended, ""
	case reported.GetProblem() != nil && !reported.GetProblem().GetRetrying():
		return contract.PhaseFailed, problemText(reported)
	case reported.GetStatus() == "" || reported.GetGeneration() < revision:
		return contract.PhasePending, problemText(reported)
	case reported.GetLifecycleState() == lifecycleFailed, reported.GetJobManagerStatus() == managerError:
		return contract.PhaseFailed, reported.GetError()
	case reported.GetJobManagerStatus() == managerReady:
		return contract.PhaseRunning, problemText(reported)
	case reported.GetError() != "":
		return contract.PhaseFailing, reported.GetError()
	default:
		return contract.PhasePending, problemText(reported)
	}
}

// problemText is why an object is not as it should be, empty where it is.
func problemText(reported *storev1.StatusRecord) string {
	if p := reported.GetProblem(); p != nil {
		return p.GetReason() + ": " + p.GetMessage()
	}
	return ""
}
