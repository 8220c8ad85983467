package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// suspendQuery ends a query. It starts over when it is resumed.
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
		st.LifecycleState, st.Error = flink.LifecycleSuspended, ""
		if st.JobStatus != nil {
			job := *st.JobStatus
			job.State = flinkrest.Finished
			st.JobStatus = &job
		}
	})
	return s.retain(), nil
}

// retain returns how long the rows of an ended query are to be kept, and drops
// them when that time is over.
func (s *statement) retain() time.Duration {
	left := s.driver.timing.Retention - s.spool.idle()
	if left <= 0 {
		s.spool.drop()
		return s.driver.timing.Retention
	}
	return left
}

// endQuery closes the query's session and cancels its job.
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
		s.driver.awaitStarted(ctx, rest, s.id.marker())
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

// close closes the session once. A session that Flink no longer knows counts as
// closed.
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
