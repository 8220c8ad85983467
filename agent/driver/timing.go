package driver

import (
	"cmp"
	"time"
)

// Timing holds the intervals of a Driver. A zero field stands for its default.
type Timing struct {
	// Probe is the interval at which the driver checks the health of the API
	// server, its custom resource definitions and the configured namespaces.
	Probe time.Duration
	// Request bounds every request to the API server except watches.
	Request time.Duration
	// Terminating is how long an object may be terminating before that is
	// reported.
	Terminating time.Duration
	// RetryMin and RetryMax bound the delay after a failure. It doubles with every
	// failure in a row.
	RetryMin, RetryMax time.Duration
	// RetryRefused is the delay after the API server has refused an object.
	RetryRefused time.Duration
	// Settle is how long the status of an object of the operator may not have
	// changed before the driver writes the object. SettleMax bounds the wait for
	// that.
	Settle, SettleMax time.Duration
	// RepairInterval is the minimum time between the first and the second repair
	// of an object. It doubles with every repair, up to half of RepairWindow.
	RepairInterval time.Duration
	// RepairWindow is the time without a repair after which the interval starts
	// over.
	RepairWindow time.Duration
}

// DefaultTiming suits production.
var DefaultTiming = Timing{
	Probe:          15 * time.Second,
	Request:        15 * time.Second,
	Terminating:    time.Minute,
	RetryMin:       200 * time.Millisecond,
	RetryMax:       30 * time.Second,
	RetryRefused:   5 * time.Minute,
	Settle:         2 * time.Second,
	SettleMax:      30 * time.Second,
	RepairInterval: 2 * time.Second,
	RepairWindow:   10 * time.Minute,
}

func (t Timing) withDefaults() Timing {
	d := DefaultTiming
	return Timing{
		Probe:          cmp.Or(t.Probe, d.Probe),
		Request:        cmp.Or(t.Request, d.Request),
		Terminating:    cmp.Or(t.Terminating, d.Terminating),
		RetryMin:       cmp.Or(t.RetryMin, d.RetryMin),
		RetryMax:       cmp.Or(t.RetryMax, d.RetryMax),
		RetryRefused:   cmp.Or(t.RetryRefused, d.RetryRefused),
		Settle:         cmp.Or(t.Settle, d.Settle),
		SettleMax:      cmp.Or(t.SettleMax, d.SettleMax),
		RepairInterval: cmp.Or(t.RepairInterval, d.RepairInterval),
		RepairWindow:   cmp.Or(t.RepairWindow, d.RepairWindow),
	}
}

// jitter is the largest fraction that wait.Jitter adds to an interval, so that
// a fleet of agents does not act at the same moment.
const jitter = 0.2
