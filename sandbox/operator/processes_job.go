package operator

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
	"github.com/openweir/weir/sandbox/localflink"
)

// watch moves the status on to what the JobManager says of the job.
func (p *processes) watch(ctx context.Context, m *machine, reconciled spec) (known bool) {
	client, err := p.jobManager(m.target)
	if err != nil {
		return true
	}
	job, err := find(ctx, client, m.status.JobStatus.JobID)
	switch {
	case err != nil:
		return true
	case job == nil:
		// The program of an application may not have got to its job yet.
		return false
	}
	m.status.JobStatus.JobName = job.Name
	m.status.JobStatus.StartTime = strconv.FormatInt(job.Start, 10)
	newest := p.tellExceptions(ctx, m, client)
	was := m.status.JobStatus.State
	m.setJob(job.State)
	switch job.State {
	case flink.JobRunning:
		m.markStable()
	case flink.JobFinished:
		m.markStable()
		m.out.wait = 0
	case flink.JobFailed:
		m.out.wait = 0
		m.fail("org.apache.flink.kubernetes.operator.exception.ReconciliationException", "The job failed: "+rootCause(newest),
			event{component: componentJob, kind: warning, reason: "Error"})
	case flink.JobCanceled:
		p.cancelled(ctx, m, reconciled, was)
	}
	return true
}

// find returns one job out of the list of all, nil where it is not there: Flink
// cannot tell the details of one that failed before it had a plan.
func find(ctx context.Context, client *flinkrest.Client, id string) (*flinkrest.Job, error) {
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		if job.ID == id {
			return &job, nil
		}
	}
	return nil, nil
}

// cancelled deploys a job again that was cancelled behind the operator's back:
// the spec still has it run.
func (p *processes) cancelled(ctx context.Context, m *machine, reconciled spec, was string) {
	m.tell(componentJob, warning, "UnexpectedCancellation", "The job was cancelled from outside while it was "+was)
	if m.spec.upgradeMode() == flink.UpgradeStateless {
		m.status.JobStatus.UpgradeSavepointPath = ""
	} else if path := p.checkpoint(ctx, m, reconciled, false); path != "" {
		m.status.JobStatus.UpgradeSavepointPath = path
	}
	p.stop(ctx, m)
	m.begin(reconciled, restoreMode(m.status.JobStatus.UpgradeSavepointPath), false)
}

// stackLines is the number of lines of a stack in an event, and of those of its causes.
const stackLines = 5

// tellExceptions records events for the exceptions that were not reported yet, and
// returns the stack of the newest.
func (p *processes) tellExceptions(ctx context.Context, m *machine, client *flinkrest.Client) (newest string) {
	id := m.status.JobStatus.JobID
	exceptions, err := client.Exceptions(ctx, id)
	if err != nil || len(exceptions) == 0 {
		return ""
	}
	p.mu.Lock()
	reported := p.exceptions[id]
	p.mu.Unlock()
	for i := len(exceptions) - 1; i >= 0; i-- {
		if exceptions[i].Timestamp > reported {
			m.out.events = append(m.out.events, exceptionEvent(exceptions[i]))
		}
	}
	last := exceptions[0].Timestamp
	m.out.recorded = append(m.out.recorded, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.exceptions[id] = max(last, p.exceptions[id])
	})
	return exceptions[0].Stack
}

// exceptionEvent tells of an exception in the operator's form.
func exceptionEvent(e flinkrest.Exception) event {
	annotations := map[string]string{"exception-timestamp": strconv.FormatInt(e.Timestamp, 10)}
	for name, value := range map[string]string{"task-name": e.Task, "endpoint": e.Endpoint, "tm-id": e.TaskManager} {
		if value != "" {
			annotations[name] = value
		}
	}
	for name, value := range e.Labels {
		annotations["failure-label-"+name] = value
	}
	return event{component: componentJob, kind: warning, reason: "JobException", message: excerpt(e.Stack), annotations: annotations}
}

// excerpt is the beginning of a stack, and its causes.
func excerpt(stack string) string {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	head := lines[:min(stackLines, len(lines))]
	var causes []string
	for _, line := range lines[len(head):] {
		if strings.HasPrefix(line, "Caused by: ") {
			causes = append(causes, line)
		}
	}
	// The innermost cause is the last, and says most.
	return strings.Join(append(head[:len(head):len(head)], causes[max(0, len(causes)-stackLines):]...), "\n")
}

// rootCause is the innermost cause in a stack.
func rootCause(stack string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(stack), "\n")
	if at := strings.LastIndex(stack, "\nCaused by: "); at >= 0 {
		first, _, _ = strings.Cut(stack[at+len("\nCaused by: "):], "\n")
	}
	if first == "" {
		return "Flink tells no exception"
	}
	return strings.TrimSpace(first)
}

// progressSessionJob submits the job of a session cluster, and watches it.
func (p *processes) progressSessionJob(ctx context.Context, m *machine, reconciled spec) {
	job := &m.status.JobStatus
	if !m.clusterReady || ended(job.State) {
		// The cluster's changes wake the job again.
		if m.out.wait = 0; job.State == flink.JobRunning {
			m.setJob(flink.JobReconciling)
		}
		return
	}
	switch known := p.watch(ctx, m, reconciled); {
	case known:
	case job.State == flink.JobReconciling:
		p.submit(ctx, m, reconciled)
	default:
		m.tell(componentJob, warning, "Missing", "Job Not Found")
		p.resumeFromRetained(m, reconciled)
		m.setJob(flink.JobReconciling)
		m.out.wait = m.pace
	}
}

func (p *processes) submit(ctx context.Context, m *machine, reconciled spec) {
	if err := p.run(ctx, m, reconciled); err != nil {
		m.fail("org.apache.flink.kubernetes.operator.exception.ReconciliationException", "The job cannot be submitted: "+rootCause(err.Error()),
			event{component: componentJob, kind: warning, reason: "Error"})
		m.out.wait = m.slow()
		return
	}
	m.out.wait = m.pace
}

// run has the session cluster run the job's program.
func (p *processes) run(ctx context.Context, m *machine, reconciled spec) error {
	client, err := p.jobManager(m.target)
	if err != nil {
		return err
	}
	job := p.job(m, reconciled)
	path, remove, err := p.jar(ctx, m, job.Jar)
	if err != nil {
		return err
	}
	defer remove()
	uploaded, err := client.Upload(ctx, path)
	if err != nil {
		return err
	}
	err = client.Run(ctx, uploaded, flinkrest.Run{
		EntryClass: job.EntryClass, Arguments: job.Args, Parallelism: job.Parallelism, Job: job.ID,
		Savepoint: job.Savepoint, AllowNonRestoredState: job.AllowNonRestoredState, Options: reconciled.config(),
	})
	return errors.Join(err, client.Forget(ctx, uploaded))
}

// jar returns the path of the jar of a session job. Where there is none the
// entry class is on Flink's class path, and the jar an empty one, which Flink
// wants nevertheless.
func (p *processes) jar(ctx context.Context, m *machine, uri string) (path string, remove func(), err error) {
	if uri != "" {
		path, err = p.clusters.Jar(ctx, clusterOf(m.target), uri)
		return path, func() {}, err
	}
	dir, err := os.MkdirTemp("", "weir-jar-")
	if err != nil {
		return "", nil, fmt.Errorf("create an empty jar: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "empty.jar")
	if err := emptyJar(path); err != nil {
		remove()
		return "", nil, fmt.Errorf("create an empty jar: %w", err)
	}
	return path, remove, nil
}

func emptyJar(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	archive := zip.NewWriter(file)
	manifest, err := archive.Create("META-INF/MANIFEST.MF")
	if err == nil {
		_, err = manifest.Write([]byte("Manifest-Version: 1.0\r\n\r\n"))
	}
	return errors.Join(err, archive.Close(), file.Close())
}

// endTime is how long a job that was cancelled has to end.
const endTime = 20 * time.Second

// cancel ends the job of a session cluster, and waits until it has, as well as
// can be: a cluster that is gone has no job.
func (p *processes) cancel(ctx context.Context, m *machine) {
	client, err := p.jobManager(m.target)
	id := m.status.JobStatus.JobID
	if err != nil || id == "" || client.Cancel(ctx, id) != nil {
		return
	}
	ctx, done := context.WithTimeout(ctx, endTime)
	defer done()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if job, err := client.Job(ctx, id); err != nil || job.Ended() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// checkpoint ends the job before it looks for its newest checkpoint: one that
// is found while the job runs may be gone when it has ended.
func (p *processes) checkpoint(ctx context.Context, m *machine, reconciled spec, _ bool) string {
	path := ""
	client, err := p.jobManager(m.target)
	if err == nil && m.manager != nil {
		path, _ = client.LastCheckpoint(ctx, m.status.JobStatus.JobID)
	}
	p.stop(ctx, m)
	if err == nil && m.manager == nil {
		path, _ = client.LastCheckpoint(ctx, m.status.JobStatus.JobID)
	}
	if retained, err := localflink.RetainedCheckpoint(p.checkpoints(m, reconciled), m.status.JobStatus.JobID); err == nil && retained != "" {
		return retained
	}
	return path
}
