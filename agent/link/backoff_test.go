package link

import (
	"testing"
	"time"
)

func TestBackoffBound(t *testing.T) {
	b := DefaultBackoff
	for failures, want := range []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
		8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second,
	} {
		if got := b.bound(failures); got != want {
			t.Errorf("after %d failures the bound is %s; want %s", failures, got, want)
		}
	}
	if got := b.bound(1_000_000); got != b.Max {
		t.Errorf("after very many failures the bound is %s; want %s", got, b.Max)
	}
}

func TestBackoffUsesTheFullRange(t *testing.T) {
	b := Backoff{Base: time.Second, Max: time.Second}
	const draws, buckets = 4000, 4
	var counts [buckets]int
	for range draws {
		d := b.delay(0)
		if d < 0 || d >= time.Second {
			t.Fatalf("a delay of %s is out of range", d)
		}
		counts[d*buckets/time.Second]++
	}
	for i, n := range counts {
		if n < draws/buckets*7/10 || n > draws/buckets*13/10 {
			t.Errorf("quarter %d was drawn %d times of %d", i, n, draws)
		}
	}
}

func TestBackoffAfterARefusal(t *testing.T) {
	for range 1000 {
		if d := DefaultBackoff.refused(); d < 30*time.Second || d >= time.Minute {
			t.Fatalf("a delay of %s is out of range", d)
		}
	}
}

func TestFailuresCountUntilASessionLasts(t *testing.T) {
	b := DefaultBackoff
	tests := []struct {
		lasted         time.Duration
		failures, want int
	}{
		{time.Millisecond, 0, 0},
		{time.Millisecond, 5, 5},
		{3 * time.Second, 5, 5},
		{17 * time.Second, 5, 0},
		{29 * time.Second, 100, 100},
		{31 * time.Second, 100, 0},
	}
	for _, test := range tests {
		if got := b.failuresAfter(test.lasted, test.failures); got != test.want {
			t.Errorf("a session of %s after %d failures leaves %d; want %d", test.lasted, test.failures, got, test.want)
		}
	}
}
