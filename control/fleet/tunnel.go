package fleet

import (
	"context"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/openweir/weir/control/apierror"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const (
	// tunnelWindow is how much of a body may be on its way from an agent, or
	// wait here, in bytes. It is a round trip's worth: 250 ms at 1 MiB/s.
	tunnelWindow = 256 << 10
	// maxTunnels is how many requests of a session may be under way, as the
	// protocol has it.
	maxTunnels = 64
	// tunnelPatience bounds how long an agent may be silent although it may send.
	// An agent stops waiting for Flink before that; one that is older than tunnels
	// does not answer.
	tunnelPatience = 75 * time.Second
)

// FetchFlinkWebUI has the agent of a cluster, which has to be connected to this
// replica, fetch from Flink's REST API. send gets the head, then the body in
// pieces; while it blocks, no more than a window of the body waits.
func (s *Sessions) FetchFlinkWebUI(ctx context.Context, cluster string, request *agentv1.TunnelRequest, send func(*cmfv1.FetchFlinkWebUIResponse) error) error {
	if err := checkTunnelRequest(request); err != nil {
		return err
	}
	session := s.of(cluster)
	if session == nil {
		replica, err := s.unreachable(cluster, "reach web UIs there", "no web UI can be reached there")
		if replica != "" {
			// It fails if the context is not a server's, and then nobody reads it.
			_ = grpc.SetTrailer(ctx, metadata.Pairs(replicaTrailer, replica))
		}
		return err
	}
	request.RequestId = uuid.NewString()
	request.Window = tunnelWindow
	t := newTunnel()
	if !session.tunnels.open(request.GetRequestId(), t) {
		return apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' already has %d active requests for web UIs. Try again.", cluster, maxTunnels)
	}
	if err := session.request(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_TunnelRequest{TunnelRequest: request}}); err != nil {
		session.tunnels.remove(request.GetRequestId())
		return err
	}
	err := session.relay(ctx, request.GetRequestId(), t, send)
	if !t.abandon() {
		session.enqueue(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_TunnelCancel{TunnelCancel: &agentv1.TunnelCancel{RequestId: request.GetRequestId()}}})
	}
	return err
}

// checkTunnelRequest refuses strings that cannot be sent: a message with one would end
// the session of the agent. Callers of the same process can send any.
func checkTunnelRequest(request *agentv1.TunnelRequest) error {
	texts := []string{request.GetMethod(), request.GetPath(), request.GetQuery()}
	for _, header := range request.GetHeaders() {
		texts = append(texts, header.GetName(), header.GetValue())
	}
	if slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
		return apierror.Invalid("The path, the query and the headers of a request for a web UI must be UTF-8.")
	}
	return nil
}

// replicaTrailer names the replica that could have answered, for a gateway that
// reaches several.
const replicaTrailer = "weir-replica"

// relay passes on an answer until its end.
func (s *session) relay(ctx context.Context, id string, t *tunnel, send func(*cmfv1.FetchFlinkWebUIResponse) error) error {
	silence := time.NewTimer(tunnelPatience)
	defer silence.Stop()
	owed := int64(0)
	for {
		part := t.take()
		if part.broken {
			return apierror.BadGateway("The agent of Kubernetes cluster '%s' has violated the protocol.", s.cluster)
		}
		if part.head != nil {
			if err := send(&cmfv1.FetchFlinkWebUIResponse{Part: &cmfv1.FetchFlinkWebUIResponse_Head{Head: part.head}}); err != nil {
				return err
			}
		}
		if len(part.body) > 0 {
			if err := send(&cmfv1.FetchFlinkWebUIResponse{Part: &cmfv1.FetchFlinkWebUIResponse_Body{Body: part.body}}); err != nil {
				return err
			}
			owed += int64(len(part.body))
		}
		if part.end != nil {
			return endOf(part.end)
		}
		if owed >= tunnelWindow/2 {
			s.enqueue(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_TunnelCredit{TunnelCredit: &agentv1.TunnelCredit{RequestId: id, Bytes: owed}}})
			owed = 0
		}
		if part.more {
			continue
		}
		silence.Reset(tunnelPatience)
		select {
		case <-t.ready:
		case <-s.stream.Context().Done():
			return apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' was disconnected before the response was complete. Try again.", s.cluster)
		case <-silence.C:
			return apierror.Timeout("The agent of Kubernetes cluster '%s' has sent nothing for %s. It may be older than the web UI's tunnel.", s.cluster, tunnelPatience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// endOf is what the end of an answer means to the client; nil where the answer
// is complete.
func endOf(end *agentv1.TunnelEnd) error {
	switch end.GetFailure() {
	case agentv1.TunnelFailure_TUNNEL_FAILURE_UNSPECIFIED:
		return nil
	case agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID:
		return apierror.Invalid(end.GetMessage())
	case agentv1.TunnelFailure_TUNNEL_FAILURE_FORBIDDEN:
		return apierror.Forbidden("%s", end.GetMessage())
	case agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER:
		return apierror.BadGateway("%s", end.GetMessage())
	case agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT:
		return apierror.Timeout("%s", end.GetMessage())
	default:
		return apierror.Unavailable(nil, "%s", end.GetMessage())
	}
}

// tunnels are the requests of a session that the agent has not ended yet.
type tunnels struct {
	mu       sync.Mutex
	underWay map[string]*tunnel // by request
}

// open returns false if there is no room for one more.
func (t *tunnels) open(id string, added *tunnel) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.underWay) >= maxTunnels {
		return false
	}
	if t.underWay == nil {
		t.underWay = map[string]*tunnel{}
	}
	t.underWay[id] = added
	return true
}

// remove takes back a request that was not sent.
func (t *tunnels) remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.underWay, id)
}

// answer takes a part of an answer. It never waits. An abandoned request counts
// until its end has come too, so that clients cannot give an agent more work than
// that of so many requests.
func (t *tunnels) answer(reply *agentv1.TunnelReply) {
	t.mu.Lock()
	to := t.underWay[reply.GetRequestId()]
	if reply.GetEnd() != nil {
		delete(t.underWay, reply.GetRequestId())
	}
	t.mu.Unlock()
	if to != nil {
		to.put(reply)
	}
}

// tunnel is one answer on its way from the agent to a client.
type tunnel struct {
	mu        sync.Mutex
	head      *cmfv1.FlinkWebUIHead
	body      []byte
	end       *agentv1.TunnelEnd
	begun     bool  // the head came
	ended     bool  // the end came
	abandoned bool  // nobody waits any more
	broken    bool  // the agent does not follow the protocol
	window    int64 // how much of the body the agent may still send
	ready     chan struct{}
}

func newTunnel() *tunnel {
	return &tunnel{window: tunnelWindow, ready: make(chan struct{}, 1)}
}

func (t *tunnel) put(reply *agentv1.TunnelReply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch part := reply.GetPart().(type) {
	case *agentv1.TunnelReply_End:
		t.end, t.ended = part.End, true
	case *agentv1.TunnelReply_Head:
		t.broken = t.broken || t.begun
		t.head, t.begun = part.Head, true
	case *agentv1.TunnelReply_Body:
		t.window -= int64(len(part.Body))
		t.broken = t.broken || !t.begun || t.window < 0
		if !t.broken && !t.abandoned {
			t.body = append(t.body, part.Body...)
		}
	}
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// part is what waits of an answer.
type part struct {
	head   *cmfv1.FlinkWebUIHead
	body   []byte
	end    *agentv1.TunnelEnd // not before all of the body
	more   bool
	broken bool
}

// maxPart is how much of a body is passed on at once, in bytes.
const maxPart = 32 << 10

// take takes the next part. The agent may send as much again as is taken of the
// body; the caller has to grant it that.
func (t *tunnel) take() part {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := part{head: t.head, broken: t.broken}
	t.head = nil
	size := min(len(t.body), maxPart)
	p.body, t.body = t.body[:size:size], t.body[size:]
	t.window += int64(size)
	if len(t.body) > 0 {
		p.more = true
		return p
	}
	t.body = nil
	p.end = t.end
	return p
}

// abandon drops what waits and what is still to come, and returns whether the end
// has come.
func (t *tunnel) abandon() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abandoned, t.body = true, nil
	return t.ended
}
