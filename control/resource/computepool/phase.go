package computepool

import (
	"fmt"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Phase is the phase of a pool, and a sentence about it where there is something
// to say.
func Phase(item Item) (phase, message string) {
	return phaseOf(item.Value(), item.Revision, item.Reported())
}

// phaseOf is Phase from what it follows from. revision is that of the pool's
// record: what is reported of an older one is about another cluster.
func phaseOf(pool *cmfv1.ComputePool, revision int64, reported *storev1.StatusRecord) (phase, message string) {
	switch {
	case pool.GetSpec().GetType() == contract.PoolDedicated:
		return contract.PhaseDedicated, ""
	case !hasCluster(pool):
		return contract.PhaseSuspended, ""
	case reported.GetProblem() != nil && !reported.GetProblem().GetRetrying():
		return contract.PhaseFailed, problem(reported)
	case reported.GetStatus() == "" || reported.GetGeneration() < revision:
		return contract.PhasePending, problem(reported)
	case reported.GetLifecycleState() == flink.LifecycleFailed, reported.GetJobManagerStatus() == flink.JobManagerError:
		return contract.PhaseFailed, reported.GetError()
	case reported.GetJobManagerStatus() == flink.JobManagerReady:
		return contract.PhaseRunning, problem(reported)
	case reported.GetError() != "":
		return contract.PhaseFailing, reported.GetError()
	default:
		return contract.PhasePending, problem(reported)
	}
}

// problem is why an object differs from its desired state, empty where it does
// not.
func problem(reported *storev1.StatusRecord) string {
	if p := reported.GetProblem(); p != nil {
		return p.GetReason() + ": " + p.GetMessage()
	}
	return ""
}

// hasCluster is true if a pool has a session cluster of its own running.
func hasCluster(pool *cmfv1.ComputePool) bool {
	return IsShared(pool) && pool.GetSpec().GetState() != contract.PoolSuspended
}

// IsShared is true if the statements of a pool run on the pool's cluster.
func IsShared(pool *cmfv1.ComputePool) bool { return pool.GetSpec().GetType() == contract.PoolShared }

// CheckAccepts refuses statements that need Flink while their pool does not run.
func CheckAccepts(item Item) error {
	if phase, _ := Phase(item); IsShared(item.Value()) && phase != contract.PhaseRunning {
		return apierror.Unprocessable(fmt.Sprintf("spec.computePoolName: compute pool '%s' is %s: a shared pool accepts statements only while it is %s",
			item.Value().GetMetadata().GetName(), phase, contract.PhaseRunning))
	}
	return nil
}
