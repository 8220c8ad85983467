package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// suspendQuery ends a query that shall not run. It begins anew when it shall.
func (s *statement) suspendQuery(ctx context.Context) (time.Duration, error) {
	if s.query == nil {
		s.query = &query{ended: true, suspended: true}
	}
	if !s.query.suspended {
		if err := s.endQuery(ctx); err != nil {
			return 0, err
		}
		s.query = &query{ended: true, suspended: true}
	}
	s.update(func(st *status) {
		st.LifecycleState, st.Error = lifecycleSuspended, ""
		if st.JobStatus != nil {
			job := *st.JobStatus
			job.State = flinkrest.Finished
			st.JobStatus = &job
		}
	})
	return s.retain(), nil
}

// retain says how long there is nothing to do for a query that has ended. In
// the end its rows are forgotten.
func (s *statement) retain() time.Duration {
	left := s.driver.timing.Retention - s.spool.idle()
	if left <= 0 {
		s.spool.drop()
		return s.driver.timing.Retention
	}
	return left
}

// endQuery ends the query's session, and sees to it that its job is gone.
func (s *statement) endQuery(ctx context.Context) error {
	q := s.query
	if q.session == nil {
		s.query = nil
		return nil
	}
	rest, err := s.driver.rest(ctx, s.id.namespace, q.deployment)
	if err != nil {
		return err
	}
	if !q.ended {
		s.driver.settle(ctx, rest, s.id.marker())
	}
	closed := q.close(ctx)
	jobs, err := jobsOf(ctx, rest, s.id)
	if err != nil {
		return errors.Join(err, closed)
	}
	for _, job := range jobs {
		if job.Ended() {
			continue
		}
		if err := s.driver.cancelJob(ctx, rest, job.ID); err != nil {
			return err
		}
	}
	s.query = nil
	return nil
}

// close closes the session, once. What is lost already is closed.
func (q *query) close(ctx context.Context) error {
	if q.session == nil {
		return nil
	}
	if err := q.session.Close(ctx); err != nil && !gateway.IsFailure(err) {
		return fmt.Errorf("close the session of the query: %w", err)
	}
	q.session = nil
	return nil
}
