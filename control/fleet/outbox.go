package fleet

import (
	"sync"
	"time"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// sendable names something to be sent: the object of a resource, by the name of
// its resource.Object and the resource's key, or a tombstone.
type sendable struct {
	object string
	key    string
}

// outbox holds what a session has still to send. However often a sendable changes
// while the agent is slow, it is rendered and sent once, as it then is. So a slow
// agent costs a key for each, and no more.
type outbox struct {
	mu       sync.Mutex
	messages []*agentv1.ConnectResponse
	// deletions go before the rest of order: of two resources that had one name one
	// after the other, the object of the first has to go before that of the second
	// can be applied.
	deletions []sendable
	order     []sendable
	// pending is when each of both was first noted.
	pending map[sendable]time.Time
	ready   chan struct{}
}

func newOutbox() *outbox {
	return &outbox{pending: map[sendable]time.Time{}, ready: make(chan struct{}, 1)}
}

// changed notes that something may have to be sent.
func (o *outbox) changed(s sendable) {
	o.mu.Lock()
	if _, noted := o.pending[s]; !noted {
		o.pending[s] = time.Now()
		if s.object == tombstones {
			o.deletions = append(o.deletions, s)
		} else {
			o.order = append(o.order, s)
		}
	}
	o.mu.Unlock()
	o.wake()
}

// maxMessages bounds the messages that wait for an agent which does not read. Requests
// of callers leave half of it to the control plane.
const (
	maxMessages = 4096
	maxRequests = maxMessages / 2
)

// add queues a message that is sent as it is, ahead of all sendables. It returns
// false if there is no room for it.
func (o *outbox) add(m *agentv1.ConnectResponse) bool { return o.addWithin(m, maxMessages) }

// addRequest is add for a message that a caller of the API has caused.
func (o *outbox) addRequest(m *agentv1.ConnectResponse) bool { return o.addWithin(m, maxRequests) }

func (o *outbox) addWithin(m *agentv1.ConnectResponse, most int) bool {
	o.mu.Lock()
	room := len(o.messages) < most
	if room {
		o.messages = append(o.messages, m)
	}
	o.mu.Unlock()
	o.wake()
	return room
}

func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// message takes the next message; nil if none waits.
func (o *outbox) message() *agentv1.ConnectResponse {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.takeMessage()
}

func (o *outbox) takeMessage() *agentv1.ConnectResponse {
	if len(o.messages) == 0 {
		o.messages = nil
		return nil
	}
	m := o.messages[0]
	o.messages = o.messages[1:]
	return m
}

// next takes the next message, or else the next sendable and when it was first
// noted; false if there is neither.
func (o *outbox) next() (*agentv1.ConnectResponse, sendable, time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m := o.takeMessage(); m != nil {
		return m, sendable{}, time.Time{}, true
	}
	for _, queue := range []*[]sendable{&o.deletions, &o.order} {
		if len(*queue) > 0 {
			s := (*queue)[0]
			*queue = (*queue)[1:]
			noted := o.pending[s]
			delete(o.pending, s)
			return nil, s, noted, true
		}
		*queue = nil
	}
	return nil, sendable{}, time.Time{}, false
}

// depth is how much waits.
func (o *outbox) depth() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.messages) + len(o.deletions) + len(o.order)
}
