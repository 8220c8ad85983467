package flinkrest

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// State is the state of a job.
type State string

// The states that a job rests in for ever.
const (
	Finished State = "FINISHED"
	Failed   State = "FAILED"
	Canceled State = "CANCELED"
	// Running is the one state in which a savepoint can be taken.
	Running State = "RUNNING"
)

// Ended tells whether a job in this state does nothing any more.
func (s State) Ended() bool { return s == Finished || s == Failed || s == Canceled }

// Millis is a time in milliseconds since 1970.
type Millis int64

// Time is the time; zero where there is none.
func (m Millis) Time() time.Time {
	if m <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Job is a line of the overview of all jobs.
type Job struct {
	ID               string `json:"jid"`
	Name             string `json:"name"`
	State            State  `json:"state"`
	StartTime        Millis `json:"start-time"`
	LastModification Millis `json:"last-modification"`
	Tasks            struct {
		Total        int `json:"total"`
		Running      int `json:"running"`
		Deploying    int `json:"deploying"`
		Initializing int `json:"initializing"`
	} `json:"tasks"`
}

// Jobs lists the jobs that the JobManager knows, those that ended lately among
// them.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	var out struct{ Jobs []Job }
	if err := c.call(ctx, http.MethodGet, "/jobs/overview", nil, &out); err != nil {
		return nil, fmt.Errorf("list the jobs: %w", err)
	}
	return out.Jobs, nil
}

// JobDetails is what Flink tells of one job.
type JobDetails struct {
	ID         string           `json:"jid"`
	Name       string           `json:"name"`
	State      State            `json:"state"`
	StartTime  Millis           `json:"start-time"`
	Now        Millis           `json:"now"`
	Timestamps map[State]Millis `json:"timestamps"`
	Vertices   []struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Status string `json:"status"`
	} `json:"vertices"`
}

// UpdateTime is when the job came into its state.
func (j *JobDetails) UpdateTime() time.Time { return j.Timestamps[j.State].Time() }

// Job looks a job up. The error is ErrNotFound where it is not known any more.
func (c *Client) Job(ctx context.Context, id string) (*JobDetails, error) {
	out := &JobDetails{}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+id, nil, out); err != nil {
		return nil, fmt.Errorf("look up job %s: %w", id, err)
	}
	return out, nil
}

// Cancel ends a job. That takes a while: see Job.
func (c *Client) Cancel(ctx context.Context, id string) error {
	if err := c.call(ctx, http.MethodPatch, "/jobs/"+id+"?mode=cancel", nil, nil); err != nil {
		return fmt.Errorf("cancel job %s: %w", id, err)
	}
	return nil
}

// Exception is an entry of a job's exception history.
type Exception struct {
	Name       string `json:"exceptionName"`
	StackTrace string `json:"stacktrace"`
	Timestamp  Millis `json:"timestamp"`
	TaskName   string `json:"taskName"`
	Endpoint   string `json:"endpoint"`
}

// Exceptions is the history of a job's exceptions, newest first.
func (c *Client) Exceptions(ctx context.Context, id string, limit int) ([]Exception, error) {
	var out struct {
		ExceptionHistory struct{ Entries []Exception }
	}
	if err := c.call(ctx, http.MethodGet, fmt.Sprintf("/jobs/%s/exceptions?maxExceptions=%d", id, limit), nil, &out); err != nil {
		return nil, fmt.Errorf("read the exceptions of job %s: %w", id, err)
	}
	return out.ExceptionHistory.Entries, nil
}

// Parameters are the global parameters that a job was submitted with.
func (c *Client) Parameters(ctx context.Context, id string) (map[string]string, error) {
	var out struct {
		Execution struct {
			Parameters map[string]string `json:"user-config"`
		} `json:"execution-config"`
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+id+"/config", nil, &out); err != nil {
		return nil, fmt.Errorf("read the parameters of job %s: %w", id, err)
	}
	return out.Execution.Parameters, nil
}

// JobManagerConfig is the configuration of the cluster.
func (c *Client) JobManagerConfig(ctx context.Context) (map[string]string, error) {
	var entries []struct{ Key, Value string }
	if err := c.call(ctx, http.MethodGet, "/jobmanager/config", nil, &entries); err != nil {
		return nil, fmt.Errorf("read the configuration of the JobManager: %w", err)
	}
	out := make(map[string]string, len(entries))
	for _, entry := range entries {
		out[entry.Key] = entry.Value
	}
	return out, nil
}

// Version is the release of Flink that the cluster runs.
func (c *Client) Version(ctx context.Context) (string, error) {
	var out struct {
		Version string `json:"flink-version"`
	}
	if err := c.call(ctx, http.MethodGet, "/config", nil, &out); err != nil {
		return "", fmt.Errorf("ask for Flink's version: %w", err)
	}
	return out.Version, nil
}
