package sql

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// stop stops the job of a detached statement: with a savepoint if its state is to
// be kept and a savepoint directory is configured, otherwise by cancelling it.
func (s *statement) stop(ctx context.Context, w *revision, keep bool) (time.Duration, error) {
	i := s.insert
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return 0, err
	}
	s.update(func(st *status) { st.LifecycleState = flink.LifecycleUpgrading })
	directory, configured := "", false
	if keep && w.spec.stateful() {
		if directory, configured, err = savepointTarget(ctx, ends.rest, w.spec); err != nil {
			return 0, err
		}
	}
	if !configured {
		s.driver.awaitStarted(ctx, ends.rest, s.id.marker())
		if err := s.driver.cancelJob(ctx, ends.rest, i.job); err != nil {
			return 0, err
		}
		i.stopped, i.savepoint, i.checkpoint, i.state = true, "", "", flinkrest.Canceled
		return 0, nil
	}
	job, err := ends.rest.Job(ctx, i.job)
	if flinkrest.NotFound(err) {
		return s.handleMissing(w)
	}
	if err != nil {
		return 0, err
	}
	if job.Ended() {
		return 0, s.stopEnded(ctx, ends.rest, job)
	}
	return s.takeSavepoint(ctx, ends.rest, job, directory)
}

// savepointTarget returns the savepoint directory of the statement, empty if it is
// that of the cluster, and whether either is configured.
func savepointTarget(ctx context.Context, rest *flinkrest.Client, spec *Spec) (directory string, configured bool, err error) {
	if _, directory = flink.Savepoints.In(spec.Configuration); directory != "" {
		return directory, true, nil
	}
	options, err := rest.Configuration(ctx)
	if err != nil {
		return "", false, err
	}
	_, ofCluster := flink.Savepoints.In(options)
	return "", ofCluster != "", nil
}

// stopEnded records the outcome of a job that has ended before it was stopped.
func (s *statement) stopEnded(ctx context.Context, rest *flinkrest.Client, job flinkrest.Job) error {
	i := s.insert
	i.state = job.State
	if job.State != flinkrest.Failed {
		if err := s.adoptEnded(ctx, rest, i, Known{}); err != nil {
			return err
		}
	}
	if !i.stopped { // a stopped job is FINISHED, too, but its statement is not
		s.observeJob(ctx, job)
	}
	return nil
}

// takeSavepoint triggers the savepoint or checks its progress. The trigger id is
// derived from job and attempt, so that a restarted process finds the savepoint
// and a repeated request has no effect.
func (s *statement) takeSavepoint(ctx context.Context, rest *flinkrest.Client, job flinkrest.Job, directory string) (time.Duration, error) {
	i := s.insert
	sum := md5.Sum(fmt.Appendf(nil, "%s/%s/%d", s.id.marker(), i.job, i.attempt)) // not security-relevant
	trigger := hex.EncodeToString(sum[:])
	savepoint, err := rest.SavepointResult(ctx, i.job, trigger)
	switch {
	case flinkrest.NotFound(err):
		if job.State != flinkrest.Running {
			return 0, &waitingError{fmt.Sprintf("The job is %s. A savepoint can be taken once it is RUNNING.", job.State)}
		}
		if err := s.driver.checkFence(ctx); err != nil {
			return 0, err
		}
		return s.driver.timing.PollMin, rest.Stop(ctx, i.job, flinkrest.Stop{Directory: directory, Format: "CANONICAL", Trigger: trigger})
	case err != nil:
		return 0, err
	case !savepoint.Done:
		return s.driver.timing.PollMax, nil
	case savepoint.Location == "":
		i.attempt++
		return 0, &waitingError{"Stopping the job with a savepoint failed and will be retried: " + gateway.UserMessage(cmp.Or(savepoint.Failure, "Flink reported no savepoint location."))}
	}
	// The job ends shortly after its savepoint is complete.
	if !job.Ended() {
		i.savepoint = savepoint.Location
		if err := s.awaitEnd(ctx, rest); err != nil {
			return 0, err
		}
	}
	i.stopped, i.savepoint, i.state, i.attempt = true, savepoint.Location, flinkrest.Finished, 0
	s.log.Info("stopped the job of a statement with a savepoint", "job", i.job, "savepoint", savepoint.Location)
	return 0, nil
}

// awaitEnd waits until the job has ended.
func (s *statement) awaitEnd(ctx context.Context, rest *flinkrest.Client) error {
	poll := s.driver.poll()
	for {
		job, err := rest.Job(ctx, s.insert.job)
		if flinkrest.NotFound(err) || err == nil && job.Ended() {
			return nil
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, poll.Step()); err != nil {
			return err
		}
	}
}
