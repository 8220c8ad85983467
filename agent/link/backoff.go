package link

import (
	"math/rand/v2"
	"time"
)

// Backoff determines the delay before the next attempt to connect. It is written
// by hand for the reasons in docs/decisions/backoff.md.
type Backoff struct {
	// Base is the upper bound of the first delay and Max that of any delay. The
	// bound doubles with every attempt, and the delay is uniformly distributed
	// between zero and the bound (full jitter), so that the agents of a fleet do
	// not reconnect at the same moment.
	Base, Max time.Duration
	// RefusedMin and RefusedMax bound the delay after the control plane has
	// refused the agent's identity or a newer session has superseded it. Someone
	// has to act on either.
	RefusedMin, RefusedMax time.Duration
}

// DefaultBackoff suits production.
var DefaultBackoff = Backoff{
	Base:       500 * time.Millisecond,
	Max:        30 * time.Second,
	RefusedMin: 30 * time.Second,
	RefusedMax: time.Minute,
}

// bound is the maximum delay after a number of failed attempts in a row.
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

// delay returns the delay after a number of failed attempts in a row.
func (b Backoff) delay(failures int) time.Duration {
	return uniform(0, b.bound(failures))
}

// failuresAfter returns how many failures still count after a session. Only a
// session that lasted longer than the maximum delay before it shows that the
// control plane is healthy again.
func (b Backoff) failuresAfter(duration time.Duration, failures int) int {
	if duration > b.bound(failures) {
		return 0
	}
	return failures
}

func (b Backoff) refused() time.Duration {
	return uniform(b.RefusedMin, b.RefusedMax)
}

func uniform(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + rand.N(to-from)
}
