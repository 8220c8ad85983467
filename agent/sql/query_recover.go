package sql

import (
	"context"

	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// lostByRestart is the error of a query whose rows were lost with the process.
const lostByRestart = "The agent was restarted while the query was running, and its rows were lost. Create the statement again."

// endedQuery returns a query that has ended before this process started.
func endedQuery(w *revision) *query {
	return &query{fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, ended: true}
}

// recoverQuery ends a query that a previous process has started. It returns false
// if there was none.
func (s *statement) recoverQuery(ctx context.Context, w *revision) (bool, error) {
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return false, err
	}
	jobs, err := jobsOf(ctx, ends.rest, s.id)
	if err != nil {
		return false, err
	}
	known := w.spec.Known
	previous := flinkrest.Job{ID: known.JobID, State: known.State}
	live := len(jobs) > 0 && !jobs[0].Ended()
	switch {
	case len(jobs) == 0 && known.JobID == "" && !known.ended(), !live && known.starts():
		return false, nil
	case len(jobs) > 0:
		previous = jobs[0]
	}
	for _, job := range jobs {
		if job.Ended() {
			continue
		}
		s.driver.awaitStarted(ctx, ends.rest, s.id.marker())
		if err := s.driver.cancelJob(ctx, ends.rest, job.ID); err != nil {
			return false, err
		}
	}
	s.query = endedQuery(w)
	s.query.job, s.query.suspended = previous.ID, w.spec.suspended()
	s.spool.drop()
	s.reportRecovered(ctx, w, previous, live)
	return true, nil
}

// reportRecovered reports the outcome of a query of a previous process, unless the
// control plane has recorded a failure, of which it knows more.
func (s *statement) reportRecovered(ctx context.Context, w *revision, previous flinkrest.Job, live bool) {
	known := w.spec.Known
	if known.Phase == "FAILED" && !live {
		return
	}
	message := lostByRestart
	if previous.State == flinkrest.Failed {
		if cause := s.reportExceptions(ctx, previous.ID); cause != "" {
			message = cause
		}
	}
	s.update(func(st *status) {
		st.JobStatus = &jobStatus{JobID: previous.ID, JobName: s.id.marker(), State: previous.State}
		switch {
		case w.spec.suspended():
			st.LifecycleState, st.JobStatus.State = flink.LifecycleSuspended, flinkrest.Finished
		case previous.State == flinkrest.Finished || known.Phase == "COMPLETED":
			st.LifecycleState, st.JobStatus.State = flink.LifecycleStable, flinkrest.Finished
		default:
			st.LifecycleState, st.Error = flink.LifecycleFailed, message
		}
	})
}
