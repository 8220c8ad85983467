package sql

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// insert is the job of a detached statement, as far as it is known.
type insert struct {
	// fingerprint and nonce are of the Spec that the job was made of.
	fingerprint string
	nonce       int64
	job         string
	state       string
	// stopped tells that the job was stopped to be started again; it goes on from
	// savepoint, if there is one.
	stopped   bool
	savepoint string
	// refused tells that Flink did not take the statement.
	refused bool
	// checkpoint is the last one that was seen. It outlives a JobManager that
	// crashes.
	checkpoint string
	// attempt counts the savepoints that failed, each of which has a trigger of
	// its own.
	attempt int
	// missing is since when the JobManager does not know the job; zero where it
	// does.
	missing time.Time
	// looked is when exceptions and checkpoints were last looked at.
	looked time.Time
}

func (i *insert) lives() bool {
	return i.job != "" && !flinkrest.Ended(i.state) && !i.stopped && !i.refused
}

// is tells whether the job is the one that is wanted.
func (i *insert) is(spec *Spec) bool {
	return i.fingerprint == spec.fingerprint() && i.nonce == spec.SavepointRedeployNonce
}

// stepInsert works on a detached statement.
func (s *statement) stepInsert(ctx context.Context, w *want) (time.Duration, error) {
	if s.insert == nil {
		if err := s.adopt(ctx, w); err != nil {
			return 0, err
		}
	}
	i := s.insert
	switch {
	case w.spec.suspended() && i.lives():
		return s.stop(ctx, w, true)
	case w.spec.suspended():
		s.tellStopped()
		return time.Hour, nil
	case i.lives() && i.is(w.spec):
		return s.follow(ctx, w)
	case i.lives():
		// Where a savepoint was named to go on from, the job's own state is void.
		return s.stop(ctx, w, i.nonce == w.spec.SavepointRedeployNonce || w.spec.InitialSavepointPath == "")
	case i.job == "" && !i.refused, i.stopped, !i.is(w.spec):
		return 0, s.submit(ctx, w, s.restorePath(w.spec))
	}
	return time.Hour, nil // it has ended, or was refused
}

// restorePath is the savepoint that the next job begins with; empty where it
// begins from nothing.
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

// adopt looks for the statement's job on the cluster. Of several that run, which
// lost answers may lead to, the newest stays.
func (s *statement) adopt(ctx context.Context, w *want) error {
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
		s.insert = remembered(w.spec, known)
		s.tellAdopted(known)
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
	}
	if flinkrest.Ended(i.state) {
		if err := s.adoptEnded(ctx, ends.rest, i, known); err != nil {
			return err
		}
	}
	s.insert = i
	s.log.Info("took over the job of a statement", "job", i.job, "state", i.state, "stopped", i.stopped)
	job, err := ends.rest.Job(ctx, i.job)
	if err != nil {
		return err
	}
	s.observeJob(ctx, job)
	if i.stopped {
		s.tellStopped()
	}
	return nil
}

// adoptEnded finds out whether a job that has ended was stopped, and where its
// state is.
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

// remembered is a job that the cluster has forgotten, as the control plane knows
// it.
func remembered(spec *Spec, known Known) *insert {
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

// tellAdopted reports that a statement is done whose job is forgotten. Of one
// that has failed, the control plane knows more.
func (s *statement) tellAdopted(known Known) {
	if known.Phase != "COMPLETED" {
		return
	}
	i := s.insert
	s.update(func(st *status) {
		st.JobStatus = &jobStatus{JobID: i.job, JobName: s.id.marker(), State: i.state, UpgradeSavepointPath: i.savepoint}
		st.LifecycleState = lifecycleStable
	})
}

// follow looks at the job.
func (s *statement) follow(ctx context.Context, w *want) (time.Duration, error) {
	i := s.insert
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return 0, err
	}
	job, err := ends.rest.Job(ctx, i.job)
	if flinkrest.NotFound(err) {
		return s.missed(w)
	}
	if err != nil {
		return 0, err
	}
	changed := i.state != job.State
	i.missing, i.state = time.Time{}, job.State
	s.observeJob(ctx, job)
	const seldom = 5 // of five looks at the job, one is a closer one
	if changed || time.Since(i.looked) > seldom*s.driver.timing.Follow {
		i.looked = time.Now()
		s.tellExceptions(ctx, i.job)
		if snapshots, err := ends.rest.Snapshots(ctx, i.job); err == nil && snapshots.Checkpoint != "" {
			i.checkpoint = snapshots.Checkpoint
		}
	}
	if job.State == flinkrest.Canceled {
		s.update(func(st *status) {
			st.LifecycleState, st.Error = lifecycleFailed, "The job was cancelled on the Flink cluster, and not by Weir."
		})
	}
	return s.driver.timing.Follow, nil
}

// missed waits for a JobManager to know the job again, and has it submitted anew
// where it does not.
func (s *statement) missed(w *want) (time.Duration, error) {
	i := s.insert
	if i.missing.IsZero() {
		i.missing = time.Now()
	}
	if time.Since(i.missing) < s.driver.timing.Lost {
		s.update(func(st *status) {
			if st.JobStatus != nil {
				job := *st.JobStatus
				job.State = "RECONCILING"
				st.JobStatus = &job
			}
		})
		return s.driver.timing.Follow, nil
	}
	s.log.Warn("the JobManager has lost a job; it is submitted again", "job", i.job, "from", i.checkpoint)
	i.stopped, i.missing = true, time.Time{}
	if i.savepoint = ""; w.spec.stateful() {
		i.savepoint = i.checkpoint
	}
	return 0, nil
}

// tellStopped reports that nothing runs and that nothing shall.
func (s *statement) tellStopped() {
	i := s.insert
	s.update(func(st *status) {
		if i.job != "" && !i.stopped && i.state == flinkrest.Finished {
			return // it was done before it could be stopped
		}
		st.LifecycleState, st.Error = lifecycleSuspended, ""
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

// submit runs the statement with the state of a savepoint.
func (s *statement) submit(ctx context.Context, w *want, from string) error {
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return err
	}
	release, err := s.driver.mayPlan(ctx)
	if err != nil {
		return err
	}
	defer release()
	s.update(func(st *status) {
		if st.Error, st.LifecycleState = "", lifecycleCreated; st.JobStatus != nil {
			// The job before is FINISHED where it was stopped, but the statement is not.
			job := *st.JobStatus
			job.State = "RECONCILING"
			st.JobStatus, st.LifecycleState = &job, lifecycleUpgrading
		}
	})
	// Looked at once more: an answer to an earlier attempt may have been lost.
	if jobs, err := jobsOf(ctx, ends.rest, s.id); err != nil {
		return err
	} else if len(jobs) > 0 && !jobs[0].Ended() {
		s.insert = nil
		return nil
	}
	job, told, err := launch(ctx, ends.gateway, s.id, w.spec, from)
	if ctx.Err() == nil && gateway.IsFailure(err) && !gateway.IsLost(err) && !gateway.IsTransient(err) {
		before := s.insert
		s.insert = &insert{
			fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, refused: true,
			job: before.job, state: before.state, savepoint: before.savepoint,
		}
		s.update(func(st *status) { st.LifecycleState, st.Error = lifecycleFailed, err.Error() })
		return nil
	}
	if err != nil {
		return err
	}
	s.insert = &insert{fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, job: job, state: "CREATED"}
	s.log.Info("submitted the job of a statement", "job", job, "from", from)
	s.update(func(st *status) {
		st.Traits, st.Exceptions, st.LifecycleState = told, nil, lifecycleDeployed
		st.JobStatus = &jobStatus{JobID: job, JobName: s.id.marker(), State: "CREATED", StartTime: stamp(time.Now()), UpgradeSavepointPath: from}
	})
	return nil
}

// launch submits a statement and closes its session: the job is on its own.
func launch(ctx context.Context, client *gateway.Client, id identity, spec *Spec, from string) (job string, told *traits, err error) {
	version, err := client.Version(ctx)
	if err != nil {
		return "", nil, err
	}
	session, err := prepare(ctx, client, id, spec)
	if session != nil {
		defer func() { _ = session.Close(context.WithoutCancel(ctx)) }() // it would expire
	}
	if err != nil {
		return "", nil, err
	}
	told = planTraits(ctx, session, spec)
	out, err := run(ctx, session, spec.Statement, restoreOptions(version, from, spec.AllowNonRestoredState))
	if err != nil {
		return "", nil, err
	}
	if out.job == "" {
		out.job = out.text()
	}
	if len(out.job) != 32 {
		return "", nil, fmt.Errorf("the SQL gateway gives %q for the id of a job", out.job)
	}
	return out.job, told, nil
}
