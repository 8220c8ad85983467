// Package await waits for conditions. Nothing in these tests sleeps: they
// look until what they wait for is so, or a deadline passes.
package await

import (
	"context"
	"testing"
	"time"
)

// Deadline is how long a condition may take unless a test says otherwise. It
// is meant to be far beyond what a slow machine needs.
const Deadline = 60 * time.Second

// interval is how often a condition is looked at.
const interval = 25 * time.Millisecond

// True waits until condition returns nil, and fails the test with its last
// error when Deadline passes first.
func True(t testing.TB, what string, condition func(context.Context) error) {
	t.Helper()
	Within(t, Deadline, what, condition)
}

// Within is True with a deadline of its own.
func Within(t testing.TB, limit time.Duration, what string, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return
		}
		// What fails for want of time hides what it failed for before.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s for %s: %v", limit, what, last)
		case <-tick.C:
		}
	}
}
