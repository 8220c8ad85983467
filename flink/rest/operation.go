package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The operations here take their time: each is triggered under an id of the
// caller's, which makes triggering it again harmless, and asked for by it.

// Stop is how a job is stopped with a savepoint.
type Stop struct {
	Directory string `json:"targetDirectory,omitempty"`
	Format    string `json:"formatType,omitempty"`
	Drain     bool   `json:"drain"`
	Trigger   string `json:"triggerId"`
}

// Stop stops a job with a savepoint. SavepointResult tells when it has.
func (c *Client) Stop(ctx context.Context, job string, stop Stop) error {
	return c.do(ctx, http.MethodPost, "/jobs/"+url.PathEscape(job)+"/stop", stop, nil)
}

// Savepoint is how a savepoint of a job is taken, which goes on.
type Savepoint struct {
	Directory string `json:"target-directory,omitempty"`
	Format    string `json:"formatType,omitempty"`
	Cancel    bool   `json:"cancel-job"`
	Trigger   string `json:"triggerId"`
}

// Savepoint takes a savepoint. SavepointResult tells when it is there.
func (c *Client) Savepoint(ctx context.Context, job string, savepoint Savepoint) error {
	return c.do(ctx, http.MethodPost, "/jobs/"+url.PathEscape(job)+"/savepoints", savepoint, nil)
}

// Result is how an operation went.
type Result struct {
	// Done is set once it has ended, well or badly.
	Done bool
	// Location is where what it made is.
	Location string
	// Failure is why it failed, the Java stack; empty where it did not.
	Failure string
}

// progress is the form in which Flink tells of operations.
type progress struct {
	Status struct {
		ID string `json:"id"`
	} `json:"status"`
	Operation struct {
		Location   string `json:"location"`
		Checkpoint int64  `json:"checkpointId"`
		Failure    *struct {
			Class string `json:"class"`
			Stack string `json:"stack-trace"`
		} `json:"failure-cause"`
	} `json:"operation"`
}

func (p progress) result() Result {
	r := Result{Done: p.Status.ID == "COMPLETED", Location: p.Operation.Location}
	if failure := p.Operation.Failure; failure != nil {
		r.Failure = strings.TrimSpace(failure.Stack)
		if r.Failure == "" {
			r.Failure = failure.Class
		}
	}
	return r
}

// SavepointResult asks how a savepoint went, one with a stop as well.
func (c *Client) SavepointResult(ctx context.Context, job, trigger string) (Result, error) {
	var p progress
	err := c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(job)+"/savepoints/"+url.PathEscape(trigger), nil, &p)
	return p.result(), err
}

// Checkpoint takes a checkpoint. CheckpointResult tells when it is there.
func (c *Client) Checkpoint(ctx context.Context, job, trigger string) error {
	in := map[string]string{"checkpointType": "FULL", "triggerId": trigger}
	return c.do(ctx, http.MethodPost, "/jobs/"+url.PathEscape(job)+"/checkpoints", in, nil)
}

// CheckpointResult asks how a checkpoint went. Its location is empty where
// Flink does not know it any more.
func (c *Client) CheckpointResult(ctx context.Context, job, trigger string) (Result, error) {
	var p progress
	err := c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(job)+"/checkpoints/"+url.PathEscape(trigger), nil, &p)
	r := p.result()
	if err != nil || !r.Done || r.Failure != "" {
		return r, err
	}
	var details struct {
		Path string `json:"external_path"`
	}
	path := "/jobs/" + url.PathEscape(job) + "/checkpoints/details/" + strconv.FormatInt(p.Operation.Checkpoint, 10)
	if err := c.do(ctx, http.MethodGet, path, nil, &details); err != nil && !NotFound(err) {
		return r, fmt.Errorf("find checkpoint %d: %w", p.Operation.Checkpoint, err)
	}
	r.Location = details.Path
	return r, nil
}

// Dispose deletes a savepoint. DisposalResult tells when it has; the id to ask
// by is Flink's here.
func (c *Client) Dispose(ctx context.Context, savepoint string) (trigger string, err error) {
	var answer struct {
		ID string `json:"request-id"`
	}
	err = c.do(ctx, http.MethodPost, "/savepoint-disposal", map[string]string{"savepoint-path": savepoint}, &answer)
	return answer.ID, err
}

// DisposalResult asks how the deletion of a savepoint went.
func (c *Client) DisposalResult(ctx context.Context, trigger string) (Result, error) {
	var p progress
	err := c.do(ctx, http.MethodGet, "/savepoint-disposal/"+url.PathEscape(trigger), nil, &p)
	return p.result(), err
}
