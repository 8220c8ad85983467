package resource

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/openweir/weir/control/store/storetest"
)

// Whatever the error was: nobody else marks the object for deletion.
func TestARemovalThatFailsIsTriedAgain(t *testing.T) {
	s := storetest.New(nil)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		unfinished, attempts, finished := true, 0, make(chan struct{})
		work := NewWork("test", s, func(context.Context, string) error {
			if attempts++; attempts < 3 {
				return errors.New("etcd is not available")
			}
			unfinished = false
			close(finished)
			return nil
		})
		find := func() []string {
			if unfinished {
				return []string{"claim"}
			}
			return nil
		}
		ended := make(chan error)
		go func() {
			ended <- finishRemovals(ctx, work, func() <-chan struct{} { return nil }, find)
		}()
		<-finished
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the duty ended with %v", err)
		}
		if attempts != 3 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

// A removal that is committed in the moment in which etcd has space again.
func TestRemovalsAreLookedForAgain(t *testing.T) {
	s := storetest.New(nil)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var committed atomic.Bool
		done := make(chan string)
		work := NewWork("test", s, func(_ context.Context, claim string) error {
			done <- claim
			return nil
		})
		ended := make(chan error)
		go func() {
			ended <- finishRemovals(ctx, work, func() <-chan struct{} { return nil }, func() []string {
				if committed.Load() {
					return []string{"claim"}
				}
				return nil
			})
		}()
		synctest.Wait()
		committed.Store(true)
		if got := <-done; got != "claim" {
			t.Errorf("the removal of %q was finished", got)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the duty ended with %v", err)
		}
	})
}
