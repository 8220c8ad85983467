package control_test

import (
	"fmt"
	"strings"
	"testing"
)

// The operator keeps specifications in the status, which may be more than etcd
// stores in a value.
func TestAReportThatIsTooLargeIsStoredWithoutWhatIsLong(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "orders", running)
	sent := a.awaitApply("orders", 1)
	long := strings.Repeat("é", 1<<20)

	a.report(sent, fmt.Sprintf(`{"observedGeneration":1,"lifecycleState":"STABLE","error":%q,
		"jobStatus":{"jobName":"job","jobId":"job-1","state":"RUNNING"},"reconciliationStatus":{"lastReconciledSpec":%q,"state":"DEPLOYED"}}`, "failed: "+long, long))
	awaitEqual(t, "the state of the job", "RUNNING", func() string { return r.jobState(t, "prod", "orders") })
	status := r.status(t, "prod", "orders")
	equal(t, "lifecycleState", any("STABLE"), status["lifecycleState"])
	if e := fmt.Sprint(status["error"]); !strings.HasPrefix(e, "failed: é") || !strings.HasSuffix(e, " bytes were left out)") || len(e) > 5000 {
		t.Errorf("the error has %d bytes and begins with %.40q", len(e), e)
	}

	many := strings.Repeat(`{"name":"`+strings.Repeat("x", 1000)+`"},`, 2000)
	a.report(sent, fmt.Sprintf(`{"observedGeneration":1,"lifecycleState":"STABLE","jobStatus":{"jobName":"job","jobId":"job-1","state":"FAILED"},"taskManager":[%s{}]}`, many))
	awaitEqual(t, "the state of the job", "FAILED", func() string { return r.jobState(t, "prod", "orders") })
	equal(t, "what is long", nil, r.status(t, "prod", "orders")["taskManager"])
}
