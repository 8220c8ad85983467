package link

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// tunnel records its calls.
type tunnel struct{ calls chan string }

func (u tunnel) Open(m *agentv1.TunnelRequest)  { u.calls <- "Open " + m.GetRequestId() }
func (u tunnel) Credit(m *agentv1.TunnelCredit) { u.calls <- fmt.Sprint("Credit ", m.GetBytes()) }
func (u tunnel) Cancel(m *agentv1.TunnelCancel) { u.calls <- "Cancel " + m.GetRequestId() }
func (u tunnel) Reset()                         { u.calls <- "Reset" }

func opening(id string) *agentv1.ConnectResponse {
	return &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_TunnelRequest{TunnelRequest: &agentv1.TunnelRequest{RequestId: id}}}
}

func headPart(id string) *agentv1.TunnelReply {
	return &agentv1.TunnelReply{RequestId: id, Part: &agentv1.TunnelReply_Head{Head: &cmfv1.FlinkWebUIHead{Status: 200}}}
}

func bodyPart(id string, body []byte) *agentv1.TunnelReply {
	return &agentv1.TunnelReply{RequestId: id, Part: &agentv1.TunnelReply_Body{Body: body}}
}

func endPart(id string, failure agentv1.TunnelFailure) *agentv1.TunnelReply {
	return &agentv1.TunnelReply{RequestId: id, Part: &agentv1.TunnelReply_End{End: &agentv1.TunnelEnd{Failure: failure}}}
}

func TestTheTunnelGetsItsMessagesAndTheEndOfTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		u := &handler{calls: make(chan string, 100)}
		a := run(t, f, func(c *Config) { c.Tunnel = tunnel{u.calls} })
		p := f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		p.send(t, opening("one"))
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_TunnelCredit{TunnelCredit: &agentv1.TunnelCredit{RequestId: "one", Bytes: 7}}})
		p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_TunnelCancel{TunnelCancel: &agentv1.TunnelCancel{RequestId: "one"}}})
		u.expect(t, "Open one", "Credit 7", "Cancel one")
		p.end <- nil
		u.expect(t, "Reset")

		p = f.welcomed(t, 2, time.Hour)
		a.expect(t, "Disconnected", "Welcome 2")
		p.lifecycle(t, true)
		p.send(t, opening("two"))
		p.lifecycle(t, false)
		a.expect(t, "Decommissioned", "Disconnected")
		u.expect(t, "Reset", "Reset")
		select {
		case call := <-u.calls:
			t.Errorf("the tunnel of a decommissioned cluster was called: %s", call)
		default:
		}
		f.next(t)
	})
}

func TestAnAgentWithoutFlinkRepliesUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t)
		a := run(t, f)
		p := f.welcomed(t, 1, time.Hour)
		a.expect(t, "Welcome 1")
		p.send(t, opening("one"))
		reply := p.receive(t).GetTunnelReply()
		if reply.GetRequestId() != "one" || reply.GetEnd().GetFailure() != agentv1.TunnelFailure_TUNNEL_FAILURE_UNSUPPORTED || reply.GetEnd().GetMessage() == "" {
			t.Errorf("answered %v", reply)
		}
	})
}

// drained are the messages that an outbox would send, in order.
func drained(o *Outbox) []*agentv1.ConnectRequest {
	var all []*agentv1.ConnectRequest
	for m := o.next(); m != nil; m = o.next() {
		all = append(all, m)
	}
	return all
}

func TestRepliesAreSentInWholePiecesAndInOrder(t *testing.T) {
	o := NewOutbox(10)
	var want []byte
	o.TunnelReply(headPart("one"))
	for i := range 3*maxPiece + 5 {
		want = append(want, byte(i))
		o.TunnelReply(bodyPart("one", []byte{byte(i)}))
	}
	o.TunnelReply(endPart("one", 0))
	var got []byte
	var shape []string
	for _, m := range drained(o) {
		switch part := m.GetTunnelReply().GetPart().(type) {
		case *agentv1.TunnelReply_Head:
			shape = append(shape, "head")
		case *agentv1.TunnelReply_Body:
			shape = append(shape, fmt.Sprint(len(part.Body)))
			got = append(got, part.Body...)
		case *agentv1.TunnelReply_End:
			shape = append(shape, "end")
		}
	}
	if fmt.Sprint(shape) != "[head 32768 32768 32768 5 end]" || !bytes.Equal(got, want) {
		t.Errorf("sent %v", shape)
	}
}

// TestBodiesDoNotDelayOtherMessages: whatever else there is to say waits for one piece
// of each of the other kinds at most, and requests take turns.
func TestBodiesDoNotDelayOtherMessages(t *testing.T) {
	o := NewOutbox(10)
	for _, id := range []string{"one", "two"} {
		o.TunnelReply(headPart(id))
		o.TunnelReply(bodyPart(id, make([]byte, 20*maxPiece)))
	}
	o.Ack(&agentv1.Ack{Ref: ref("a")})
	o.Ack(&agentv1.Ack{Ref: ref("b")})
	o.Event(&agentv1.EventReport{Id: "e"})
	sent := drained(o)
	position := map[string]int{}
	last := ""
	for i, m := range sent {
		switch {
		case m.GetAck() != nil:
			position["ack "+m.GetAck().GetRef().GetName()] = i
		case m.GetEvent() != nil:
			position["event"] = i
		case m.GetTunnelReply() != nil:
			if id := m.GetTunnelReply().GetRequestId(); id == last {
				t.Errorf("message %d is of %s again", i, id)
			} else {
				last = id
			}
		}
	}
	if position["ack a"] > 2 || position["event"] > 2 || position["ack b"] > 5 {
		t.Errorf("in %d messages the others had places %v", len(sent), position)
	}
}

func TestWaitingRepliesEndWithTheSession(t *testing.T) {
	o := NewOutbox(10)
	for i, reset := range []func(){o.begin, o.suspend} {
		o.TunnelReply(headPart("one"))
		o.TunnelReply(bodyPart("one", make([]byte, 10)))
		reset()
		if sent := drained(o); len(sent) > 0 {
			t.Errorf("left after %d: %v", i, sent)
		}
	}
	o.TunnelReply(headPart("one"))
	if sent := drained(o); len(sent) > 0 {
		t.Errorf("while the cluster is decommissioned: %v", sent)
	}
}

func TestOnlyTheEndOfACancelledReplyIsSent(t *testing.T) {
	o := NewOutbox(10)
	o.TunnelReply(headPart("one"))
	o.TunnelReply(bodyPart("one", make([]byte, 10*maxPiece)))
	o.TunnelReply(endPart("one", agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED))
	sent := drained(o)
	if len(sent) != 1 || sent[0].GetTunnelReply().GetEnd() == nil {
		t.Errorf("sent %v", sent)
	}
}
