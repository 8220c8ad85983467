package sql

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/openweir/weir/agent/sql/gateway"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// stop stops the job of a detached statement: with a savepoint where the state
// is to be kept and there is a place for it, or else by cancelling it.
func (s *statement) stop(ctx context.Context, w *want, keep bool) (time.Duration, error) {
	i := s.insert
	ends, err := s.connect(ctx, w.spec)
	if err != nil {
		return 0, err
	}
	s.update(func(st *status) { st.LifecycleState = lifecycleUpgrading })
	directory, there := "", false
	if keep && w.spec.stateful() {
		if directory, there, err = placeOfSavepoints(ctx, ends.rest, w.spec); err != nil {
			return 0, err
		}
	}
	if !there {
		s.driver.settle(ctx, ends.rest, s.id.marker())
		if err := s.driver.cancelJob(ctx, ends.rest, i.job); err != nil {
			return 0, err
		}
		i.stopped, i.savepoint, i.checkpoint, i.state = true, "", "", flinkrest.Canceled
		return 0, nil
	}
	job, err := ends.rest.Job(ctx, i.job)
	if flinkrest.NotFound(err) {
		return s.missed(w)
	}
	if err != nil {
		return 0, err
	}
	if job.Ended() {
		return 0, s.stopEnded(ctx, ends.rest, job)
	}
	return s.takeSavepoint(ctx, ends.rest, job, directory)
}

// placeOfSavepoints is the directory that the statement names for savepoints;
// empty where the cluster has one.
func placeOfSavepoints(ctx context.Context, rest *flinkrest.Client, spec *Spec) (directory string, there bool, err error) {
	if directory = savepointDirectory(spec.Configuration); directory != "" {
		return directory, true, nil
	}
	configured, err := rest.Configuration(ctx)
	if err != nil {
		return "", false, err
	}
	return "", savepointDirectory(configured) != "", nil
}

// stopEnded notes what became of a job that was to be stopped.
func (s *statement) stopEnded(ctx context.Context, rest *flinkrest.Client, job flinkrest.Job) error {
	i := s.insert
	i.state = job.State
	if job.State != flinkrest.Failed {
		if err := s.adoptEnded(ctx, rest, i, Known{}); err != nil {
			return err
		}
	}
	if !i.stopped { // a job that was stopped is FINISHED too, but not done
		s.observeJob(ctx, job)
	}
	return nil
}

// takeSavepoint triggers the savepoint, or looks how far it is. The trigger's id
// follows from what it is for, so that a process that was restarted finds it
// again, and asking twice does nothing more.
func (s *statement) takeSavepoint(ctx context.Context, rest *flinkrest.Client, job flinkrest.Job, directory string) (time.Duration, error) {
	i := s.insert
	sum := md5.Sum(fmt.Appendf(nil, "%s/%s/%d", s.id.marker(), i.job, i.attempt)) // a name, not a secret
	trigger := hex.EncodeToString(sum[:])
	savepoint, err := rest.SavepointResult(ctx, i.job, trigger)
	switch {
	case flinkrest.NotFound(err):
		if job.State != flinkrest.Running {
			return 0, &waiting{fmt.Sprintf("The job is %s; a savepoint can be taken only once it is RUNNING again.", job.State)}
		}
		return s.driver.timing.PollMin, rest.Stop(ctx, i.job, flinkrest.Stop{Directory: directory, Format: "CANONICAL", Trigger: trigger})
	case err != nil:
		return 0, err
	case !savepoint.Done:
		return s.driver.timing.PollMax, nil
	case savepoint.Location == "":
		i.attempt++
		return 0, &waiting{"The savepoint to stop the job with has failed, and is tried again: " + gateway.Sentence(cmp.Or(savepoint.Failure, "Flink names no location of it."))}
	}
	// The savepoint is there; the job ends a moment later.
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
	pace := pacer{min: s.driver.timing.PollMin, max: s.driver.timing.PollMax}
	for {
		job, err := rest.Job(ctx, s.insert.job)
		if flinkrest.NotFound(err) || err == nil && job.Ended() {
			return nil
		}
		if err != nil {
			return err
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
	}
}
