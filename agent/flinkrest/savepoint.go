package flinkrest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// StopWithSavepoint stops a job with a savepoint in a directory; in the one
// that is configured where it is empty. The caller chooses the trigger's id, 32
// hexadecimal digits: asking again with the same one does nothing more.
func (c *Client) StopWithSavepoint(ctx context.Context, job, trigger, directory string) error {
	body := map[string]any{"drain": false, "formatType": "CANONICAL", "triggerId": trigger}
	if directory != "" {
		body["targetDirectory"] = directory
	}
	if err := c.call(ctx, http.MethodPost, "/jobs/"+job+"/stop", body, nil); err != nil {
		return fmt.Errorf("stop job %s with a savepoint: %w", job, err)
	}
	return nil
}

// Savepoint is how far a savepoint is.
type Savepoint struct {
	// Done tells that it has come to an end, good or bad.
	Done bool
	// Location is where it is; empty where it failed.
	Location string
	// Failure is why it failed, with Flink's stack trace.
	Failure string
}

// SavepointStatus asks how far the savepoint of a trigger is. The error is
// ErrNotFound where the JobManager does not know the trigger any more.
func (c *Client) SavepointStatus(ctx context.Context, job, trigger string) (Savepoint, error) {
	var out struct {
		Status    struct{ ID string }
		Operation struct {
			Location string `json:"location"`
			Failure  struct {
				StackTrace string `json:"stack-trace"`
			} `json:"failure-cause"`
		}
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+job+"/savepoints/"+trigger, nil, &out); err != nil {
		return Savepoint{}, fmt.Errorf("ask for savepoint %s of job %s: %w", trigger, job, err)
	}
	s := Savepoint{Done: out.Status.ID == "COMPLETED", Location: out.Operation.Location, Failure: out.Operation.Failure.StackTrace}
	if s.Done && s.Location == "" && s.Failure == "" {
		s.Failure = "Flink names no location of the savepoint."
	}
	return s, nil
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

// Snapshots asks what snapshots of a job there are. A job without checkpoints
// has none.
func (c *Client) Snapshots(ctx context.Context, job string) (Snapshots, error) {
	type snapshot struct {
		Path string `json:"external_path"`
		Type string `json:"checkpoint_type"`
	}
	var out struct {
		Latest struct{ Completed, Savepoint *snapshot }
	}
	err := c.call(ctx, http.MethodGet, "/jobs/"+job+"/checkpoints", nil, &out)
	if errors.Is(err, ErrNotFound) {
		return Snapshots{}, nil
	}
	if err != nil {
		return Snapshots{}, fmt.Errorf("read the checkpoints of job %s: %w", job, err)
	}
	var s Snapshots
	if out.Latest.Savepoint != nil {
		s.Savepoint = out.Latest.Savepoint.Path
		s.Stopped = out.Latest.Savepoint.Type == "SYNC_SAVEPOINT"
	}
	if out.Latest.Completed != nil {
		s.Checkpoint = out.Latest.Completed.Path
	}
	return s, nil
}
