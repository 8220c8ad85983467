package control_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

// patience is how long a condition may take to come about. It is far beyond
// what a slow machine needs.
const patience = 30 * time.Second

// await waits until condition gives no error, and fails the test with its last
// one when patience is at an end.
func await(t testing.TB, what string, condition func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waited %s for %s: %v", patience, what, err)
		case <-tick.C:
		}
	}
}

// awaitEqual waits until get gives want.
func awaitEqual[T any](t testing.TB, what string, want T, get func() T) {
	t.Helper()
	await(t, what, func() error { return difference(want, get()) })
}

// awaitEnd waits until the channel is closed or gives a value.
func awaitEnd[T any](t testing.TB, what string, limit time.Duration, ended <-chan T) T {
	t.Helper()
	select {
	case value := <-ended:
		return value
	case <-time.After(limit):
		t.Fatalf("%s did not come within %s", what, limit)
	}
	panic("unreachable")
}

func difference[T any](want, got T) error {
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		return errors.New("(-want +got):\n" + diff)
	}
	return nil
}

func equal[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if err := difference(want, got); err != nil {
		t.Errorf("%s %v", what, err)
	}
}

// must gives the value of a call that has to succeed.
func must[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(fmt.Errorf("unexpected error: %w", err))
		}
		return value
	}
}
