package fleet

import (
	"sync"
	"sync/atomic"
	"time"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// progress is how far a session is, for metrics.
type progress struct {
	synced atomic.Bool
	// unrendered is how many objects cannot be rendered.
	unrendered atomic.Int64

	mu sync.Mutex
	// sent are the changes that the agent has not applied yet, by object.
	sent map[object]sentChange
}

// sentChange is an Apply that was sent because of a change.
type sentChange struct {
	mark
	noted time.Time
}

// sends notes that a change, of which this replica learned at that time, is sent.
// It replaces one of the same object that was not applied yet.
func (p *progress) sends(apply *agentv1.Apply, noted time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == nil {
		p.sent = map[object]sentChange{}
	}
	p.sent[objectOf(apply.GetRef())] = sentChange{markOf(apply), noted}
}

// applied gives how long a change took that an agent reports as applied; false
// where the report is not about a change that was sent.
func (p *progress) applied(ack *agentv1.Ack) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ref := objectOf(ack.GetRef())
	change, waits := p.sent[ref]
	if !waits || change.mark != (mark{ack.GetOwnerUid(), ack.GetGeneration(), ack.GetHash()}) {
		return 0, false
	}
	delete(p.sent, ref)
	return time.Since(change.noted), true
}

func (p *progress) state(decommissioned bool) string {
	switch {
	case decommissioned:
		return stateDecommissioned
	case p.synced.Load():
		return stateSynced
	default:
		return stateSyncing
	}
}
