package link

import (
	"sync"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// slot names what a message is the newest state of. A newer message of the
// same slot replaces one that is not sent yet.
type slot struct {
	what       string // "ack", "status", "namespaces" or "results"
	apiVersion string
	kind       string
	namespace  string
	name       string
	owner      string
}

func slotOf(what string, ref *agentv1.ObjectRef, owner string) slot {
	return slot{
		what:       what,
		apiVersion: ref.GetApiVersion(),
		kind:       ref.GetKind(),
		namespace:  ref.GetNamespace(),
		name:       ref.GetName(),
		owner:      owner,
	}
}

// Outbox holds what the agent has to say until a session can say it. It holds
// at most one message a slot, the newest, and a bounded number of events, so
// that a slow or absent control plane costs bounded memory.
//
// Its methods never block and may be called at any time, by anyone.
type Outbox struct {
	mu      sync.Mutex
	order   []slot // of pending, in the order in which the slots were first filled
	pending map[slot]*agentv1.ConnectRequest
	events  eventLog
	tunnels tunnelReplies
	// muted says that nothing is to be said: the cluster is decommissioned.
	muted bool
	// turn passes from events to state to tunnels, so that none starves.
	turn int

	ready chan struct{} // holds a token while there may be something to send
	renew chan string   // holds why a new session is wanted
}

// NewOutbox makes an empty outbox that keeps at most maxEvents events.
func NewOutbox(maxEvents int) *Outbox {
	return &Outbox{
		pending: make(map[slot]*agentv1.ConnectRequest),
		events:  newEventLog(maxEvents),
		ready:   make(chan struct{}, 1),
		renew:   make(chan string, 1),
	}
}

// Ack puts an answer to an Apply or Delete in the outbox.
func (o *Outbox) Ack(ack *agentv1.Ack) {
	o.put(slotOf("ack", ack.GetRef(), ack.GetOwnerUid()),
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: ack}})
}

// Status puts the status of an object in the outbox.
func (o *Outbox) Status(report *agentv1.StatusReport) {
	o.put(slotOf("status", report.GetRef(), report.GetOwnerUid()),
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Status{Status: report}})
}

// Namespaces puts the list of namespaces in the outbox.
func (o *Outbox) Namespaces(report *agentv1.NamespacesReport) {
	o.put(slot{what: "namespaces"},
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Namespaces{Namespaces: report}})
}

// ResultPage puts an answer to a FetchResults in the outbox. Nobody waits for it
// any more once the session has ended.
func (o *Outbox) ResultPage(page *agentv1.ResultPage) {
	o.put(slot{what: "results", name: page.GetRequestId()},
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_ResultPage{ResultPage: page}})
}

// TunnelReply puts a part of the answer to a TunnelRequest in the outbox. How
// much of a body waits is for the one who calls to bound, as the protocol's
// window does.
func (o *Outbox) TunnelReply(reply *agentv1.TunnelReply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.muted {
		return
	}
	o.tunnels.add(reply)
	o.wake()
}

// Event puts an event in the outbox, where it stays until the control plane
// has acknowledged it. An event whose id is there already is dropped.
func (o *Outbox) Event(report *agentv1.EventReport) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.muted {
		return
	}
	o.events.add(report)
	o.wake()
}

// Renew asks for a new session at once, whose Hello says anew what the
// cluster holds.
func (o *Outbox) Renew(reason string) {
	select {
	case o.renew <- reason:
	default: // one is asked for already
	}
}

// DroppedEvents is how many events were dropped for want of room.
func (o *Outbox) DroppedEvents() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events.dropped
}

func (o *Outbox) put(s slot, m *agentv1.ConnectRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.muted {
		return
	}
	if _, waiting := o.pending[s]; !waiting {
		o.order = append(o.order, s)
	}
	o.pending[s] = m
	o.wake()
}

func (o *Outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// next takes the next message to send; nil where there is none.
func (o *Outbox) next() *agentv1.ConnectRequest {
	o.mu.Lock()
	defer o.mu.Unlock()
	sources := [...]func() *agentv1.ConnectRequest{o.nextEvent, o.nextState, o.nextReply}
	var m *agentv1.ConnectRequest
	for i := 0; i < len(sources) && m == nil; i++ {
		m = sources[o.turn]()
		o.turn = (o.turn + 1) % len(sources)
	}
	if m != nil {
		o.wake() // there may be more
	}
	return m
}

func (o *Outbox) nextState() *agentv1.ConnectRequest {
	if len(o.order) == 0 {
		return nil
	}
	s := o.order[0]
	o.order = o.order[1:]
	m := o.pending[s]
	delete(o.pending, s)
	return m
}

func (o *Outbox) nextEvent() *agentv1.ConnectRequest {
	e, ok := o.events.next()
	if !ok {
		return nil
	}
	return &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Event{Event: e}}
}

func (o *Outbox) nextReply() *agentv1.ConnectRequest {
	reply := o.tunnels.next()
	if reply == nil {
		return nil
	}
	return &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_TunnelReply{TunnelReply: reply}}
}

// begin prepares for a session that has just been welcomed. Everything but
// events is forgotten: it speaks of before the session, and the new Hello and
// what follows it say the same or better. Every event that is not acknowledged
// is sent again.
func (o *Outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = false
	o.order = nil
	clear(o.pending)
	o.tunnels.clear()
	o.events.rewind()
	o.wake()
}

// renewing says that a new session is about to be described, which is what
// earlier calls of Renew asked for.
func (o *Outbox) renewing() {
	select {
	case <-o.renew:
	default:
	}
}

// mute forgets everything, events too, and takes nothing more until a session
// begins: the cluster is decommissioned.
func (o *Outbox) mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = true
	o.order = nil
	clear(o.pending)
	o.tunnels.clear()
	o.events.clear()
}

// acknowledged forgets an event that the control plane has stored.
func (o *Outbox) acknowledged(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events.remove(id)
}
