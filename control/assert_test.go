package control_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/internal/await"
)

// awaitEqual waits until get gives want.
func awaitEqual[T any](t testing.TB, what string, want T, get func() T) {
	t.Helper()
	await.Success(t, what, func() error { return difference(want, get()) })
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
