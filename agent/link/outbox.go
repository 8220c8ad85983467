package link

import (
	"sync"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// slot identifies what a message is the state of. A newer message of the same
// slot replaces one that has not been sent yet.
type slot struct {
	message    string // "ack", "status", "namespaces" or "results"
	apiVersion string
	kind       string
	namespace  string
	name       string
	owner      string
}

func slotOf(message string, ref *agentv1.ObjectRef, owner string) slot {
	return slot{
		message:    message,
		apiVersion: ref.GetApiVersion(),
		kind:       ref.GetKind(),
		namespace:  ref.GetNamespace(),
		name:       ref.GetName(),
		owner:      owner,
	}
}

// Outbox holds the messages of the agent until a session can send them. It holds
// the newest message of each slot and a bounded number of events, so memory is
// bounded if the control plane is slow or unreachable.
//
// Its methods never block and may be called at any time, by anyone.
type Outbox struct {
	mu      sync.Mutex
	order   []slot // of pending, oldest first
	pending map[slot]*agentv1.ConnectRequest
	events  eventLog
	tunnels tunnelReplies
	// suspended is true while the cluster is decommissioned: nothing is sent.
	suspended bool
	// outcomes counts the Acks that were added.
	outcomes map[agentv1.Outcome]int64
	// source is the next one to send from, in turn, so that none starves.
	source int

	ready chan struct{} // holds a token while there may be messages
	renew chan string   // holds why a new session is requested
}

// NewOutbox returns an empty outbox that keeps at most maxEvents events.
func NewOutbox(maxEvents int) *Outbox {
	return &Outbox{
		pending:  make(map[slot]*agentv1.ConnectRequest),
		outcomes: make(map[agentv1.Outcome]int64),
		events:   newEventLog(maxEvents),
		ready:    make(chan struct{}, 1),
		renew:    make(chan string, 1),
	}
}

// Ack adds the reply to an Apply or Delete.
func (o *Outbox) Ack(ack *agentv1.Ack) {
	o.count(ack.GetOutcome())
	o.put(slotOf("ack", ack.GetRef(), ack.GetOwnerUid()),
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: ack}})
}

// Status adds the status of an object.
func (o *Outbox) Status(report *agentv1.StatusReport) {
	o.put(slotOf("status", report.GetRef(), report.GetOwnerUid()),
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Status{Status: report}})
}

// Namespaces adds the list of namespaces.
func (o *Outbox) Namespaces(report *agentv1.NamespacesReport) {
	o.put(slot{message: "namespaces"},
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Namespaces{Namespaces: report}})
}

// ResultPage adds the reply to a FetchResults of the session.
func (o *Outbox) ResultPage(page *agentv1.ResultPage) {
	o.put(slot{message: "results", name: page.GetRequestId()},
		&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_ResultPage{ResultPage: page}})
}

// TunnelReply adds a part of the reply to a TunnelRequest. The caller bounds how
// much of a body is waiting, by the window of the protocol.
func (o *Outbox) TunnelReply(reply *agentv1.TunnelReply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.suspended {
		return
	}
	o.tunnels.add(reply)
	o.wake()
}

// Event adds an event, which is kept until the control plane has acknowledged it.
// An event with the same id as another one is dropped, and one of the same series
// replaces it.
func (o *Outbox) Event(report *agentv1.EventReport) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.suspended {
		return
	}
	o.events.add(report)
	o.wake()
}

// Renew requests a new session, whose Hello describes the cluster again.
func (o *Outbox) Renew(reason string) {
	select {
	case o.renew <- reason:
	default: // one is already requested
	}
}

// DroppedEvents is the number of events that were dropped because there were too
// many.
func (o *Outbox) DroppedEvents() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events.dropped
}

// Waiting is the number of reports that wait to be sent or, in the case of events,
// acknowledged.
func (o *Outbox) Waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.order) + o.events.entries.Len()
}

// Acks is the number of Acks with an outcome that were added.
func (o *Outbox) Acks(outcome agentv1.Outcome) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.outcomes[outcome]
}

func (o *Outbox) count(outcome agentv1.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[outcome]++
}

func (o *Outbox) put(s slot, m *agentv1.ConnectRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.suspended {
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

// next removes and returns the next message to send; nil if there is none.
func (o *Outbox) next() *agentv1.ConnectRequest {
	o.mu.Lock()
	defer o.mu.Unlock()
	sources := [...]func() *agentv1.ConnectRequest{o.nextEvent, o.nextState, o.nextReply}
	var m *agentv1.ConnectRequest
	for i := 0; i < len(sources) && m == nil; i++ {
		m = sources[o.source]()
		o.source = (o.source + 1) % len(sources)
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
	e := o.events.next()
	if e == nil {
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

// begin prepares for a session that was just welcomed. All messages except events
// are dropped, since the new Hello and what follows it replace them. Events that
// were not acknowledged are sent again.
func (o *Outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.suspended = false
	o.clear()
	o.events.rewind()
	o.wake()
}

// clearRenewal drops the request for a new session, since one is about to start.
func (o *Outbox) clearRenewal() {
	select {
	case <-o.renew:
	default:
	}
}

// suspend drops everything, including events, and accepts nothing until a session
// begins: the cluster is decommissioned.
func (o *Outbox) suspend() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.suspended = true
	o.clear()
	o.events.clear()
}

// clear drops all messages except events. The caller holds o.mu.
func (o *Outbox) clear() {
	o.order = nil
	clear(o.pending)
	o.tunnels.clear()
}

// acknowledged drops an event that the control plane has stored.
func (o *Outbox) acknowledged(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events.remove(id)
}
