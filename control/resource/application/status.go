package application

import (
	"encoding/json"
	"strings"

	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// notReported is the status of an application that no agent has reported on.
// Clients of CMF depend on jobName and state being there from the first answer.
const notReported = `{"jobStatus":{"jobName":"","state":"` + flink.JobReconciling + `"}}`

// NormalStatus makes the status of a FlinkDeployment fit to be shown as it is:
// jobStatus always has a jobName and a state, and what Status adds
// is not there yet.
func NormalStatus(status openjson.Object) openjson.Object {
	job, _ := status["jobStatus"].(openjson.Object)
	if job == nil {
		job = openjson.Object{}
	}
	if _, ok := job["jobName"].(string); !ok {
		job = openjson.With(job, "jobName", "")
	}
	if state, ok := job["state"].(string); !ok || state == "" {
		job = openjson.With(job, "state", flink.JobReconciling)
	}
	if status == nil {
		status = openjson.Object{}
	}
	normal := openjson.With(status, "jobStatus", job)
	for _, field := range []string{"currentDeployedInstanceName", "warning", "resourceSummary"} {
		delete(normal, field)
	}
	if openjson.String(normal, "error") == "" {
		delete(normal, "error")
	}
	return normal
}

// setJobState makes jobStatus.state of a normal status what follows from all of it. The
// operator reports a job that it has stopped as FINISHED, whether the job is to
// continue or is suspended, and reports nothing of a job that was created as suspended.
func setJobState(normal openjson.Object, record *storev1.ApplicationRecord) {
	job, _ := normal["jobStatus"].(openjson.Object)
	recorded := openjson.String(normal, "reconciliationStatus", "lastReconciledSpec") != ""
	switch {
	case openjson.String(normal, "lifecycleState") == flink.LifecycleSuspended, !recorded && isSuspended(record):
		normal["jobStatus"] = openjson.With(job, "state", flink.JobSuspended)
	case isUpgrading(normal) && openjson.String(job, "state") == flink.JobFinished:
		normal["jobStatus"] = openjson.With(job, "state", flink.JobReconciling)
	}
}

// instanceField is what Status adds of the current instance.
const instanceField = "currentDeployedInstanceName"

// withInstance is the text of a status with the current instance, as it is stored.
func withInstance(status, instance string) string {
	if instance == "" {
		return status
	}
	return openjson.AppendField(status, instanceField, instance)
}

// Status is the status of an application as users see it. It adds to the text of
// what the agent reported and does not parse it: this is what every read of an
// application pays.
func Status(record *storev1.ApplicationRecord, reported *storev1.StatusRecord, warning string) string {
	status := reported.GetStatus()
	if status == "" {
		status = notReported
	}
	if stored, current := reported.GetInstance(), record.GetInstance(); stored != current {
		if stored != "" { // that of the report, before which another one began
			status = strings.TrimSuffix(status, `,"`+instanceField+`":"`+stored+`"}`) + "}"
		}
		status = withInstance(status, current)
	}
	if problem := reported.GetProblem(); problem != nil {
		if reported.GetError() == "" {
			status = openjson.AppendField(status, "error", problem.GetReason()+": "+problem.GetMessage())
		} else {
			warning = strings.TrimSpace(problem.GetReason() + ": " + problem.GetMessage() + " " + warning)
		}
	}
	if warning != "" {
		status = openjson.AppendField(status, "warning", warning)
	}
	return status
}

// FormatUsage writes a summary of resources as JSON.
func FormatUsage(u *cmfv1.ResourceUsageSummary) string {
	text, _ := json.Marshal(map[string]any{
		"jobManager":  usageFields(u.GetJobManager()),
		"taskManager": usageFields(u.GetTaskManager()),
	})
	return string(text)
}

func usageFields(p *cmfv1.ProcessUsage) map[string]any {
	return map[string]any{"cpu": p.GetCpu(), "memory": p.GetMemory(), "count": p.GetCount()}
}
