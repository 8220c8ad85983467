package sql

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// insert is what is known of the job of a detached statement.
type insert struct {
	// fingerprint and nonce are those of the Spec that the job was submitted from.
	fingerprint string
	nonce       int64
	job         string
	state       string
	// generation is that of the statement when the job was submitted; 0 if it is not
	// known.
	generation int64
	// stopped is true if the job was stopped to be resumed later, from savepoint if
	// there is one.
	stopped   bool
	savepoint string
	// refused is true if Flink has rejected the statement.
	refused bool
	// checkpoint is the last one observed, from which to resume if the JobManager
	// crashes.
	checkpoint string
	// attempt counts the failed savepoints. Each attempt has its own trigger id.
	attempt int
	// missingSince is zero while the JobManager knows the job.
	missingSince time.Time
	// checkedAt is when exceptions and checkpoints were last read.
	checkedAt time.Time
}

func (i *insert) isRunning() bool {
	return i.job != "" && !flinkrest.Ended(i.state) && !i.stopped && !i.refused
}

// isAhead reports whether the job was submitted from a newer generation of the
// statement: the control plane was restored from a backup. The job continues until the
// statement is changed.
func (i *insert) isAhead(w *revision) bool {
	return i != nil && w != nil && i.isRunning() && i.generation > w.generation
}

func (i *insert) explainAhead(w *revision) string {
	return fmt.Sprintf("The job is newer than this statement, which was restored from a backup: it was submitted from generation %d, "+
		"and the statement has generation %d. The job continues. To apply this statement in its place, change the statement, for example one of its labels.",
		i.generation, w.generation)
}

// matches reports whether the job was submitted from a spec.
func (i *insert) matches(spec *Spec) bool {
	return i.fingerprint == spec.fingerprint() && i.nonce == spec.SavepointRedeployNonce
}

// stepInsert takes the next step of a detached statement.
func (s *statement) stepInsert(ctx context.Context, w *revision) (time.Duration, error) {
	if s.insert == nil {
		if err := s.adopt(ctx, w); err != nil {
			return 0, err
		}
	}
	i := s.insert
	switch {
	case i.isAhead(w):
		return s.follow(ctx, w)
	case w.spec.suspended() && i.isRunning():
		return s.stop(ctx, w, true)
	case w.spec.suspended():
		s.reportStopped()
		return time.Hour, nil
	case i.isRunning() && i.matches(w.spec):
		return s.follow(ctx, w)
	case i.isRunning():
		// A newly given savepoint replaces the state of the job.
		return s.stop(ctx, w, i.nonce == w.spec.SavepointRedeployNonce || w.spec.InitialSavepointPath == "")
	case i.job == "" && !i.refused, i.stopped, !i.matches(w.spec):
		return 0, s.submit(ctx, w, s.restorePath(w.spec))
	}
	return time.Hour, nil // it has ended or was refused
}

// restorePath returns the savepoint that the next job starts from; empty if it
// starts without state.
func (s *statement) restorePath(spec *Spec) string {
	i := s.insert
	switch {
	case i.nonce != spec.SavepointRedeployNonce && spec.InitialSavepointPath != "":
		return spec.InitialSavepointPath
	case i.job != "" && !spec.stateful():
		return ""
	case i.savepoint != "" && spec.stateful():
		return i.savepoint
	}
	return spec.InitialSavepointPath
}

// adopt finds the statement's job on the cluster. If several are running, which
// lost responses can cause, the newest is kept.
func (s *statement) adopt(ctx context.Context, w *revision) error {
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return err
	}
	jobs, err := jobsOf(ctx, ends.rest, s.id)
	if err != nil {
		return err
	}
	known := w.spec.Known
	if len(jobs) == 0 {
		s.insert = insertFromKnown(w.spec, known)
		s.reportAdopted(known)
		return nil
	}
	for _, job := range jobs[1:] {
		if !job.Ended() {
			if err := s.driver.cancelJob(ctx, ends.rest, job.ID); err != nil {
				return err
			}
		}
	}
	i := &insert{job: jobs[0].ID, state: jobs[0].State, fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce}
	parameters, err := ends.rest.Parameters(ctx, i.job)
	if err != nil && !flinkrest.NotFound(err) {
		return err
	}
	if fingerprint := parameters[parameterSpec]; fingerprint != "" {
		i.fingerprint = fingerprint
		i.nonce, _ = strconv.ParseInt(parameters[parameterNonce], 10, 64)
		i.generation, _ = strconv.ParseInt(parameters[parameterGeneration], 10, 64)
	}
	if flinkrest.Ended(i.state) {
		if err := s.adoptEnded(ctx, ends.rest, i, known); err != nil {
			return err
		}
	}
	s.insert = i
	s.log.Info("adopted the job of a statement", "job", i.job, "state", i.state, "stopped", i.stopped)
	job, err := ends.rest.Job(ctx, i.job)
	if err != nil {
		return err
	}
	s.observeJob(ctx, job)
	if i.stopped {
		s.reportStopped()
	}
	return nil
}

// adoptEnded finds out whether a terminated job was stopped, and its savepoint.
func (s *statement) adoptEnded(ctx context.Context, rest *flinkrest.Client, i *insert, known Known) error {
	snapshots, err := rest.Snapshots(ctx, i.job)
	if err != nil {
		return err
	}
	switch {
	case i.state == flinkrest.Finished && snapshots.Stopped:
		i.stopped, i.savepoint = true, snapshots.Savepoint
	case i.state == flinkrest.Canceled:
		// The driver cancels what has no savepoints.
		i.stopped = true
	}
	if i.stopped && i.savepoint == "" && known.JobID == i.job {
		i.savepoint = known.UpgradeSavepointPath
	}
	return nil
}

// insertFromKnown returns a job that the cluster no longer knows, as the control
// plane has recorded it.
func insertFromKnown(spec *Spec, known Known) *insert {
	i := &insert{job: known.JobID, savepoint: known.UpgradeSavepointPath}
	switch {
	case known.ended():
		i.fingerprint, i.nonce = spec.fingerprint(), spec.SavepointRedeployNonce
		i.state = flinkrest.Finished
		i.refused = i.job == ""
		if known.Phase == "FAILED" {
			i.state = flinkrest.Failed
		}
	case known.JobID != "":
		i.stopped, i.state = true, flinkrest.Finished
	}
	return i
}

// reportAdopted reports that a statement is complete whose job the cluster no
// longer knows. Of a failed one the control plane knows more.
func (s *statement) reportAdopted(known Known) {
	if known.Phase != "COMPLETED" {
		return
	}
	i := s.insert
	s.update(func(st *status) {
		st.JobStatus = &jobStatus{JobID: i.job, JobName: s.id.marker(), State: i.state, UpgradeSavepointPath: i.savepoint}
		st.LifecycleState = flink.LifecycleStable
	})
}

// follow observes the job.
func (s *statement) follow(ctx context.Context, w *revision) (time.Duration, error) {
	i := s.insert
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return 0, err
	}
	job, err := ends.rest.Job(ctx, i.job)
	if flinkrest.NotFound(err) {
		return s.handleMissing(w)
	}
	if err != nil {
		return 0, err
	}
	changed := i.state != job.State
	i.missingSince, i.state = time.Time{}, job.State
	s.observeJob(ctx, job)
	const detailed = 5 // read exceptions and checkpoints with every fifth observation
	if changed || time.Since(i.checkedAt) > detailed*s.driver.timing.Follow {
		i.checkedAt = time.Now()
		s.reportExceptions(ctx, i.job)
		if snapshots, err := ends.rest.Snapshots(ctx, i.job); err == nil && snapshots.Checkpoint != "" {
			i.checkpoint = snapshots.Checkpoint
		}
	}
	if job.State == flinkrest.Canceled {
		s.update(func(st *status) {
			st.LifecycleState, st.Error = flink.LifecycleFailed, "The job was cancelled on the Flink cluster, not by Weir."
		})
	}
	return s.driver.timing.Follow, nil
}

// handleMissing waits for a JobManager to recover the job, and has it submitted
// again if it does not.
func (s *statement) handleMissing(w *revision) (time.Duration, error) {
	i := s.insert
	if i.missingSince.IsZero() {
		i.missingSince = time.Now()
	}
	if time.Since(i.missingSince) < s.driver.timing.Lost {
		s.update(func(st *status) {
			if st.JobStatus != nil {
				job := *st.JobStatus
				job.State = flink.JobReconciling
				st.JobStatus = &job
			}
		})
		return s.driver.timing.Follow, nil
	}
	s.log.Warn("the JobManager lost a job; submitting it again", "job", i.job, "from", i.checkpoint)
	i.stopped, i.missingSince = true, time.Time{}
	if i.savepoint = ""; w.spec.stateful() {
		i.savepoint = i.checkpoint
	}
	return 0, nil
}

// reportStopped reports that the statement is suspended.
func (s *statement) reportStopped() {
	i := s.insert
	s.update(func(st *status) {
		if i.job != "" && !i.stopped && i.state == flinkrest.Finished {
			return // it finished before it could be stopped
		}
		st.LifecycleState, st.Error = flink.LifecycleSuspended, ""
		if i.job == "" {
			st.JobStatus = nil
			return
		}
		job := jobStatus{JobID: i.job, JobName: s.id.marker()}
		if st.JobStatus != nil {
			job = *st.JobStatus
		}
		job.State, job.UpgradeSavepointPath = flinkrest.Finished, i.savepoint
		st.JobStatus = &job
	})
}

// submit runs the statement from a savepoint.
func (s *statement) submit(ctx context.Context, w *revision, from string) error {
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return err
	}
	release, err := s.driver.acquirePlanner(ctx)
	if err != nil {
		return err
	}
	defer release()
	s.update(func(st *status) {
		if st.Error, st.LifecycleState = "", flink.LifecycleCreated; st.JobStatus != nil {
			// The previous job is FINISHED if it was stopped, but the statement is not.
			job := *st.JobStatus
			job.State = flink.JobReconciling
			st.JobStatus, st.LifecycleState = &job, flink.LifecycleUpgrading
		}
	})
	// The response to an earlier attempt may have been lost.
	if jobs, err := jobsOf(ctx, ends.rest, s.id); err != nil {
		return err
	} else if len(jobs) > 0 && !jobs[0].Ended() {
		s.insert = nil
		return nil
	}
	if err := s.driver.checkFence(ctx); err != nil {
		return err
	}
	job, planned, err := s.launch(ctx, ends.gateway, w, from)
	if ctx.Err() == nil && gateway.IsFailure(err) && !gateway.IsLost(err) && !gateway.IsTransient(err) {
		before := s.insert
		s.insert = &insert{
			fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, refused: true,
			job: before.job, state: before.state, savepoint: before.savepoint,
		}
		s.update(func(st *status) { st.LifecycleState, st.Error = flink.LifecycleFailed, err.Error() })
		return nil
	}
	if err != nil {
		return err
	}
	s.insert = &insert{fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, generation: w.generation, job: job, state: flink.JobCreated}
	s.log.Info("submitted the job of a statement", "job", job, "from", from)
	s.update(func(st *status) {
		st.Traits, st.Exceptions, st.LifecycleState = planned, nil, flink.LifecycleDeployed
		st.JobStatus = &jobStatus{JobID: job, JobName: s.id.marker(), State: flink.JobCreated, StartTime: stamp(time.Now()), UpgradeSavepointPath: from}
	})
	return nil
}

// launch submits a statement and closes its session; the job keeps running.
func (s *statement) launch(ctx context.Context, client *gateway.Client, w *revision, from string) (job string, planned *traits, err error) {
	spec := w.spec
	version, err := client.Version(ctx)
	if err != nil {
		return "", nil, err
	}
	session, err := s.prepare(ctx, client, w)
	if session != nil {
		defer func() { _ = session.Close(context.WithoutCancel(ctx)) }() // otherwise it expires
	}
	if err != nil {
		return "", nil, err
	}
	planned = planTraits(ctx, session, spec)
	out, err := run(ctx, session, spec.Statement, restoreOptions(version, from, spec.AllowNonRestoredState))
	if err != nil {
		return "", nil, err
	}
	if out.job == "" {
		out.job = out.text()
	}
	if len(out.job) != 32 {
		return "", nil, fmt.Errorf("the SQL gateway returned the invalid job id %q", out.job)
	}
	return out.job, planned, nil
}
