package sql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/openweir/weir/agent/flinkendpoint"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// orphanInterval is the interval at which orphaned jobs are cancelled once the
// control plane has sent all statements.
const orphanInterval = time.Minute

// jobsOf returns the jobs of a statement: running ones first, then newest first.
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
	poll := d.poll()
	for requested := false; ; {
		job, err := rest.Job(ctx, id)
		switch {
		case flinkrest.NotFound(err):
			return nil
		case err != nil:
			return err
		case job.Ended():
			return nil
		case !requested:
			if err := d.checkFence(ctx); err != nil {
				return err
			}
			if err := rest.Cancel(ctx, id); err != nil && !flinkrest.NotFound(err) {
				return err
			}
			requested = true
		}
		if err := sleep(ctx, poll.Step()); err != nil {
			return err
		}
	}
}

// awaitStarted waits, for a limited time, until the tasks of a statement's jobs
// have started: Flink's collect sink crashes its TaskManager if it is closed before
// it was opened.
func (d *Driver) awaitStarted(ctx context.Context, rest *flinkrest.Client, marker string) {
	ctx, cancel := context.WithTimeout(ctx, d.timing.Settle)
	defer cancel()
	poll := d.poll()
	for {
		jobs, err := rest.Jobs(ctx)
		if err != nil {
			return
		}
		if !slices.ContainsFunc(jobs, func(job flinkrest.Job) bool {
			return job.Name == marker && !job.Ended() && job.Tasks.Deploying+job.Tasks.Initializing > 0
		}) || sleep(ctx, poll.Step()) != nil {
			return
		}
	}
}

// selection reports whether a job of a statement is to be cancelled.
type selection func(ctx context.Context, rest *flinkrest.Client, job string, of identity) (bool, error)

// cancelOn cancels the jobs of some statements on one cluster. A cluster that does
// not exist has none.
func (d *Driver) cancelOn(ctx context.Context, on flinkendpoint.Deployment, which selection) error {
	err := d.cancelJobs(ctx, on, which)
	if err == nil {
		return nil
	}
	existing, listErr := d.config.Endpoints.Deployments(ctx, "")
	if listErr == nil && !slices.Contains(existing, on) {
		return nil
	}
	return err
}

func (d *Driver) cancelJobs(ctx context.Context, on flinkendpoint.Deployment, which selection) error {
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
		if !marked || job.Ended() {
			continue
		}
		if selected, err := which(ctx, rest, job.ID, id); err != nil {
			return err
		} else if !selected {
			continue
		}
		d.awaitStarted(ctx, rest, job.Name)
		if err := d.cancelJob(ctx, rest, job.ID); err != nil {
			return err
		}
		d.log.Info("cancelled the job of a statement that no longer exists", "job", job.ID, "statement", id.namespace+"/"+id.name)
	}
	return nil
}

// cancelEverywhere cancels the jobs of some statements on every reachable cluster
// of the installation. Jobs on others are orphans, or another installation's.
func (d *Driver) cancelEverywhere(ctx context.Context, which selection) error {
	d.mu.Lock()
	installation := d.installation
	d.mu.Unlock()
	deployments, err := d.config.Endpoints.Deployments(ctx, installation)
	if err != nil {
		return fmt.Errorf("list the session clusters: %w", err)
	}
	for _, on := range deployments {
		if err := d.cancelJobs(ctx, on, which); err != nil {
			if ctx.Err() != nil {
				return err
			}
			d.log.Debug("failed to list the jobs of a session cluster", "deployment", on.Namespace+"/"+on.Name, "error", err)
		}
	}
	return nil
}

// cancelOrphans cancels the jobs of statements that do not exist, after each Synced
// and periodically until the end of the session: afterwards another agent may have
// been given statements that this one does not know of. It returns when ctx ends.
func (d *Driver) cancelOrphans(ctx context.Context) {
	ticker := time.NewTicker(orphanInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.orphans:
		case <-ticker.C:
		}
		if !d.synced.Load() {
			continue
		}
		if err := d.cancelEverywhere(ctx, d.isStray); err != nil && ctx.Err() == nil {
			d.log.Warn("failed to cancel the jobs of statements that no longer exist", "error", err)
		}
	}
}

// isStray selects the jobs of statements that do not exist. The statement of a job
// that was submitted before the control plane was restored from a backup may be newer
// than the backup. Such a job is kept and reported as an orphan. Jobs of queries are not:
// nobody can read their rows any more.
func (d *Driver) isStray(ctx context.Context, rest *flinkrest.Client, job string, of identity) (bool, error) {
	if !d.isOrphan(of) {
		return false, nil
	}
	d.mu.Lock()
	restored := d.restored
	d.mu.Unlock()
	if restored == 0 {
		return true, nil
	}
	parameters, err := rest.Parameters(ctx, job)
	if err != nil {
		return false, err
	}
	epoch, _ := strconv.ParseInt(parameters[parameterEpoch], 10, 64) // 0 for jobs of earlier releases
	if parameters[parameterSpec] == "" || epoch >= restored {
		return true, nil
	}
	d.keep(of)
	return false, nil
}

// keep notes a statement whose job is kept, and has the control plane told of it.
func (d *Driver) keep(id identity) {
	d.mu.Lock()
	known := d.kept[id]
	d.kept[id] = true
	d.mu.Unlock()
	if reports := d.reporter(); !known && reports != nil {
		d.log.Warn("the control plane has no record of the statement of a job; the job is kept", "statement", id.namespace+"/"+id.name, "owner", id.owner)
		reports.Renew("the job of the unknown statement " + id.namespace + "/" + id.name + " was found")
	}
}

// isOrphan reports whether a job belongs to a statement that does not exist.
func (d *Driver) isOrphan(id identity) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.synced.Load() && d.statements[id] == nil && !d.released[id]
}
