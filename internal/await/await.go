// Package await lets tests wait for a condition instead of sleeping. Where
// all goroutines involved belong to the test, prefer testing/synctest.
package await

import (
	"testing"
	"time"
)

// Patience bounds every wait. It is far beyond what a slow machine needs, so
// that only a condition that never holds fails a test.
const Patience = 30 * time.Second

// interval is the time between two evaluations of a condition.
const interval = 5 * time.Millisecond

// Until blocks until holds returns true, and fails the test after Patience.
// The failure reads "timed out waiting until <what>".
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// Receive returns the next value from a channel, and fails the test after
// Patience or when the channel is closed. The failure reads "timed out waiting
// for <what>".
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	select {
	case v, open := <-from:
		if !open {
			t.Fatalf("the channel was closed while waiting for %s", what)
		}
		return v
	case <-deadline.C:
		t.Fatalf("timed out waiting for %s", what)
	}
	panic("unreachable")
}
