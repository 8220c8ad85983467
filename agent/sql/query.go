package sql

import (
	"context"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	"github.com/openweir/weir/agent/sql/row"
	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// query is a started query.
type query struct {
	fingerprint string // of the Spec that it was started from
	deployment  string
	nonce       int64
	session     *gateway.Session
	operation   *gateway.Operation
	token       int64
	format      gateway.Format
	encoder     row.Encoder
	job         string
	pause       time.Duration // until the next fetch of the result
	followedAt  time.Time     // when the job was last observed
	usedAt      time.Time     // when the session was last used
	probed      bool          // whether the columns that identify a row were determined
	ended       bool
	suspended   bool
}

// stepQuery takes the next step of a query.
func (s *statement) stepQuery(ctx context.Context, w *revision) (time.Duration, error) {
	if s.query == nil {
		if recovered, err := s.recoverQuery(ctx, w); recovered || err != nil {
			return 0, err
		}
	}
	q := s.query
	switch {
	case w.spec.suspended():
		return s.suspendQuery(ctx)
	case q == nil || q.suspended || q.fingerprint != w.spec.fingerprint() || q.nonce != w.spec.SavepointRedeployNonce:
		if q != nil {
			if err := s.endQuery(ctx); err != nil {
				return 0, err
			}
		}
		return 0, s.beginQuery(ctx, w)
	case q.ended:
		return s.retain(), nil
	case time.Since(q.usedAt) > s.driver.timing.Heartbeat && s.spool.full():
		q.usedAt = time.Now()
		return 0, q.session.Heartbeat(ctx)
	case s.spool.full():
		// The client has to fetch rows first. Meanwhile the gateway and then the job
		// wait, too.
		return s.driver.timing.Follow, s.followQuery(ctx, w)
	}
	return s.readQuery(ctx, w)
}

// beginQuery opens and prepares a session and starts the statement.
func (s *statement) beginQuery(ctx context.Context, w *revision) error {
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return err
	}
	release, err := s.driver.acquirePlanner(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.driver.checkFence(ctx); err != nil {
		return err
	}
	s.renewSpool()
	s.update(func(st *status) { *st = status{LifecycleState: flink.LifecycleCreated} })
	q := &query{
		fingerprint: w.spec.fingerprint(), nonce: w.spec.SavepointRedeployNonce, deployment: w.spec.Deployment,
		format: gateway.JSON, usedAt: time.Now(),
	}
	q.session, err = s.prepare(ctx, ends.gateway, w)
	if q.session != nil {
		s.query = q // so that the session is closed in any case
	}
	if err == nil {
		planned := planTraits(ctx, q.session, w.spec)
		s.update(func(st *status) { st.Traits = planned })
		q.operation, err = q.session.Execute(ctx, w.spec.Statement, nil)
	}
	if err == nil {
		err = s.firstPage(ctx, q)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && gateway.IsFailure(err) && !gateway.IsLost(err) && !gateway.IsTransient(err):
		return s.failQuery(ctx, err.Error())
	}
	s.query = nil
	if q.session != nil {
		_ = q.session.Close(context.WithoutCancel(ctx)) // it would expire
	}
	return err
}

// firstPage waits until the statement is planned and submitted.
func (s *statement) firstPage(ctx context.Context, q *query) error {
	poll := s.driver.poll()
	for {
		page, err := q.operation.Fetch(ctx, q.token, q.format)
		switch {
		case gateway.IsUnwritable(err) && q.format == gateway.JSON:
			q.format, q.encoder.Text = gateway.PlainText, true
		case err != nil:
			return err
		case page.Ready:
			return s.take(ctx, q, page)
		}
		if err := sleep(ctx, poll.Step()); err != nil {
			return err
		}
	}
}

// take stores a page.
func (s *statement) take(ctx context.Context, q *query, page *gateway.Page) error {
	q.usedAt = time.Now()
	if q.job == "" && page.JobID != "" {
		q.job = page.JobID
	}
	if q.encoder.Columns == nil {
		q.encoder.Columns = page.Columns
		s.update(func(st *status) {
			planned := *st.Traits
			planned.Schema.columns = gateway.Schema(page.Columns)
			st.Traits = &planned
			st.LifecycleState = flink.LifecycleDeployed
			st.JobStatus = &jobStatus{JobID: q.job, JobName: s.id.marker(), State: flink.JobCreated, StartTime: stamp(time.Now())}
		})
	}
	rows := make([]string, len(page.Rows))
	for i, r := range page.Rows {
		text, err := q.encoder.Encode(r)
		if err != nil {
			return s.failQuery(ctx, "A result row cannot be decoded: "+err.Error()+".")
		}
		rows[i] = text
	}
	s.spool.add(rows)
	q.token = page.Next
	if page.Last {
		return s.finishQuery(ctx, q)
	}
	q.pause = min(max(q.pause*2, s.driver.timing.PollMin), s.driver.timing.PollMax)
	if len(rows) > 0 {
		q.pause = 0
	}
	return nil
}

// readQuery reads the next page.
func (s *statement) readQuery(ctx context.Context, w *revision) (time.Duration, error) {
	q := s.query
	if err := s.followQuery(ctx, w); err != nil {
		return 0, err
	}
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return 0, err
	}
	// The address of the gateway may have changed.
	q.session, q.operation = q.session.At(ends.gateway), q.operation.At(ends.gateway)
	page, err := q.operation.Fetch(ctx, q.token, q.format)
	switch {
	case gateway.IsUnwritable(err) && q.format == gateway.JSON:
		q.format, q.encoder.Text = gateway.PlainText, true
		return 0, nil
	case gateway.IsLost(err):
		return 0, s.failQuery(ctx, "The SQL gateway was restarted while the query was running, and its rows were lost. Create the statement again.")
	case gateway.IsFailure(err) && ctx.Err() == nil:
		return 0, s.failQuery(ctx, err.Error())
	case err != nil:
		return 0, err
	}
	if err := s.take(ctx, q, page); err != nil || q.ended {
		return 0, err
	}
	if !q.probed && q.pause > 0 {
		q.probed = true
		s.probeUpsertColumns(ctx, w, q)
	}
	return q.pause, nil
}

// followQuery observes the job of the query if it is due.
func (s *statement) followQuery(ctx context.Context, w *revision) error {
	q := s.query
	if q.job == "" || time.Since(q.followedAt) < s.driver.timing.Follow && !q.followedAt.IsZero() {
		return nil
	}
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return err
	}
	job, err := ends.rest.Job(ctx, q.job)
	if flinkrest.NotFound(err) {
		return nil // the gateway will return the outcome
	}
	if err != nil {
		return err
	}
	q.followedAt = time.Now()
	if job.Ended() && !q.ended {
		return nil // rows may remain; the query ends with its result
	}
	s.observeJob(ctx, job)
	return nil
}

// observeJob records the state of the statement's job, and why it has failed.
func (s *statement) observeJob(ctx context.Context, job flinkrest.Job) {
	message := ""
	if job.State == flinkrest.Failed {
		if message = s.reportExceptions(ctx, job.ID); message == "" {
			message = "The job failed, and Flink reports no cause."
		}
	}
	s.update(func(st *status) {
		before := st.JobStatus
		st.JobStatus = &jobStatus{
			JobID: job.ID, JobName: job.Name, State: job.State,
			StartTime: stamp(job.StartTime()), UpdateTime: stamp(job.UpdateTime()),
		}
		if before != nil && before.JobID == job.ID {
			st.JobStatus.UpgradeSavepointPath = before.UpgradeSavepointPath
		}
		switch {
		case job.State == flinkrest.Failed:
			st.LifecycleState, st.Error = flink.LifecycleFailed, message
		case job.State == flinkrest.Running || job.State == flinkrest.Finished:
			st.LifecycleState = flink.LifecycleStable
		case st.LifecycleState != flink.LifecycleStable:
			st.LifecycleState = flink.LifecycleDeployed
		}
	})
}

// finishQuery records that all rows were read.
func (s *statement) finishQuery(ctx context.Context, q *query) error {
	q.ended = true
	s.spool.finish()
	s.update(func(st *status) {
		st.LifecycleState = flink.LifecycleStable
		job := jobStatus{JobName: s.id.marker()}
		if st.JobStatus != nil {
			job = *st.JobStatus
		}
		job.State, job.UpdateTime = flinkrest.Finished, stamp(time.Now())
		st.JobStatus = &job
	})
	if err := q.close(ctx); err != nil {
		s.log.Debug("failed to close the session of a query", "error", err) // it expires
	}
	return nil
}

// failQuery records that the query has failed permanently.
func (s *statement) failQuery(ctx context.Context, message string) error {
	q := s.query
	s.findJob(ctx, q)
	if q.job != "" {
		s.reportExceptions(ctx, q.job)
	}
	if err := s.endQuery(ctx); err != nil {
		return err
	}
	s.query = q
	q.ended = true
	s.update(func(st *status) {
		st.LifecycleState, st.Error = flink.LifecycleFailed, message
		if st.JobStatus != nil {
			job := *st.JobStatus
			job.State = flinkrest.Failed
			st.JobStatus = &job
		}
	})
	return nil
}

// findJob finds the job of a query that failed before the gateway returned its id.
func (s *statement) findJob(ctx context.Context, q *query) {
	if q.job != "" || s.ends.rest == nil {
		return
	}
	jobs, err := jobsOf(ctx, s.ends.rest, s.id)
	if err != nil || len(jobs) == 0 {
		return
	}
	q.job = jobs[0].ID
	s.update(func(st *status) {
		st.JobStatus = &jobStatus{JobID: q.job, JobName: s.id.marker(), StartTime: stamp(jobs[0].StartTime())}
	})
}

// renewSpool creates the spool of a new query.
func (s *statement) renewSpool() {
	fresh := newSpool(&s.driver.spooled, time.Now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spool.drop()
	s.spool = fresh
}
