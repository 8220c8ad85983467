package link

import (
	"cmp"
	"fmt"
	"sync"
	"time"
)

// missedHeartbeats is the number of heartbeat intervals without any message after
// which the connection counts as dead.
const missedHeartbeats = 3

// defaultHeartbeat is the interval if the control plane names none.
const defaultHeartbeat = 10 * time.Second

// heartbeats schedules heartbeats and detects a peer that is gone, which TCP does
// not if the other end has disappeared. A peer that sends something is there, even
// if the reply to a heartbeat is late.
type heartbeats struct {
	mu       sync.Mutex
	interval time.Duration
	next     *time.Timer
	timeout  *time.Timer
}

// newHeartbeats calls dead once, in its own goroutine, if nothing is received for
// too long.
func newHeartbeats(interval time.Duration, dead func(error)) *heartbeats {
	interval = cmp.Or(max(interval, 0), defaultHeartbeat)
	return &heartbeats{
		interval: interval,
		next:     time.NewTimer(interval),
		timeout: time.AfterFunc(missedHeartbeats*interval, func() {
			dead(fmt.Errorf("nothing was received for %d heartbeat intervals", missedHeartbeats))
		}),
	}
}

// due receives when a heartbeat is to be sent.
func (h *heartbeats) due() <-chan time.Time { return h.next.C }

// sent schedules the next heartbeat, even if there will be no reply to this one.
func (h *heartbeats) sent() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next.Reset(h.interval)
}

// received restarts the timeout.
func (h *heartbeats) received() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timeout.Reset(missedHeartbeats * h.interval)
}

// replied restarts the timeout, and schedules the next heartbeat after the
// interval that the reply names.
func (h *heartbeats) replied(interval time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interval = cmp.Or(max(interval, 0), defaultHeartbeat)
	h.next.Reset(h.interval)
	h.timeout.Reset(missedHeartbeats * h.interval)
}

func (h *heartbeats) stop() {
	h.next.Stop()
	h.timeout.Stop()
}
