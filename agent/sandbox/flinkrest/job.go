package flinkrest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Job is a job as the list of all jobs shows it.
type Job struct {
	ID    string `json:"jid"`
	Name  string `json:"name"`
	State string `json:"state"`
	// Start is in epoch milliseconds.
	Start int64 `json:"start-time"`
	Tasks Tasks `json:"tasks"`
}

// Tasks counts the tasks of a job that wait for slots.
type Tasks struct {
	Created   int `json:"created"`
	Scheduled int `json:"scheduled"`
}

// Ended tells whether the job will not run any more.
func (j Job) Ended() bool {
	return j.State == "FINISHED" || j.State == "FAILED" || j.State == "CANCELED"
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

// LastCheckpoint returns where the last completed checkpoint of a job is, or
// nothing where there is none.
func (c *Client) LastCheckpoint(ctx context.Context, id string) (string, error) {
	var answer struct {
		Latest struct {
			Completed *struct {
				Path string `json:"external_path"`
			} `json:"completed"`
		} `json:"latest"`
	}
	err := c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/checkpoints", nil, &answer)
	// It is the answer for a job that makes no checkpoints, too.
	if NotFound(err) || err == nil && answer.Latest.Completed == nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return answer.Latest.Completed.Path, nil
}
