// Package await lets tests wait for a condition instead of sleeping. Where
// all goroutines involved belong to the test, prefer testing/synctest.
package await

import (
	"context"
	"testing"
	"time"
)

// Patience bounds every wait that has no limit of its own. It is far beyond what
// a slow machine needs, so that only a condition that never holds fails a test.
const Patience = 60 * time.Second

// interval is the time between two evaluations of a condition.
const interval = 5 * time.Millisecond

// Until blocks until holds returns true, and fails the test after Patience.
// The failure reads "timed out waiting until <what>".
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !poll(Patience, holds) {
		t.Fatalf("timed out waiting until %s", what)
	}
}

// Success blocks until condition returns nil, and fails the test after Patience.
// The failure reads "timed out waiting for <what>: <last error>".
func Success(t testing.TB, what string, condition func() error) {
	t.Helper()
	var err error
	if !poll(Patience, func() bool { err = condition(); return err == nil }) {
		t.Fatalf("timed out waiting for %s: %v", what, err)
	}
}

// Within is Success with a limit, which the context of the condition ends at as
// well.
func Within(t testing.TB, limit time.Duration, what string, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var last error
	holds := func() bool {
		err := condition(ctx)
		// An error of the context says less than the one before it.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		return err == nil
	}
	if !poll(limit, holds) {
		t.Fatalf("timed out after %s waiting for %s: %v", limit, what, last)
	}
}

// poll evaluates a condition until it holds or the limit is over, and returns
// whether it held.
func poll(limit time.Duration, holds func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// Receive returns the next value from a channel, and fails the test after
// Patience or when the channel is closed. The failure reads "timed out waiting
// for <what>".
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	value, open := next(t, what, from)
	if !open {
		t.Fatalf("the channel was closed while waiting for %s", what)
	}
	return value
}

// Closed blocks until a channel is closed, and fails the test after Patience. The
// failure reads "timed out waiting for <what>".
func Closed(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	next(t, what, c)
}

func next[T any](t testing.TB, what string, from <-chan T) (value T, open bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	select {
	case value, open = <-from:
	case <-deadline.C:
		t.Fatalf("timed out waiting for %s", what)
	}
	return value, open
}
