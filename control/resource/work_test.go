package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

// TestWork tests when the work for objects is done: at once, and again where it has
// failed, after waits that double.
func TestWork(t *testing.T) {
	s := storetest.New(nil)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var done []string
		broken := map[string]error{"bad": errors.New("too large")}
		w := NewWork("test", s, func(_ context.Context, key string) error {
			done = append(done, fmt.Sprint(key, " ", time.Since(began)))
			if key == "worse" {
				panic("no such field")
			}
			return broken[key]
		})
		defer w.End()
		expect := func(want ...string) {
			t.Helper()
			if !slices.Equal(done, want) {
				t.Errorf("the work was done for %q, want %q", done, want)
			}
			done = nil
		}
		for _, key := range []string{"bad", "worse", "good"} {
			w.Do(t.Context(), key)
		}
		expect("bad 0s", "worse 0s", "good 0s")
		if !w.Failing("bad") || !w.Failing("worse") || w.Failing("good") {
			t.Errorf("failing are %v", w.failed)
		}
		delete(w.failed, "worse")
		for time.Since(began) < 10*time.Second {
			w.Retry(t.Context())
			await.Elapse(time.Second)
		}
		expect("bad 1s", "bad 3s", "bad 7s")
		delete(broken, "bad")
		w.Do(t.Context(), "bad") // it has changed
		if expect("bad 10s"); w.Failing("bad") {
			t.Error("what has succeeded is failing")
		}
		await.Elapse(time.Hour)
		w.Retry(t.Context())
		expect()
	})
}
