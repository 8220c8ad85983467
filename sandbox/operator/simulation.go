package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/validation"
)

// simulation runs nothing: all goes well after a step each, but for what
// annotations ask for.
type simulation struct{}

func (simulation) supports(string) error { return nil }

func (simulation) effective(_, _ string, s spec) spec { return s }

func (simulation) fetches(uri string) error { return first(validation.JarURI(uri)) }

func (simulation) describe(_ target, status *deploymentStatus, reconciled spec) {
	status.ClusterInfo[marker] = "simulated"
	if reconciled != nil && status.JobManagerDeploymentStatus == flink.JobManagerReady {
		status.ClusterInfo["flink-version"] = flink.FirstRelease(reconciled.text("flinkVersion"))
		status.ClusterInfo["flink-revision"] = "weir-sandbox"
	}
}

func (simulation) progress(_ context.Context, m *machine, reconciled spec) {
	if m.manager == nil {
		m.progressSessionJob()
		return
	}
	switch *m.manager {
	case flink.JobManagerDeploying:
		m.progressImage()
	case flink.JobManagerNotReady:
		m.progressManager(reconciled)
	case flink.JobManagerReady:
		if reconciled.job() != nil {
			m.progressJob(reconciled.config()["pipeline.name"])
		}
	}
}

func (simulation) savepoint(_ context.Context, m *machine, _ spec) (string, error) {
	if m.savepointFails(m.status.Error != "") {
		return "", sentence(savepointFailure)
	}
	return savepointPath(m.status.JobStatus.JobID), nil
}

// canonicalFormat is the operator's format of savepoints.
const canonicalFormat = "CANONICAL"

func (simulation) format(spec) string { return canonicalFormat }

// checkpoint keeps the metadata of high availability where there is some that
// the next run can read, else notes the last checkpoint.
func (simulation) checkpoint(_ context.Context, m *machine, reconciled spec, otherVersion bool) string {
	job := m.status.JobStatus
	switch {
	case reconciled.highlyAvailable() && m.manager != nil && !otherVersion:
		return flink.LastStatePath
	case job.StartTime != "":
		return checkpointPath(job, m.now)
	}
	return ""
}

func (simulation) stop(context.Context, *machine) {}

func (simulation) remove(_ context.Context, m *machine) (string, bool) {
	switch {
	case m.faulty(faultCleanup):
		return "The cluster could not be removed " + simulated, false
	case m.savepointOnDeletion() && m.savepointFails(m.status.Error != ""):
		m.out.wait = m.slow()
		return savepointFailure, false
	}
	if m.savepointOnDeletion() {
		m.out.savepoint = &takenSavepoint{path: savepointPath(m.status.JobStatus.JobID), format: canonicalFormat, at: m.now}
	}
	return "", true
}

func (simulation) snapshot(_ context.Context, s *snapshotter) (string, bool, error) {
	switch {
	case s.spec["checkpoint"] != nil:
		return checkpointPath(s.job.status, s.now), true, nil
	case s.job.savepointFails(s.status.Failures > 0):
		return "", true, sentence(savepointFailure)
	}
	return savepointPath(s.job.status.JobID), true, nil
}

func (simulation) dispose(context.Context, *snapshotter) (bool, error) { return true, nil }

func savepointPath(jobID string) string {
	return fmt.Sprintf("file:///weir-sandbox/savepoints/savepoint-%s-%s", prefix(jobID, 6), randomHex(6))
}

// checkpointPath is where the last checkpoint of the job would be, one a
// minute.
func checkpointPath(job jobStatus, now time.Time) string {
	number := int64(now.Sub(fromMillis(job.StartTime))/time.Minute) + 1
	return fmt.Sprintf("file:///weir-sandbox/checkpoints/%s/chk-%d", job.JobID, number)
}

// sentence is an error with the words that the operator has for it.
type sentence string

// Error returns the words.
func (s sentence) Error() string { return string(s) }
