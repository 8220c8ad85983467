package sql

import (
	"cmp"
	"context"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Timing holds the intervals of a Driver. A zero field stands for its default.
type Timing struct {
	// PollMin and PollMax bound the interval at which a result without news is
	// polled. It doubles with every poll.
	PollMin, PollMax time.Duration
	// Follow is the interval at which a job is observed.
	Follow time.Duration
	// Heartbeat is how often a session is used whose rows are not fetched. It must
	// be well below the gateway's idle timeout, 10 minutes by default.
	Heartbeat time.Duration
	// RetryMin and RetryMax bound the delay after a failure. It doubles with every
	// failure in a row.
	RetryMin, RetryMax time.Duration
	// Request bounds every request to Flink.
	Request time.Duration
	// Settle bounds the wait for a job to have started before it is cancelled.
	Settle time.Duration
	// Lost is how long a job may be unknown to its JobManager before it is
	// submitted again. A restarted JobManager recovers its jobs one by one.
	Lost time.Duration
	// Unreachable is how long cancelling the job of a removed statement is retried
	// on an unreachable cluster. If the cluster returns, the job is an orphan.
	Unreachable time.Duration
	// Retention is how long the rows of an ended query are kept after the last
	// request for rows.
	Retention time.Duration
	// Shutdown bounds closing the session of a query when the process ends.
	Shutdown time.Duration
}

// DefaultTiming suits production.
var DefaultTiming = Timing{
	PollMin:     50 * time.Millisecond,
	PollMax:     time.Second,
	Follow:      2 * time.Second,
	Heartbeat:   time.Minute,
	RetryMin:    500 * time.Millisecond,
	RetryMax:    15 * time.Second,
	Request:     time.Minute,
	Settle:      10 * time.Second,
	Lost:        30 * time.Second,
	Unreachable: time.Minute,
	Retention:   time.Hour,
	Shutdown:    3 * time.Second,
}

func (t Timing) withDefaults() Timing {
	d := DefaultTiming
	return Timing{
		PollMin:     cmp.Or(t.PollMin, d.PollMin),
		PollMax:     cmp.Or(t.PollMax, d.PollMax),
		Follow:      cmp.Or(t.Follow, d.Follow),
		Heartbeat:   cmp.Or(t.Heartbeat, d.Heartbeat),
		RetryMin:    cmp.Or(t.RetryMin, d.RetryMin),
		RetryMax:    cmp.Or(t.RetryMax, d.RetryMax),
		Request:     cmp.Or(t.Request, d.Request),
		Settle:      cmp.Or(t.Settle, d.Settle),
		Lost:        cmp.Or(t.Lost, d.Lost),
		Unreachable: cmp.Or(t.Unreachable, d.Unreachable),
		Retention:   cmp.Or(t.Retention, d.Retention),
		Shutdown:    cmp.Or(t.Shutdown, d.Shutdown),
	}
}

// backoff doubles from one interval up to another, without end.
func backoff(from, to time.Duration) wait.Backoff {
	return wait.Backoff{Duration: from, Factor: 2, Steps: math.MaxInt, Cap: to}
}

func (d *Driver) poll() wait.Backoff  { return backoff(d.timing.PollMin, d.timing.PollMax) }
func (d *Driver) retry() wait.Backoff { return backoff(d.timing.RetryMin, d.timing.RetryMax) }

// sleep waits, and fails if ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
