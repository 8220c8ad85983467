package resource

import (
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// Observe is the status of an object of the Flink operator, or of one that
// reports in the same form, after a report. The status of an object that is
// being deleted does not count: either its resource goes too, or another object
// takes its place. before is as for Reported.
func Observe(before *storev1.StatusRecord, report Report) *storev1.StatusRecord {
	after := CopyStatus(before, report.Owner)
	if s := report.Status; s != nil && !s.GetDeleting() && s.GetGeneration() >= after.GetGeneration() {
		// A status that is not JSON is ignored.
		if parsed, err := openjson.ParseText(s.GetStatus()); err == nil {
			readStatus(after, s, parsed)
		}
	}
	if report.Ack != nil && report.Ack.GetOutcome() != agentv1.Outcome_OUTCOME_DELETED {
		after.Problem = ProblemOf(report.Ack)
	}
	return after
}

func readStatus(after *storev1.StatusRecord, report *agentv1.StatusReport, status openjson.Object) {
	after.Status = openjson.Text(status)
	after.Generation = report.GetGeneration()
	after.LifecycleState = openjson.String(status, "lifecycleState")
	after.JobManagerStatus = openjson.String(status, "jobManagerDeploymentStatus")
	after.JobState = openjson.String(status, "jobStatus", "state")
	after.JobId = openjson.String(status, "jobStatus", "jobId")
	after.Error = flink.ErrorMessage(openjson.String(status, "error"))
}
