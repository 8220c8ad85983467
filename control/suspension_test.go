package control_test

import (
	"slices"
	"strings"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// suspendedStatus is what the operator stores once it has stopped a job with a
// savepoint.
const suspendedStatus = `{"observedGeneration":1,"lifecycleState":"SUSPENDED","jobStatus":{"jobId":"job-1","state":"FINISHED","upgradeSavepointPath":"s3://s/1"},` +
	`"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"savepoint\"}}}"}}`

// suspendWithSavepoint suspends an application that runs, and returns the Apply of it.
func (r *replica) suspendWithSavepoint(t *testing.T, a *agent) *agentv1.Apply {
	t.Helper()
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", strings.Replace(strings.Replace(running, "stateless", "savepoint", 1), `"image"`,
		`"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","execution.checkpointing.savepoint-dir":"s3://s"},"image"`, 1))
	a.report(a.awaitApply("orders", 1), flinkStatus("STABLE", "RUNNING", "job-1"))
	must(r.applications.SuspendApplication(t.Context(), &cmfv1.SuspendApplicationRequest{EnvName: "prod", AppName: "orders"}))(t)
	return a.awaitApply("orders", 2)
}

func (r *replica) startOrders(t *testing.T) {
	t.Helper()
	must(r.applications.StartApplication(t.Context(), &cmfv1.StartApplicationRequest{EnvName: "prod", AppName: "orders"}))(t)
}

func TestAnApplicationThatIsStartedAgainCarriesItsSavepoint(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	a.report(r.suspendWithSavepoint(t, a), suspendedStatus)
	awaitEqual(t, "the lifecycle state", any("SUSPENDED"), func() any { return r.status(t, "prod", "orders")["lifecycleState"] })
	r.startOrders(t)
	started := job(t, a, 3)
	equal(t, "the savepoint", any("s3://s/1"), started["initialSavepointPath"])
	equal(t, "the nonce, since the operator continues from it by itself", nil, started["savepointRedeployNonce"])
}

func TestAnApplicationThatIsStartedBeforeItIsSuspendedCarriesItsSavepoint(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	suspended := r.suspendWithSavepoint(t, a)
	r.startOrders(t)
	equal(t, "the savepoint, which is not known yet", nil, job(t, a, 3)["initialSavepointPath"])
	a.report(suspended, suspendedStatus)
	equal(t, "the savepoint", any("s3://s/1"), job(t, a, 4)["initialSavepointPath"])
}

func TestAnApplicationWhoseSavepointTheOperatorHasLostIsStartedFromIt(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	a.report(r.suspendWithSavepoint(t, a), suspendedStatus)
	awaitEqual(t, "the lifecycle state", any("SUSPENDED"), func() any { return r.status(t, "prod", "orders")["lifecycleState"] })
	r.startOrders(t)
	a.report(a.awaitApply("orders", 3), `{"observedGeneration":1,"lifecycleState":"DEPLOYED","jobStatus":{"jobId":"job-2","state":"CREATED","upgradeSavepointPath":"s3://c/job-1/chk-3"}}`)
	restarted := job(t, a, 4)
	equal(t, "the savepoint", any("s3://s/1"), restarted["initialSavepointPath"])
	if restarted["savepointRedeployNonce"] == nil {
		t.Error("the operator is not told to redeploy the job")
	}
	awaitEqual(t, "the event is there", true, func() bool {
		return slices.Contains(r.history(t, "prod", "orders"),
			"WARNING The Flink operator has lost the savepoint that the job was suspended with. The job is started again from s3://s/1.")
	})
}
