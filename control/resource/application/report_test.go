package application

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/control/resource"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// What the operator says of a job is not its state alone.
func TestTheStateOfAJob(t *testing.T) {
	const recorded = `"lastReconciledSpec":"{}"`
	for name, test := range map[string]struct {
		desired, status, want string
	}{
		"created as suspended":      {"suspended", `{"lifecycleState":"CREATED","jobStatus":{},"reconciliationStatus":{"state":"UPGRADING"}}`, "SUSPENDED"},
		"of which nothing is known": {"suspended", `{}`, "SUSPENDED"},
		"and started":               {"running", `{"lifecycleState":"CREATED","jobStatus":{},"reconciliationStatus":{"state":"UPGRADING"}}`, "RECONCILING"},
		"running":                   {"running", `{"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING"},"reconciliationStatus":{"state":"DEPLOYED",` + recorded + `}}`, "RUNNING"},
		"to be suspended":           {"suspended", `{"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING"},"reconciliationStatus":{"state":"DEPLOYED",` + recorded + `}}`, "RUNNING"},
		"suspended":                 {"suspended", `{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED"},"reconciliationStatus":{"state":"DEPLOYED",` + recorded + `}}`, "SUSPENDED"},
		"stopped for an upgrade":    {"running", `{"lifecycleState":"UPGRADING","jobStatus":{"state":"FINISHED"},"reconciliationStatus":{"state":"UPGRADING",` + recorded + `}}`, "RECONCILING"},
		"finished":                  {"running", `{"lifecycleState":"STABLE","jobStatus":{"state":"FINISHED"},"reconciliationStatus":{"state":"DEPLOYED",` + recorded + `}}`, "FINISHED"},
		"failed in an upgrade":      {"running", `{"lifecycleState":"UPGRADING","jobStatus":{"state":"FAILED"},"reconciliationStatus":{"state":"UPGRADING",` + recorded + `}}`, "FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := observe(recordOf(test.desired), nil, statusReport(test.status))
			expect(t, "what is filtered by", seen.status.GetJobState(), test.want)
			shown, err := openjson.ParseText(seen.status.GetStatus())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "what is shown", openjson.String(shown, "jobStatus", "state"), test.want)
		})
	}
}

func TestAnUpgradeWithASavepointIsNotReportedAsTheEndOfTheJob(t *testing.T) {
	var before *storev1.StatusRecord
	var states []string
	for _, status := range []struct{ lifecycle, job, reconciliation string }{
		{"STABLE", "RUNNING", "DEPLOYED"}, {"UPGRADING", "FINISHED", "UPGRADING"}, {"DEPLOYED", "RECONCILING", "DEPLOYED"}, {"STABLE", "RUNNING", "DEPLOYED"},
	} {
		seen := observe(recordOf("running"), before, statusReport(fmt.Sprintf(
			`{"lifecycleState":%q,"jobStatus":{"state":%q},"reconciliationStatus":{"state":%q,"lastReconciledSpec":"{}"}}`, status.lifecycle, status.job, status.reconciliation)))
		before = seen.status
		for _, event := range seen.events {
			if event.GetStatus().GetType() == EventJobStatus {
				states = append(states, event.GetStatus().GetData().GetNewStatus())
			}
		}
	}
	if want := []string{"RUNNING", "RECONCILING", "RUNNING"}; !slices.Equal(states, want) {
		t.Errorf("the reported states are %s; want %s", strings.Join(states, ", "), strings.Join(want, ", "))
	}
}

func recordOf(desired string) *storev1.ApplicationRecord {
	return &storev1.ApplicationRecord{Generation: 1, Application: &cmfv1.FlinkApplication{
		Spec: &cmfv1.JsonObject{Json: `{"job":{"state":"` + desired + `"}}`},
	}}
}

func statusReport(status string) resource.Report {
	return resource.Report{Status: &agentv1.StatusReport{Generation: 1, ObjectGeneration: 1, Status: status}}
}
