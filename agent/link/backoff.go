package link

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait before the next attempt to connect.
type Backoff struct {
	// Base bounds the first delay and Max every later one. Between them the
	// bound doubles with every attempt, and the delay is drawn evenly from zero
	// to the bound (full jitter), so that a fleet does not come back in step.
	Base, Max time.Duration
	// RefusedMin and RefusedMax bound the delay after the control plane has
	// refused the agent's identity, or given it to another agent. Neither mends
	// itself quickly, and trying often would hide it in noise.
	RefusedMin, RefusedMax time.Duration
}

// DefaultBackoff suits production.
var DefaultBackoff = Backoff{
	Base:       500 * time.Millisecond,
	Max:        30 * time.Second,
	RefusedMin: 30 * time.Second,
	RefusedMax: time.Minute,
}

// bound is the longest delay after so many failed attempts in a row.
func (b Backoff) bound(failures int) time.Duration {
	bound := b.Base
	for range failures {
		if bound >= b.Max/2 {
			return b.Max
		}
		bound *= 2
	}
	return bound
}

// delay draws the delay after so many failed attempts in a row.
func (b Backoff) delay(failures int) time.Duration {
	return evenly(0, b.bound(failures))
}

// failuresAfter is how many failures still count after a session that lasted so
// long. One that outlived the longest delay before it has shown that the
// control plane is well again. One that ended at once has not, however friendly
// its Welcome.
func (b Backoff) failuresAfter(lasted time.Duration, failures int) int {
	if lasted > b.bound(failures) {
		return 0
	}
	return failures
}

func (b Backoff) refused() time.Duration {
	return evenly(b.RefusedMin, b.RefusedMax)
}

func evenly(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + rand.N(to-from)
}
