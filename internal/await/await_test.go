package await_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openweir/weir/internal/await"
)

// recorder is a test whose failure is only recorded.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// expectFailure runs a function as a test does, and checks how it failed.
func expectFailure(t *testing.T, want string, f func(testing.TB)) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	if r.failure != want {
		t.Errorf("the failure reads %q, want %q", r.failure, want)
	}
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		await.Until(t, "a second has passed", func() bool { return time.Since(start) >= time.Second })
		expectFailure(t, "timed out waiting until the job runs", func(t testing.TB) {
			await.Until(t, "the job runs", func() bool { return false })
		})
	})
}

func TestSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		await.Success(t, "the third attempt", func() error {
			if attempts++; attempts < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		expectFailure(t, "timed out waiting for the job: it is CREATED", func(t testing.TB) {
			await.Success(t, "the job", func() error { return errors.New("it is CREATED") })
		})
	})
}

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		expectFailure(t, "timed out after 3s waiting for the job: it is CREATED", func(t testing.TB) {
			await.Within(t, 3*time.Second, "the job", func(ctx context.Context) error {
				if time.Since(start) < 2*time.Second {
					return errors.New("it is CREATED")
				}
				<-ctx.Done()
				return ctx.Err()
			})
		})
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %s, want 3s", took)
		}
	})
}

func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := make(chan int)
		time.AfterFunc(time.Second, func() { values <- 7; close(values) })
		if got := await.Receive(t, "a value", values); got != 7 {
			t.Errorf("received %d, want 7", got)
		}
		for want, from := range map[string]chan int{
			"the channel was closed while waiting for a value": values,
			"timed out waiting for a value":                    make(chan int),
		} {
			expectFailure(t, want, func(t testing.TB) { await.Receive(t, "a value", from) })
		}
	})
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(ended) })
		await.Closed(t, "the end", ended)
		expectFailure(t, "timed out waiting for the end", func(t testing.TB) {
			await.Closed(t, "the end", make(chan struct{}))
		})
	})
}
