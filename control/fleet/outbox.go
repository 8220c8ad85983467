package fleet

import (
	"sync"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// resource names a record whose object an agent keeps: a collection and a key
// in it.
type resource struct {
	collection string
	key        string
}

// outbox holds what a session has still to send. Resources coalesce: however
// often one changes while the agent is slow, it is rendered and sent once, as
// it then is. So a slow agent costs a key a resource, and no more.
type outbox struct {
	mu       sync.Mutex
	messages []*agentv1.ConnectResponse
	order    []resource
	pending  map[resource]bool
	ready    chan struct{}
}

func newOutbox() *outbox {
	return &outbox{pending: map[resource]bool{}, ready: make(chan struct{}, 1)}
}

// changed notes that a resource may have to be sent.
func (o *outbox) changed(r resource) {
	o.mu.Lock()
	if !o.pending[r] {
		o.pending[r] = true
		o.order = append(o.order, r)
	}
	o.mu.Unlock()
	o.wake()
}

// maxMessages bounds the messages that wait for an agent which does not read.
const maxMessages = 4096

// send queues a message that is sent as it is, ahead of resources. It tells
// whether there was room for it.
func (o *outbox) send(m *agentv1.ConnectResponse) bool {
	o.mu.Lock()
	room := len(o.messages) < maxMessages
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

// next takes the next message, or else the next resource, or neither.
func (o *outbox) next() (*agentv1.ConnectResponse, resource, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.messages) > 0 {
		m := o.messages[0]
		o.messages = o.messages[1:]
		return m, resource{}, true
	}
	o.messages = nil
	if len(o.order) > 0 {
		r := o.order[0]
		o.order = o.order[1:]
		delete(o.pending, r)
		return nil, r, true
	}
	o.order = nil
	return nil, resource{}, false
}
