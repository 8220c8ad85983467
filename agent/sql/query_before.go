package sql

import (
	"context"

	flinkrest "github.com/openweir/weir/flink/rest"
)

// lost tells users of a query whose rows were in a process that has ended.
const lost = "The agent was restarted while the query ran, and its rows were lost with it. Create the statement again."

// over is a query that this process knows to have ended.
func over(w *want) *query {
	return &query{fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, ended: true}
}

// lookBack looks for a job of the statement that a former process has begun. It
// is true where there was one whose rows are lost.
func (s *statement) lookBack(ctx context.Context, w *want) (bool, error) {
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return false, err
	}
	jobs, err := jobsOf(ctx, ends.rest, s.id)
	if err != nil {
		return false, err
	}
	known := w.spec.Known
	before := flinkrest.Job{ID: known.JobID, State: known.State}
	live := len(jobs) > 0 && !jobs[0].Ended()
	switch {
	case len(jobs) == 0 && known.JobID == "" && !known.ended(), !live && known.begins():
		return false, nil
	case len(jobs) > 0:
		before = jobs[0]
	}
	for _, job := range jobs {
		if job.Ended() {
			continue
		}
		s.driver.settle(ctx, ends.rest, s.id.marker())
		if err := s.driver.cancelJob(ctx, ends.rest, job.ID); err != nil {
			return false, err
		}
	}
	s.query = over(w)
	s.query.job, s.query.suspended = before.ID, w.spec.suspended()
	s.spool.drop()
	s.tellBefore(ctx, w, before, live)
	return true, nil
}

// tellBefore reports what became of a query of a former process. What the
// control plane knows better is not reported.
func (s *statement) tellBefore(ctx context.Context, w *want, before flinkrest.Job, live bool) {
	known := w.spec.Known
	if known.Phase == "FAILED" && !live {
		return
	}
	sentence := lost
	if before.State == flinkrest.Failed {
		if told := s.tellExceptions(ctx, before.ID); told != "" {
			sentence = told
		}
	}
	s.update(func(st *status) {
		st.JobStatus = &jobStatus{JobID: before.ID, JobName: s.id.marker(), State: before.State}
		switch {
		case w.spec.suspended():
			st.LifecycleState, st.JobStatus.State = lifecycleSuspended, flinkrest.Finished
		case before.State == flinkrest.Finished || known.Phase == "COMPLETED":
			st.LifecycleState, st.JobStatus.State = lifecycleStable, flinkrest.Finished
		default:
			st.LifecycleState, st.Error = lifecycleFailed, sentence
		}
	})
}
