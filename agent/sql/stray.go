package sql

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openweir/weir/agent/flinkendpoint"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// sweepEvery is how often strays are looked for, once the control plane has
// said all that it wants.
const sweepEvery = time.Minute

// jobsOf lists the jobs of a statement, the newest first.
func jobsOf(ctx context.Context, rest *flinkrest.Client, id identity) ([]flinkrest.Job, error) {
	jobs, err := rest.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	marker := id.marker()
	jobs = slices.DeleteFunc(jobs, func(job flinkrest.Job) bool { return job.Name != marker })
	slices.SortFunc(jobs, func(a, b flinkrest.Job) int {
		if a.Ended() != b.Ended() {
			if b.Ended() {
				return -1
			}
			return 1
		}
		return int(b.Start - a.Start)
	})
	return jobs, nil
}

// cancelJob cancels a job and waits until it has ended.
func (d *Driver) cancelJob(ctx context.Context, rest *flinkrest.Client, id string) error {
	pace := pacer{min: d.timing.PollMin, max: d.timing.PollMax}
	for asked := false; ; {
		job, err := rest.Job(ctx, id)
		switch {
		case flinkrest.NotFound(err):
			return nil
		case err != nil:
			return err
		case job.Ended():
			return nil
		case !asked:
			if err := rest.Cancel(ctx, id); err != nil && !flinkrest.NotFound(err) {
				return err
			}
			asked = true
		}
		if err := pace.wait(ctx); err != nil {
			return err
		}
	}
}

// settle waits until the tasks of a statement's jobs have begun, or a while has
// passed: Flink's collecting sink brings its TaskManager down where it is closed
// before it was opened.
func (d *Driver) settle(ctx context.Context, rest *flinkrest.Client, marker string) {
	ctx, cancel := context.WithTimeout(ctx, d.timing.Settle)
	defer cancel()
	pace := pacer{min: d.timing.PollMin, max: d.timing.PollMax}
	for {
		jobs, err := rest.Jobs(ctx)
		if err != nil {
			return
		}
		if !slices.ContainsFunc(jobs, func(job flinkrest.Job) bool {
			return job.Name == marker && !job.Ended() && job.Tasks.Deploying+job.Tasks.Initializing > 0
		}) || pace.wait(ctx) != nil {
			return
		}
	}
}

// cancelOn cancels the jobs of some statements on the cluster of a deployment.
func (d *Driver) cancelOn(ctx context.Context, on flinkendpoint.Deployment, whose func(identity) bool) error {
	err := d.cancelJobs(ctx, on, whose)
	if err == nil {
		return nil
	}
	there, listed := d.config.Endpoints.Deployments(ctx)
	if listed == nil && !slices.Contains(there, on) {
		return nil // its jobs went with it
	}
	return err
}

func (d *Driver) cancelJobs(ctx context.Context, on flinkendpoint.Deployment, whose func(identity) bool) error {
	rest, err := d.rest(ctx, on.Namespace, on.Name)
	if err != nil {
		return err
	}
	jobs, err := rest.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		id, marked := readMarker(job.Name)
		if !marked || job.Ended() || !whose(id) {
			continue
		}
		d.settle(ctx, rest, job.Name)
		if err := d.cancelJob(ctx, rest, job.ID); err != nil {
			return err
		}
		d.log.Info("cancelled the job of a statement that is not wanted any more", "job", job.ID, "statement", id.namespace+"/"+id.name)
	}
	return nil
}

// cancelEverywhere cancels the jobs of some statements on every cluster that
// answers. On those that do not, later sweeps find them.
func (d *Driver) cancelEverywhere(ctx context.Context, whose func(identity) bool) error {
	there, err := d.config.Endpoints.Deployments(ctx)
	if err != nil {
		return fmt.Errorf("find the session clusters: %w", err)
	}
	for _, on := range there {
		if err := d.cancelJobs(ctx, on, whose); err != nil {
			if ctx.Err() != nil {
				return err
			}
			d.log.Debug("could not look for jobs", "deployment", on.Namespace+"/"+on.Name, "error", err)
		}
	}
	return nil
}

// sweepStrays cancels jobs of statements that nobody wants any more, whenever a
// session has said all that is wanted and every so often from then on. It
// returns when ctx ends.
func (d *Driver) sweepStrays(ctx context.Context) {
	synced := false
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.sweep:
			synced = true
		case <-ticker.C:
		}
		if !synced || !d.acting.Load() {
			synced = synced && d.acting.Load()
			continue
		}
		if err := d.cancelEverywhere(ctx, d.isStray); err != nil && ctx.Err() == nil {
			d.log.Warn("could not look for jobs of statements that are not wanted any more", "error", err)
		}
	}
}

// isStray tells whether no statement is known that a job is of.
func (d *Driver) isStray(id identity) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acting.Load() && d.statements[id] == nil && !d.released[id]
}
