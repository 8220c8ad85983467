package await_test

import (
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

// failureOf runs a function as a test does and returns how it failed.
func failureOf(f func(testing.TB)) string {
	r := &recorder{}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	return r.failure
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		await.Until(t, "a second has passed", func() bool { return time.Since(start) >= time.Second })
		want := "timed out waiting until the job runs"
		got := failureOf(func(t testing.TB) { await.Until(t, "the job runs", func() bool { return false }) })
		if got != want {
			t.Errorf("the failure reads %q, want %q", got, want)
		}
	})
}

func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := make(chan int)
		go func() { time.Sleep(time.Second); values <- 7; close(values) }()
		if got := await.Receive(t, "a value", values); got != 7 {
			t.Errorf("received %d, want 7", got)
		}
		for want, from := range map[string]chan int{
			"the channel was closed while waiting for a value": values,
			"timed out waiting for a value":                    make(chan int),
		} {
			if got := failureOf(func(t testing.TB) { await.Receive(t, "a value", from) }); got != want {
				t.Errorf("the failure reads %q, want %q", got, want)
			}
		}
	})
}
