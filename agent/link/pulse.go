package link

import (
	"fmt"
	"sync"
	"time"
)

// missedPeriods is how many heartbeat periods may pass without a reply before
// the connection counts as dead.
const missedPeriods = 3

// defaultPeriod stands in where the control plane names none.
const defaultPeriod = 10 * time.Second

// pulse knows when the next heartbeat is due, and when the peer has been silent
// for too long. A connection whose other end vanished without a word is found
// out by the latter only.
type pulse struct {
	mu     sync.Mutex
	period time.Duration
	beat   *time.Timer
	death  *time.Timer
}

// newPulse calls dead, once and from a goroutine of its own, when the peer has
// been silent for too long.
func newPulse(period time.Duration, dead func(error)) *pulse {
	p := &pulse{period: sane(period)}
	p.beat = time.NewTimer(p.period)
	p.death = time.AfterFunc(missedPeriods*p.period, func() {
		dead(fmt.Errorf("no answer to heartbeats for %d periods", missedPeriods))
	})
	return p
}

func sane(period time.Duration) time.Duration {
	if period <= 0 {
		return defaultPeriod
	}
	return period
}

// due yields when a heartbeat is to be sent.
func (p *pulse) due() <-chan time.Time { return p.beat.C }

// sent notes that a heartbeat is on its way. The next is due a period later
// even if the answer to this one does not come.
func (p *pulse) sent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat.Reset(p.period)
}

// replied notes that the peer lives, and when it wants to hear from us again.
func (p *pulse) replied(period time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.period = sane(period)
	p.beat.Reset(p.period)
	p.death.Reset(missedPeriods * p.period)
}

func (p *pulse) stop() {
	p.beat.Stop()
	p.death.Stop()
}
