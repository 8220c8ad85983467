package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// session is one stream. One goroutine receives and one sends. A timer ends both
// if the peer no longer replies, which neither can detect while blocked.
type session struct {
	handler   Handler
	outbox    *Outbox
	fetch     func(*agentv1.FetchResults)
	tunnel    Tunnel
	log       *slog.Logger
	timeout   time.Duration // until Welcome
	connected *atomic.Bool  // set from Welcome on
	welcomed  bool          // not to be read before run has returned
	idle      bool          // the cluster is decommissioned; used by the receiver only
}

type stream = grpc.BidiStreamingClient[agentv1.ConnectRequest, agentv1.ConnectResponse]

// run runs the session until it ends and returns why it did.
func (s *session) run(parent context.Context, fleet agentv1.FleetServiceClient, hello *agentv1.Hello) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)

	welcomeBy := time.AfterFunc(s.timeout, func() {
		cancel(fmt.Errorf("no Welcome received within %s", s.timeout))
	})
	defer welcomeBy.Stop()

	stream, err := fleet.Connect(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	first := &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Hello{Hello: hello}}
	// If Send fails with io.EOF, Recv returns the cause.
	if err := stream.Send(first); err != nil && !errors.Is(err, io.EOF) {
		return causeOf(ctx, fmt.Errorf("send Hello: %w", err))
	}
	reply, err := stream.Recv()
	if err != nil {
		return causeOf(ctx, err)
	}
	welcome := reply.GetWelcome()
	if welcome == nil {
		return fmt.Errorf("the control plane replied to Hello with %T instead of Welcome", reply.GetMessage())
	}
	welcomeBy.Stop()
	s.welcome(welcome)

	heartbeats := newHeartbeats(welcome.GetNextHeartbeat().AsDuration(), cancel)
	defer heartbeats.stop()
	var group sync.WaitGroup
	group.Go(func() { cancel(s.receive(stream, heartbeats)) })
	group.Go(func() {
		if err := s.send(ctx, stream, heartbeats); err != nil {
			cancel(err)
		}
	})
	group.Wait()
	return context.Cause(ctx)
}

// causeOf returns why the session was cancelled, or else the error.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (s *session) welcome(w *agentv1.Welcome) {
	s.welcomed = true
	s.connected.Store(true)
	s.outbox.begin()
	s.idle = w.GetLifecycle().GetDecommissioned()
	if s.idle {
		s.outbox.suspend()
	}
	s.log.Info("session with the control plane started", "epoch", w.GetEpoch(),
		"controlPlaneVersion", w.GetServerVersion(), "decommissioned", s.idle)
	if dropped := s.outbox.DroppedEvents(); dropped > 0 {
		s.log.Warn("events were dropped because too many were not acknowledged", "count", dropped)
	}
	s.handler.Welcome(w.GetInstallation(), w.GetEpoch(), w.GetRestored(), s.idle)
}

// receive passes messages to the handler until the stream ends.
func (s *session) receive(stream stream, heartbeats *heartbeats) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("the control plane ended the session")
		}
		if err != nil {
			return err
		}
		heartbeats.received()
		switch m := m.GetMessage().(type) {
		case *agentv1.ConnectResponse_HeartbeatReply:
			heartbeats.replied(m.HeartbeatReply.GetNextHeartbeat().AsDuration())
		case *agentv1.ConnectResponse_EventAck:
			s.outbox.acknowledged(m.EventAck.GetId())
		case *agentv1.ConnectResponse_Lifecycle:
			s.lifecycle(m.Lifecycle.GetDecommissioned())
		case *agentv1.ConnectResponse_Apply:
			if !s.idle {
				s.handler.Apply(m.Apply)
			}
		case *agentv1.ConnectResponse_Delete:
			if !s.idle {
				s.handler.Delete(m.Delete)
			}
		case *agentv1.ConnectResponse_Orphan:
			if !s.idle {
				s.handler.Orphan(m.Orphan)
			}
		case *agentv1.ConnectResponse_FetchResults:
			if !s.idle {
				s.fetch(m.FetchResults)
			}
		case *agentv1.ConnectResponse_TunnelRequest:
			if !s.idle {
				s.tunnel.Open(m.TunnelRequest)
			}
		case *agentv1.ConnectResponse_TunnelCredit:
			s.tunnel.Credit(m.TunnelCredit)
		case *agentv1.ConnectResponse_TunnelCancel:
			s.tunnel.Cancel(m.TunnelCancel)
		case *agentv1.ConnectResponse_Synced:
			s.handler.Synced()
		case *agentv1.ConnectResponse_Welcome:
			s.log.Warn("ignoring a second Welcome in one session")
		default:
			// From a newer control plane.
			s.log.Debug("ignoring a message of unknown type")
		}
	}
}

// lifecycle handles a change of the cluster's lifecycle. An active cluster starts
// with a new session, since nothing was watched while it was decommissioned.
func (s *session) lifecycle(decommissioned bool) {
	switch {
	case decommissioned && !s.idle:
		s.log.Info("the cluster was decommissioned; the agent is idle")
		s.idle = true
		s.handler.Decommissioned()
		s.outbox.suspend()
		s.tunnel.Reset()
	case !decommissioned && s.idle:
		s.outbox.Renew("the cluster is active again")
	}
}

// send sends messages until ctx ends. It returns nil if the stream has failed: the
// receiver gets the error.
func (s *session) send(ctx context.Context, stream stream, heartbeats *heartbeats) error {
	for {
		var m *agentv1.ConnectRequest
		select {
		case <-ctx.Done():
			return nil
		case reason := <-s.outbox.renew:
			return fmt.Errorf("%w: %s", errRenew, reason)
		case <-heartbeats.due():
			heartbeats.sent()
			m = &agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Heartbeat{Heartbeat: s.handler.Heartbeat()}}
		case <-s.outbox.ready:
			m = s.outbox.next()
		}
		if m != nil && stream.Send(m) != nil {
			return nil
		}
	}
}
