package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Job is a job as the list of all jobs shows it.
type Job struct {
	ID    string `json:"jid"`
	Name  string `json:"name"`
	State string `json:"state"`
	// Start is in epoch milliseconds.
	Start int64 `json:"start-time"`
	Tasks Tasks `json:"tasks"`
	// Timestamps are when the job came into its states, in epoch milliseconds. The
	// list of all jobs has none.
	Timestamps map[string]int64 `json:"timestamps"`
}

// Tasks counts the tasks of a job that do not run yet.
type Tasks struct {
	Created      int `json:"created"`
	Scheduled    int `json:"scheduled"`
	Deploying    int `json:"deploying"`
	Initializing int `json:"initializing"`
}

// The states that jobs end in, and the one in which a savepoint can be taken.
const (
	Finished = "FINISHED"
	Failed   = "FAILED"
	Canceled = "CANCELED"
	Running  = "RUNNING"
)

// Ended tells whether a job in a state will not run any more.
func Ended(state string) bool { return state == Finished || state == Failed || state == Canceled }

// Ended tells whether the job will not run any more.
func (j Job) Ended() bool { return Ended(j.State) }

// StartTime is when the job was submitted.
func (j Job) StartTime() time.Time { return fromMillis(j.Start) }

// UpdateTime is when the job came into its state; zero where that is not told.
func (j Job) UpdateTime() time.Time { return fromMillis(j.Timestamps[j.State]) }

func fromMillis(at int64) time.Time {
	if at <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}

// Jobs lists the jobs that the JobManager knows.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	var list struct {
		Jobs []Job `json:"jobs"`
	}
	err := c.do(ctx, http.MethodGet, "/jobs/overview", nil, &list)
	return list.Jobs, err
}

// Job asks for one job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var job Job
	err := c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil, &job)
	return job, err
}

// Cancel asks for a job to be cancelled, and does not wait until it is.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPatch, "/jobs/"+url.PathEscape(id)+"?mode=cancel", nil, nil)
}

// Exception is an entry of a job's exception history.
type Exception struct {
	Name  string `json:"exceptionName"`
	Stack string `json:"stacktrace"`
	// Timestamp is in epoch milliseconds.
	Timestamp   int64             `json:"timestamp"`
	Task        string            `json:"taskName"`
	Endpoint    string            `json:"endpoint"`
	TaskManager string            `json:"taskManagerId"`
	Labels      map[string]string `json:"failureLabels"`
}

// Exceptions lists a job's exceptions, the newest first.
func (c *Client) Exceptions(ctx context.Context, id string) ([]Exception, error) {
	var answer struct {
		History struct {
			Entries []Exception `json:"entries"`
		} `json:"exceptionHistory"`
	}
	err := c.do(ctx, http.MethodGet, fmt.Sprintf("/jobs/%s/exceptions?maxExceptions=10", url.PathEscape(id)), nil, &answer)
	return answer.History.Entries, err
}

// Time is when the exception happened.
func (e Exception) Time() time.Time { return fromMillis(e.Timestamp) }

// Parameters are the global parameters that a job was submitted with.
func (c *Client) Parameters(ctx context.Context, id string) (map[string]string, error) {
	var answer struct {
		Execution struct {
			Parameters map[string]string `json:"user-config"`
		} `json:"execution-config"`
	}
	err := c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/config", nil, &answer)
	return answer.Execution.Parameters, err
}

// Snapshots are the newest of a job's checkpoints and savepoints.
type Snapshots struct {
	// Savepoint is the path of the last savepoint that was completed, and
	// Checkpoint that of the last checkpoint; empty where there was none.
	Savepoint  string
	Checkpoint string
	// Stopped tells that the savepoint was taken to stop the job.
	Stopped bool
}

// Snapshots asks what snapshots of a job there are. A job that makes no
// checkpoints has none.
func (c *Client) Snapshots(ctx context.Context, id string) (Snapshots, error) {
	type snapshot struct {
		Path string `json:"external_path"`
		Type string `json:"checkpoint_type"`
	}
	var answer struct {
		Latest struct {
			Completed snapshot `json:"completed"`
			Savepoint snapshot `json:"savepoint"`
		} `json:"latest"`
	}
	err := c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/checkpoints", nil, &answer)
	if err != nil && !NotFound(err) {
		return Snapshots{}, err
	}
	last := answer.Latest
	return Snapshots{Savepoint: last.Savepoint.Path, Checkpoint: last.Completed.Path, Stopped: last.Savepoint.Type == "SYNC_SAVEPOINT"}, nil
}

// LastCheckpoint returns where the last completed checkpoint of a job is, or
// nothing where there is none.
func (c *Client) LastCheckpoint(ctx context.Context, id string) (string, error) {
	snapshots, err := c.Snapshots(ctx, id)
	return snapshots.Checkpoint, err
}
