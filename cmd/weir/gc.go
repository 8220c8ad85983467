package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Garbage collection costs a control plane about a quarter of its processor time
// at Go's default of collecting whenever the heap has doubled. While little is
// live, memory is cheaper: the heap may grow by headroom, up to fivefold, and
// with much live data no less than the default's half.
const (
	gcHeadroom   = 512 << 20 // bytes
	gcMost       = 400       // percent
	gcLeast      = 50        // percent
	gcAdjustment = 5 * time.Second
)

// tuneGC adapts the garbage collector to the size of the live heap until the
// context ends. GOGC in the environment leaves it alone; GOMEMLIMIT works beside
// it, as the runtime collects more often close to that.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcMost))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	ticker := time.NewTicker(gcAdjustment)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			metrics.Read(live)
			debug.SetGCPercent(gcPercent(live[0].Value.Uint64()))
		case <-ctx.Done():
			return
		}
	}
}

// gcPercent is how much the heap may grow before it is collected, in percent of
// what is live in bytes.
func gcPercent(live uint64) int {
	if live == 0 {
		return gcMost
	}
	return int(min(max(gcHeadroom*100/live, gcLeast), gcMost))
}
