package operator

import (
	"strconv"
	"strings"
	"time"

	"github.com/openweir/weir/flink"
)

// progressSessionJob moves the job on as long as its cluster is there.
func (m *machine) progressSessionJob() {
	if m.clusterReady {
		m.progressJob("")
		return
	}
	// The cluster's changes wake the job again.
	if m.status.JobStatus.State == flink.JobRunning {
		m.setJob(flink.JobReconciling)
	}
}

func (m *machine) progressImage() {
	if m.faulty(faultImage) {
		m.breakManager("ImagePullBackOff", "Back-off pulling the image "+simulated)
		return
	}
	m.setManager(flink.JobManagerNotReady)
	m.out.wait = m.pace
}

func (m *machine) progressManager(reconciled spec) {
	if m.faulty(faultJobManager) {
		m.breakManager("CrashLoopBackOff", "Back-off restarting the failed container flink-main-container "+simulated)
		return
	}
	m.setManager(flink.JobManagerReady)
	if reconciled.job() == nil {
		m.markStable()
		return
	}
	m.out.wait = m.pace
}

// breakManager leaves the JobManager in error until the spec changes.
func (m *machine) breakManager(reason, message string) {
	m.setManager(flink.JobManagerError)
	m.fail("org.apache.flink.kubernetes.operator.exception.DeploymentFailedException", message,
		event{component: componentJobManager, kind: warning, reason: reason})
}

// progressJob moves the job on while its JobManager is there.
func (m *machine) progressJob(name string) {
	job := &m.status.JobStatus
	switch job.State {
	case flink.JobReconciling:
		if job.JobName = name; name == "" {
			job.JobName = m.name
		}
		if job.StartTime == "" {
			job.StartTime = millis(m.now)
		}
		m.setJob(flink.JobCreated)
		m.out.wait = m.pace
	case flink.JobCreated:
		m.setJob(flink.JobRunning)
		m.markStable()
		m.progressRunning()
	case flink.JobRestarting:
		m.setJob(flink.JobRunning)
		m.progressRunning()
	case flink.JobRunning:
		m.progressRunning()
	}
}

// crashes tells whether the job is to fail and recover, once more.
func (m *machine) crashes() bool {
	return m.faulty(faultRestartLoop) ||
		m.faulty(faultCrashOnce) && m.memory != nil && m.memory[crashedKey] != m.status.JobStatus.JobID
}

// restarts is how often the job recovered.
func (m *machine) restarts() int {
	restarts, err := strconv.Atoi(m.memory[restartsKey])
	if err != nil {
		return 0
	}
	return restarts
}

// batch is how long a job in batch mode runs, which has an end; 0 for others.
func (m *machine) batch() time.Duration {
	if strings.EqualFold(m.spec.config()[flink.RuntimeMode], "batch") {
		return 3 * m.pace
	}
	return 0
}

// progressRunning does to a job that runs what its annotations ask for, or
// waits until it is time to.
func (m *machine) progressRunning() {
	job := &m.status.JobStatus
	if after := m.duration(AnnotationFinishAfter, m.batch()); after > 0 {
		left := fromMillis(job.StartTime).Add(after).Sub(m.now)
		if left <= 0 {
			m.setJob(flink.JobFinished)
			return
		}
		m.out.wait = left
	}
	if !m.faulty(faultJob) && !m.crashes() {
		return
	}
	// Failures follow each other ever more slowly, as those of a job do that
	// backs off exponentially.
	delay := 3 * m.pace << min(m.restarts(), 8)
	if left := fromMillis(job.UpdateTime).Add(delay).Sub(m.now); left > 0 {
		if m.out.wait == 0 || left < m.out.wait {
			m.out.wait = left
		}
		return
	}
	m.failJob()
}

// failJob lets the job fail, for good or to be restarted.
func (m *machine) failJob() {
	exception := event{component: componentJob, kind: warning, reason: "JobException", annotations: map[string]string{
		"exception-timestamp": millis(m.now), "task-name": "Source: simulated", "tm-id": m.name + "-taskmanager-1-1",
	}}
	if m.faulty(faultJob) {
		exception.message = jobException
		m.out.events = append(m.out.events, exception)
		m.setJob(flink.JobFailed)
		m.fail("org.apache.flink.kubernetes.operator.exception.ReconciliationException", "The job failed "+simulated,
			event{component: componentJob, kind: warning, reason: "Error"})
		return
	}
	exception.message = taskException
	m.out.events = append(m.out.events, exception)
	m.setJob(flink.JobRestarting)
	if m.memory != nil {
		m.memory[restartsKey] = strconv.Itoa(m.restarts() + 1)
		m.memory[crashedKey] = m.status.JobStatus.JobID
	}
	m.out.wait = m.pace
}
