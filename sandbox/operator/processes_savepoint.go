package operator

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/openweir/weir/flink"
	flinkrest "github.com/openweir/weir/flink/rest"
)

// savepoint stops the job under one trigger until that fails, however often it
// is asked to.
func (p *processes) savepoint(ctx context.Context, m *machine, reconciled spec) (string, error) {
	job := m.status.JobStatus.JobID
	p.mu.Lock()
	at := p.stops[m.uid]
	if at.job != job {
		at = stopped{job: job, trigger: randomHex(16)}
		p.stops[m.uid] = at
	}
	p.mu.Unlock()
	if at.path != "" {
		return at.path, nil
	}
	client, err := p.jobManager(m.target)
	if err != nil {
		return "", err
	}
	result, err := client.SavepointResult(ctx, job, at.trigger)
	if flinkrest.NotFound(err) {
		config := reconciled.config()
		return "", client.Stop(ctx, job, flinkrest.Stop{
			Directory: savepoints(config), Format: p.format(reconciled), Trigger: at.trigger,
			Drain: strings.EqualFold(config["kubernetes.operator.job.drain-on-savepoint-deletion"], "true"),
		})
	}
	switch {
	case err != nil || !result.Done:
		return "", err
	case result.Failure != "":
		p.mu.Lock()
		delete(p.stops, m.uid)
		p.mu.Unlock()
		return "", errors.New(rootCause(result.Failure))
	}
	at.path = result.Location
	p.mu.Lock()
	p.stops[m.uid] = at
	p.mu.Unlock()
	return at.path, nil
}

// savepoints is the folder for savepoints that a job asks for; without one
// Flink takes its cluster's.
func savepoints(config map[string]string) string {
	_, folder := flink.Savepoints.In(config)
	return folder
}

// nativeFormat is that of savepoints where nothing asks for another. The
// operator's default is the canonical one, which jobs with asynchronous state
// cannot write: they fail.
const nativeFormat = "NATIVE"

// format is that of the savepoints that a job is stopped with.
func (p *processes) format(reconciled spec) string {
	asked := strings.ToUpper(reconciled.config()["kubernetes.operator.savepoint.format.type"])
	if asked == "" || asked == "DEFAULT" {
		return nativeFormat
	}
	return asked
}

// snapshot triggers under the id that the status has, so that it is taken once
// however often this is called.
func (p *processes) snapshot(ctx context.Context, s *snapshotter) (string, bool, error) {
	client, err := p.jobManager(s.job.target)
	if err != nil {
		return "", false, err
	}
	var result flinkrest.Result
	job, trigger := s.job.status.JobID, s.status.TriggerID
	if s.spec["checkpoint"] != nil {
		result, err = client.CheckpointResult(ctx, job, trigger)
	} else {
		result, err = client.SavepointResult(ctx, job, trigger)
	}
	if flinkrest.NotFound(err) {
		return "", false, p.trigger(ctx, client, s)
	}
	if err == nil && result.Failure != "" {
		err = errors.New(rootCause(result.Failure))
	}
	if err == nil && result.Location == "" && s.now.Sub(s.triggered()) < unknownTime {
		return "", false, nil
	}
	return result.Location, result.Done, err
}

// unknownTime is how long a snapshot is asked for that is there, but Flink's
// answers, which it caches, do not say where.
const unknownTime = 10 * time.Second

func (p *processes) trigger(ctx context.Context, client *flinkrest.Client, s *snapshotter) error {
	job, trigger := s.job.status.JobID, s.status.TriggerID
	if s.spec["checkpoint"] != nil {
		return client.Checkpoint(ctx, job, trigger)
	}
	directory := s.spec.text("savepoint", "path")
	if directory == "" {
		directory = savepoints(s.job.spec.config())
	}
	asked := s.spec.text("savepoint", "formatType")
	if asked == "" {
		asked = nativeFormat
	}
	return client.Savepoint(ctx, job, flinkrest.Savepoint{Directory: directory, Format: asked, Trigger: trigger})
}

func (p *processes) dispose(ctx context.Context, s *snapshotter) (bool, error) {
	client, err := p.jobManager(s.job.target)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	trigger := p.disposals[s.uid]
	p.mu.Unlock()
	if trigger == "" {
		trigger, err = client.Dispose(ctx, s.status.Path)
		if err != nil {
			return false, err
		}
		p.mu.Lock()
		p.disposals[s.uid] = trigger
		p.mu.Unlock()
		return false, nil
	}
	result, err := client.DisposalResult(ctx, trigger)
	if err == nil && !result.Done {
		return false, nil
	}
	p.mu.Lock()
	delete(p.disposals, s.uid)
	p.mu.Unlock()
	if err == nil && result.Failure != "" {
		err = errors.New(rootCause(result.Failure))
	}
	return err == nil, err
}
