package driver

import (
	"math/rand/v2"
	"time"
)

// Timing holds how long things take. A zero field stands for its default.
type Timing struct {
	// Probe is how often the agent asks the API server how it is, which custom
	// resource definitions it has, and which of the named namespaces exist.
	Probe time.Duration
	// Grace is how long an agent that has just started waits for the control
	// plane before it puts drift right on its own. It could not know otherwise
	// that the cluster was decommissioned.
	Grace time.Duration
	// Request bounds every request to the API server but watches.
	Request time.Duration
	// Stuck is how long an object may be on its way out before users are told.
	Stuck time.Duration
	// RetryMin and RetryMax bound the time before something that failed is tried
	// again. It doubles with every failure.
	RetryMin, RetryMax time.Duration
	// Seldom is the time before something that was refused is tried again.
	Seldom time.Duration
	// RepairPause is the time between the first repair of an object and the
	// second. It doubles with every repair, up to half of RepairWindow.
	RepairPause time.Duration
	// RepairWindow is how long an object must be left alone for its repairs to
	// be forgotten.
	RepairWindow time.Duration
}

// DefaultTiming suits production.
var DefaultTiming = Timing{
	Probe:        15 * time.Second,
	Grace:        time.Minute,
	Request:      15 * time.Second,
	Stuck:        time.Minute,
	RetryMin:     200 * time.Millisecond,
	RetryMax:     30 * time.Second,
	Seldom:       5 * time.Minute,
	RepairPause:  2 * time.Second,
	RepairWindow: 10 * time.Minute,
}

// complete puts the default where a field is zero.
func (t Timing) complete() Timing {
	d := DefaultTiming
	for _, f := range []struct{ is, otherwise *time.Duration }{
		{&t.Probe, &d.Probe}, {&t.Grace, &d.Grace}, {&t.Request, &d.Request}, {&t.Stuck, &d.Stuck},
		{&t.RetryMin, &d.RetryMin}, {&t.RetryMax, &d.RetryMax}, {&t.Seldom, &d.Seldom},
		{&t.RepairPause, &d.RepairPause}, {&t.RepairWindow, &d.RepairWindow},
	} {
		if *f.is == 0 {
			*f.is = *f.otherwise
		}
	}
	return t
}

// jitter draws from d plus or minus a fifth of it, so that a fleet does not
// work in step.
func jitter(d time.Duration) time.Duration {
	fifth := d / 5
	if fifth <= 0 {
		return d
	}
	return d - fifth + rand.N(2*fifth)
}
