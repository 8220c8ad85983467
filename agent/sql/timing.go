package sql

import "time"

// Timing holds how long things take. A zero field stands for its default.
type Timing struct {
	// PollMin and PollMax bound the time between two looks at a result that has
	// nothing new. It doubles with every look.
	PollMin, PollMax time.Duration
	// Follow is the time between two looks at a job.
	Follow time.Duration
	// Heartbeat is how often a session is touched whose rows nobody reads. It must
	// be well below the gateway's idle timeout, 10 minutes by default.
	Heartbeat time.Duration
	// RetryMin and RetryMax bound the time before something that failed is tried
	// again. It doubles with every failure.
	RetryMin, RetryMax time.Duration
	// Request bounds every request to Flink.
	Request time.Duration
	// Settle bounds the wait for a job to have begun, before it is cancelled.
	Settle time.Duration
	// Lost is how long a job may be unknown to its JobManager before it is
	// submitted again. A JobManager that starts anew recovers its jobs one by one.
	Lost time.Duration
	// Unreachable is how long the job of a statement that goes is looked for on a
	// cluster that does not answer. Without a cluster there is no job; and if it
	// comes back, the job is a stray.
	Unreachable time.Duration
	// Retention is how long the rows of a query that has ended are kept since
	// somebody last asked for some.
	Retention time.Duration
	// Farewell bounds what is done for the queries of an agent that ends.
	Farewell time.Duration
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
	Farewell:    3 * time.Second,
}

// complete puts the default where a field is zero.
func (t Timing) complete() Timing {
	d := DefaultTiming
	for _, f := range []struct{ is, otherwise *time.Duration }{
		{&t.PollMin, &d.PollMin}, {&t.PollMax, &d.PollMax}, {&t.Follow, &d.Follow}, {&t.Heartbeat, &d.Heartbeat},
		{&t.RetryMin, &d.RetryMin}, {&t.RetryMax, &d.RetryMax}, {&t.Request, &d.Request}, {&t.Settle, &d.Settle},
		{&t.Lost, &d.Lost}, {&t.Unreachable, &d.Unreachable}, {&t.Retention, &d.Retention}, {&t.Farewell, &d.Farewell},
	} {
		if *f.is == 0 {
			*f.is = *f.otherwise
		}
	}
	return t
}
