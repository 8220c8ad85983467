package link

import (
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxPiece is the maximum part of a body in one message, in bytes, as specified
// by the protocol.
const maxPiece = 32 << 10

// tunnelReplies are the parts of replies that wait to be sent. Requests take
// turns, one piece each, and small parts of a body are joined, so memory is
// bounded by the windows of the requests.
type tunnelReplies struct {
	waiting map[string]*tunnelReply
	order   []string // of waiting
}

// tunnelReply is the waiting part of one reply.
type tunnelReply struct {
	head *cmfv1.FlinkWebUIHead
	body []byte
	end  *agentv1.TunnelEnd
}

func (r *tunnelReplies) add(m *agentv1.TunnelReply) {
	id := m.GetRequestId()
	reply := r.waiting[id]
	if reply == nil {
		if r.waiting == nil {
			r.waiting = map[string]*tunnelReply{}
		}
		reply = &tunnelReply{}
		r.waiting[id] = reply
		r.order = append(r.order, id)
	}
	switch part := m.GetPart().(type) {
	case *agentv1.TunnelReply_Head:
		reply.head = part.Head
	case *agentv1.TunnelReply_Body:
		reply.body = append(reply.body, part.Body...)
	case *agentv1.TunnelReply_End:
		reply.end = part.End
		if part.End.GetFailure() == agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED {
			reply.head, reply.body = nil, nil // no longer needed
		}
	}
}

// next removes and returns the next part; nil if there is none.
func (r *tunnelReplies) next() *agentv1.TunnelReply {
	if len(r.order) == 0 {
		r.order = nil
		return nil
	}
	id := r.order[0]
	r.order = r.order[1:]
	reply := r.waiting[id]
	out := &agentv1.TunnelReply{RequestId: id}
	switch {
	case reply.head != nil:
		out.Part = &agentv1.TunnelReply_Head{Head: reply.head}
		reply.head = nil
	case len(reply.body) > 0:
		size := min(len(reply.body), maxPiece)
		out.Part = &agentv1.TunnelReply_Body{Body: reply.body[:size:size]}
		reply.body = reply.body[size:]
	default:
		out.Part = &agentv1.TunnelReply_End{End: reply.end}
		reply.end = nil
	}
	if reply.head == nil && len(reply.body) == 0 && reply.end == nil {
		delete(r.waiting, id)
	} else {
		r.order = append(r.order, id)
	}
	return out
}

func (r *tunnelReplies) clear() {
	r.order = nil
	clear(r.waiting)
}

// noTunnel is the tunnel of agents that cannot reach Flink clusters.
type noTunnel struct{ outbox *Outbox }

var _ Tunnel = noTunnel{}

func (n noTunnel) Open(m *agentv1.TunnelRequest) {
	n.outbox.TunnelReply(&agentv1.TunnelReply{RequestId: m.GetRequestId(), Part: &agentv1.TunnelReply_End{End: &agentv1.TunnelEnd{
		Failure: agentv1.TunnelFailure_TUNNEL_FAILURE_UNSUPPORTED,
		Message: "This agent cannot reach Flink clusters.",
	}}})
}
func (noTunnel) Credit(*agentv1.TunnelCredit) {}
func (noTunnel) Cancel(*agentv1.TunnelCancel) {}
func (noTunnel) Reset()                       {}
