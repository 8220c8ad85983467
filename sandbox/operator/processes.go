package operator

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/sandbox/localflink"
)

// lookEvery is how long what runs well is left alone.
const lookEvery = time.Second

// processes runs Flink as processes of this machine.
type processes struct {
	clusters *localflink.Clusters

	mu sync.Mutex
	// stops are the savepoints that jobs were last stopped with, by the uid of
	// their objects. They go with the process, as the jobs do.
	stops map[string]stopped
	// disposals are deletions of savepoints that go on, by the uid of their
	// snapshots.
	disposals map[string]string
	// exceptions is when the newest exception happened that was reported of a job,
	// in epoch milliseconds.
	exceptions map[string]int64
}

// stopped is a stop with a savepoint.
type stopped struct {
	job, trigger string
	// path is empty until the savepoint is there.
	path string
}

func newProcesses(clusters *localflink.Clusters) *processes {
	return &processes{
		clusters: clusters, stops: map[string]stopped{}, disposals: map[string]string{}, exceptions: map[string]int64{},
	}
}

func (p *processes) supports(version string) error { return p.clusters.Supports(version) }

// effective gives deployments folders for their state.
func (p *processes) effective(namespace, name string, s spec) spec {
	return s.over(p.clusters.Defaults(localflink.Name{Namespace: namespace, Name: name}))
}

// fetches allows what is on this machine too, of which the real operator knows
// nothing.
func (p *processes) fetches(uri string) error {
	at, err := url.Parse(uri)
	if err == nil && (at.Scheme == "local" || at.Scheme == "file") {
		return nil
	}
	return first(validation.JarURI(uri))
}

// Keys of status.clusterInfo under which the addresses of processes are.
const (
	restKey       = "weir-rest"
	sqlGatewayKey = "weir-sql-gateway"
)

func (p *processes) describe(t target, status *deploymentStatus, _ spec) {
	// They are there from a time when all was simulated.
	for _, key := range []string{marker, crashedKey, restartsKey} {
		delete(status.ClusterInfo, key)
	}
	view := p.clusters.View(localflink.Name{Namespace: t.namespace, Name: t.name})
	for key, value := range map[string]string{
		restKey: view.JobManager, sqlGatewayKey: view.SQLGateway,
		"flink-version": view.Flink.Version, "flink-revision": view.Flink.Revision,
	} {
		if value == "" {
			delete(status.ClusterInfo, key)
		} else {
			status.ClusterInfo[key] = value
		}
	}
	if status.TaskManager != nil {
		status.TaskManager.Replicas = int64(view.TaskManagers)
	}
}

// clusterOf names the cluster that a job runs in: a session job's is another
// object's.
func clusterOf(t target) localflink.Name {
	if t.kind == flink.KindSessionJob {
		return localflink.Name{Namespace: t.namespace, Name: t.spec.text("deploymentName")}
	}
	return localflink.Name{Namespace: t.namespace, Name: t.name}
}

// jobManager returns a client of the JobManager of an object's cluster.
func (p *processes) jobManager(t target) (*flinkrest.Client, error) {
	client := p.clusters.JobManager(clusterOf(t))
	if client == nil {
		return nil, fmt.Errorf("the JobManager of %s does not answer", clusterOf(t))
	}
	return client, nil
}

func (p *processes) progress(ctx context.Context, m *machine, reconciled spec) {
	m.out.wait = lookEvery
	if m.manager == nil {
		p.progressSessionJob(ctx, m, reconciled)
		return
	}
	name := clusterOf(m.target)
	view := p.clusters.View(name)
	p.tellIncidents(m, name, view.Incidents)
	switch view.Phase {
	case localflink.Absent, localflink.Lost:
		p.bringUp(m, name, reconciled, view.Cause)
	case localflink.Starting:
		m.setManager(flink.JobManagerNotReady)
		m.out.wait = m.pace
	case localflink.Failed:
		m.breakManager("CrashLoopBackOff", view.Cause)
		m.out.wait = 0
	case localflink.Ready:
		m.setManager(flink.JobManagerReady)
		if reconciled.job() != nil {
			p.watch(ctx, m, reconciled)
			return
		}
		m.markStable()
		p.provide(ctx, name, reconciled, view.TaskManagers)
	}
}

// tellIncidents makes events of what happened to processes.
func (p *processes) tellIncidents(m *machine, name localflink.Name, incidents []string) {
	for _, incident := range incidents {
		m.tell(componentJobManager, warning, "ProcessEnded", incident)
	}
	if len(incidents) > 0 {
		m.out.recorded = append(m.out.recorded, func() { p.clusters.Reported(name, len(incidents)) })
	}
}

// bringUp starts the cluster that the status says was deployed. Where it ran
// before, it was lost, with this process or by itself.
func (p *processes) bringUp(m *machine, name localflink.Name, reconciled spec, cause string) {
	if ended(m.status.JobStatus.State) {
		m.setManager(flink.JobManagerMissing)
		m.out.wait = 0
		return
	}
	if *m.manager != flink.JobManagerDeploying {
		p.recover(m, reconciled, cause)
		return
	}
	if err := p.clusters.Start(name, p.cluster(m, reconciled)); err != nil {
		m.breakManager("FailedCreate", err.Error())
		m.out.wait = 0
		return
	}
	m.setManager(flink.JobManagerNotReady)
	m.out.wait = m.pace
}

// recover prepares to start a cluster that was lost, its job from the newest
// state where the upgrade mode allows that there is some.
func (p *processes) recover(m *machine, reconciled spec, cause string) {
	message := "Recovering lost deployment"
	if cause != "" {
		message += ": " + cause
	}
	m.tell(componentJobManager, warning, "RecoverDeployment", message)
	if reconciled.job() != nil {
		p.resumeFromRetained(m, reconciled)
		m.setJob(flink.JobReconciling)
	}
	m.setManager(flink.JobManagerDeploying)
	m.out.wait = m.pace
}

// resumeFromRetained lets the job go on from its newest checkpoint, where it
// is not to start without state.
func (p *processes) resumeFromRetained(m *machine, reconciled spec) {
	if m.spec.upgradeMode() == flink.UpgradeStateless {
		return
	}
	job := &m.status.JobStatus
	path, err := localflink.RetainedCheckpoint(p.checkpoints(m, reconciled), job.JobID)
	if err != nil {
		m.tell(componentJob, warning, "RestoreFailed", err.Error())
	}
	if path != "" {
		job.UpgradeSavepointPath = path
	}
}

// checkpoints is the folder of the checkpoints of the job, which a session job
// may have from its cluster.
func (p *processes) checkpoints(m *machine, reconciled spec) string {
	cluster := p.effective(m.namespace, clusterOf(m.target).Name, m.cluster)
	_, folder := flink.Checkpoints.In(reconciled.over(cluster.config()).config())
	return folder
}

// cluster describes the cluster of a deployment.
func (p *processes) cluster(m *machine, reconciled spec) localflink.Spec {
	effective := p.effective(m.namespace, m.name, reconciled)
	described := localflink.Spec{
		Version: effective.text("flinkVersion"), Options: effective.config(), TaskManagers: int(effective.taskManagers()),
		JobManagerMemory:  effective.text("jobManager", "resource", "memory"),
		TaskManagerMemory: effective.text("taskManager", "resource", "memory"),
	}
	if effective.job() != nil {
		job := p.job(m, effective)
		described.Job = &job
	}
	return described
}

func (p *processes) job(m *machine, s spec) localflink.Job {
	parallelism, _ := s.number("job", "parallelism")
	lax, _ := s.at("job", "allowNonRestoredState").(bool)
	job := localflink.Job{
		ID: m.status.JobStatus.JobID, Jar: s.text("job", "jarURI"), EntryClass: s.text("job", "entryClass"),
		Parallelism: parallelism, AllowNonRestoredState: lax, Savepoint: m.status.JobStatus.UpgradeSavepointPath,
	}
	args, _ := s.at("job", "args").([]any)
	for _, arg := range args {
		job.Args = append(job.Args, fmt.Sprint(arg))
	}
	return job
}

// ended tells whether a job will not run any more.
func ended(state string) bool {
	return state == flink.JobFinished || state == flink.JobFailed || state == flink.JobCanceled
}

// maxTaskManagers is how many TaskManagers a session cluster gets that does
// not say how many: each takes memory of this machine.
const maxTaskManagers = 4

// provide adds a TaskManager to a session cluster where jobs wait for slots.
func (p *processes) provide(ctx context.Context, name localflink.Name, reconciled spec, wanted int) {
	client := p.clusters.JobManager(name)
	if _, fixed := reconciled.number("taskManager", "replicas"); fixed || client == nil {
		return
	}
	overview, err := client.Overview(ctx)
	// Those that are on their way come first.
	if err != nil || overview.SlotsAvailable > 0 || overview.TaskManagers < wanted {
		return
	}
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return
	}
	for _, job := range jobs {
		if !job.Ended() && job.Tasks.Created+job.Tasks.Scheduled > 0 {
			p.clusters.Grow(name, maxTaskManagers)
			return
		}
	}
}

func (p *processes) stop(ctx context.Context, m *machine) {
	if m.manager == nil {
		p.cancel(ctx, m)
		return
	}
	// The real operator leaves the JobManager there for a day; here it would
	// only take memory.
	p.clusters.Stop(clusterOf(m.target))
	m.setManager(flink.JobManagerMissing)
}

func (p *processes) remove(ctx context.Context, m *machine) (string, bool) {
	reconciled := readRecorded(m.status.ReconciliationStatus.LastReconciledSpec)
	if reconciled != nil && m.savepointOnDeletion() {
		path, err := p.savepoint(ctx, m, reconciled)
		switch {
		case err != nil:
			m.out.wait = m.slow()
			return err.Error(), false
		case path == "":
			m.out.wait = m.pace
			return "", false
		}
		m.out.savepoint = &takenSavepoint{path: path, format: p.format(reconciled), at: m.now}
	}
	if m.manager == nil {
		p.cancel(ctx, m)
		p.forget(m)
		return "", true
	}
	if reason := p.unmanaged(ctx, m.target); reason != "" {
		m.out.wait = lookEvery
		return reason, false
	}
	p.forget(m)
	if err := p.clusters.Remove(clusterOf(m.target)); err != nil {
		m.out.wait = m.slow()
		return err.Error(), false
	}
	return "", true
}

// forget drops what is known of an object that goes.
func (p *processes) forget(m *machine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.stops, m.uid)
	delete(p.exceptions, m.status.JobStatus.JobID)
}

// unmanaged returns why a session cluster cannot be deleted: the operator does
// not end jobs that others started.
func (p *processes) unmanaged(ctx context.Context, t target) string {
	client := p.clusters.JobManager(clusterOf(t))
	_, blocks := flink.BlockOnUnmanagedJobs.In(t.spec.config())
	if client == nil || t.spec.job() != nil || strings.EqualFold(blocks, "false") {
		return ""
	}
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return ""
	}
	var running []string
	for _, job := range jobs {
		if !job.Ended() {
			running = append(running, job.ID+" ("+job.Name+")")
		}
	}
	if len(running) == 0 {
		return ""
	}
	return "The session cluster cannot be deleted while it has jobs that run: " + strings.Join(running, ", ")
}
