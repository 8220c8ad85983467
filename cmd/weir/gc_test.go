package main

import "testing"

func TestTheCollectorFollowsTheLiveHeap(t *testing.T) {
	for live, want := range map[uint64]int{
		0: gcMost, 10 << 20: gcMost, 128 << 20: gcMost, 256 << 20: 200, 512 << 20: 100, 1 << 30: 50, 4 << 30: gcLeast,
	} {
		if got := gcPercent(live); got != want {
			t.Errorf("with %d MiB live it is %d %%, want %d %%", live>>20, got, want)
		}
	}
}
