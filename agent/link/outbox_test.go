package link

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// drain returns what the outbox would send, in order.
func drain(o *Outbox) []string {
	var sent []string
	for m := o.next(); m != nil; m = o.next() {
		switch {
		case m.GetAck() != nil:
			sent = append(sent, "ack "+m.GetAck().GetRef().GetName()+" of "+m.GetAck().GetOwnerUid()+": "+m.GetAck().GetReason())
		case m.GetStatus() != nil:
			sent = append(sent, "status "+m.GetStatus().GetRef().GetName()+": "+m.GetStatus().GetStatus())
		case m.GetNamespaces() != nil:
			sent = append(sent, fmt.Sprint("namespaces ", m.GetNamespaces().GetNames()))
		case m.GetEvent() != nil:
			sent = append(sent, "event "+m.GetEvent().GetId())
		}
	}
	return sent
}

func TestOutbox(t *testing.T) {
	ack := func(name, owner, reason string) *agentv1.Ack {
		return &agentv1.Ack{Ref: ref(name), OwnerUid: owner, Reason: reason}
	}
	state := func(name, s string) *agentv1.StatusReport {
		return &agentv1.StatusReport{Ref: ref(name), Status: s}
	}
	tests := map[string]struct {
		fill func(*Outbox)
		want []string
	}{
		"nothing in, nothing out": {func(*Outbox) {}, nil},
		"the newest of a slot takes the place of the first": {
			func(o *Outbox) {
				o.Status(state("a", "1"))
				o.Status(state("b", "1"))
				o.Status(state("a", "2"))
			},
			[]string{"status a: 2", "status b: 1"},
		},
		"what was replaced holds up nothing behind it": {
			func(o *Outbox) {
				o.Status(state("a", "1"))
				o.Status(state("a", "2"))
				o.Status(state("b", "1"))
			},
			[]string{"status a: 2", "status b: 1"},
		},
		"an event that occurs again takes the place of what was not acknowledged": {
			func(o *Outbox) {
				o.Event(&agentv1.EventReport{Id: "u/1", Series: "u", Count: 1})
				o.next()
				o.Event(&agentv1.EventReport{Id: "once"})
				o.Event(&agentv1.EventReport{Id: "u/2", Series: "u", Count: 2})
				o.Event(&agentv1.EventReport{Id: "u/3", Series: "u", Count: 3})
				o.acknowledged("u/1")
				o.begin()
			},
			[]string{"event once", "event u/3"},
		},
		"an ack does not replace a status": {
			func(o *Outbox) {
				o.Status(state("a", "last words"))
				o.Ack(ack("a", "u1", "gone"))
			},
			[]string{"status a: last words", "ack a of u1: gone"},
		},
		"acks for two owners of one name both count": {
			func(o *Outbox) {
				o.Ack(ack("a", "old", "gone"))
				o.Ack(ack("a", "new", "there"))
			},
			[]string{"ack a of old: gone", "ack a of new: there"},
		},
		"namespaces are one slot": {
			func(o *Outbox) {
				o.Namespaces(&agentv1.NamespacesReport{Names: []string{"a"}})
				o.Namespaces(&agentv1.NamespacesReport{Names: []string{"a", "b"}})
			},
			[]string{"namespaces [a b]"},
		},
		"state and events take turns": {
			func(o *Outbox) {
				for i := range 2 {
					o.Status(state(fmt.Sprint(i), "s"))
					o.Event(&agentv1.EventReport{Id: fmt.Sprint(i)})
				}
			},
			[]string{"event 0", "status 0: s", "event 1", "status 1: s"},
		},
		"an event is sent once a session": {
			func(o *Outbox) {
				o.Event(&agentv1.EventReport{Id: "a"})
				o.next()
				o.Event(&agentv1.EventReport{Id: "a"})
				o.Event(&agentv1.EventReport{Id: "b"})
			},
			[]string{"event b"},
		},
		"a new session forgets state and repeats events": {
			func(o *Outbox) {
				o.Event(&agentv1.EventReport{Id: "a"})
				o.Status(state("a", "1"))
				o.next()
				o.next()
				o.Status(state("a", "2"))
				o.begin()
			},
			[]string{"event a"},
		},
		"an acknowledged event is not repeated": {
			func(o *Outbox) {
				for _, id := range []string{"a", "b", "c"} {
					o.Event(&agentv1.EventReport{Id: id})
					o.next()
				}
				o.acknowledged("b")
				o.acknowledged("of another process")
				o.begin()
			},
			[]string{"event a", "event c"},
		},
		"acknowledging what was sent last leaves the rest to be sent": {
			func(o *Outbox) {
				for _, id := range []string{"a", "b", "c"} {
					o.Event(&agentv1.EventReport{Id: id})
				}
				o.next()
				o.next()
				o.acknowledged("b")
			},
			[]string{"event c"},
		},
		"events have a bound, and the oldest go": {
			func(o *Outbox) {
				for i := range 6 {
					o.Event(&agentv1.EventReport{Id: fmt.Sprint(i)})
				}
			},
			[]string{"event 2", "event 3", "event 4", "event 5"},
		},
		"an event dropped after it was sent leaves the others in order": {
			func(o *Outbox) {
				for i := range 4 {
					o.Event(&agentv1.EventReport{Id: fmt.Sprint(i)})
				}
				o.next()
				o.Event(&agentv1.EventReport{Id: "4"})
			},
			[]string{"event 1", "event 2", "event 3", "event 4"},
		},
		"nothing is left of a decommissioned cluster": {
			func(o *Outbox) {
				o.Event(&agentv1.EventReport{Id: "a"})
				o.Status(state("a", "1"))
				o.suspend()
				o.Event(&agentv1.EventReport{Id: "b"})
				o.Status(state("b", "1"))
			},
			nil,
		},
		"a cluster that is active again is heard": {
			func(o *Outbox) {
				o.suspend()
				o.begin()
				o.Status(state("b", "1"))
			},
			[]string{"status b: 1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := NewOutbox(4)
			test.fill(o)
			if diff := cmp.Diff(test.want, drain(o)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOutboxCountsTheEventsItDrops(t *testing.T) {
	o := NewOutbox(2)
	for i := range 5 {
		o.Event(&agentv1.EventReport{Id: fmt.Sprint(i)})
	}
	if got := o.DroppedEvents(); got != 3 {
		t.Errorf("%d events are counted as dropped; want 3", got)
	}
}

func TestAHelloFulfilsEarlierRequestsToRenew(t *testing.T) {
	o := NewOutbox(1)
	o.Renew("first")
	o.Renew("second")
	o.clearRenewal()
	select {
	case reason := <-o.renew:
		t.Errorf("%q is still requested", reason)
	default:
	}
}
