package link

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/internal/logbuffer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fastBackoff makes a link retry fast.
var fastBackoff = Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond, RefusedMin: 150 * time.Millisecond, RefusedMax: 200 * time.Millisecond}

// fleet is a control plane under the control of the test, one session at a time.
type fleet struct {
	agentv1.UnimplementedFleetServiceServer
	listener *bufconn.Listener
	sessions chan *peer
}

// peer is the control plane's side of a session.
type peer struct {
	stream grpc.BidiStreamingServer[agentv1.ConnectRequest, agentv1.ConnectResponse]
	began  time.Time
	end    chan error
}

func (f *fleet) Connect(stream grpc.BidiStreamingServer[agentv1.ConnectRequest, agentv1.ConnectResponse]) error {
	p := &peer{stream: stream, began: time.Now(), end: make(chan error, 1)}
	select {
	case f.sessions <- p:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	select {
	case err := <-p.end:
		return err
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}

// serve runs a control plane in memory until the test ends, so that tests can
// run in a bubble of testing/synctest.
func serve(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{listener: bufconn.Listen(256 << 10), sessions: make(chan *peer)}
	server := grpc.NewServer()
	agentv1.RegisterFleetServiceServer(server, f)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(f.listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return f
}

func (f *fleet) dial(ctx context.Context, _ string) (net.Conn, error) {
	return f.listener.DialContext(ctx)
}

// next waits for the agent to open a session.
func (f *fleet) next(t *testing.T) *peer {
	t.Helper()
	return await.Receive(t, "a session of the agent", f.sessions)
}

// welcomed waits for a session and welcomes it.
func (f *fleet) welcomed(t *testing.T, epoch int64, period time.Duration) *peer {
	t.Helper()
	p := f.next(t)
	if hello := p.receive(t).GetHello(); hello == nil {
		t.Fatal("the agent's first message is no Hello")
	}
	p.welcome(t, &agentv1.Welcome{Epoch: epoch, NextHeartbeat: durationpb.New(period)})
	return p
}

// receive waits for the agent's next message.
func (p *peer) receive(t *testing.T) *agentv1.ConnectRequest {
	t.Helper()
	type result struct {
		m   *agentv1.ConnectRequest
		err error
	}
	results := make(chan result, 1)
	go func() {
		m, err := p.stream.Recv()
		results <- result{m, err}
	}()
	r := await.Receive(t, "a message of the agent", results)
	if r.err != nil {
		t.Fatalf("receive from the agent: %v", r.err)
	}
	return r.m
}

// until receives messages and replies to heartbeats until a message is accepted.
func (p *peer) until(t *testing.T, period time.Duration, accept func(*agentv1.ConnectRequest) bool) *agentv1.ConnectRequest {
	t.Helper()
	for {
		m := p.receive(t)
		if m.GetHeartbeat() != nil {
			p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_HeartbeatReply{
				HeartbeatReply: &agentv1.HeartbeatReply{NextHeartbeat: durationpb.New(period)},
			}})
		}
		if accept(m) {
			return m
		}
	}
}

func (p *peer) send(t *testing.T, m *agentv1.ConnectResponse) {
	t.Helper()
	if err := p.stream.Send(m); err != nil {
		t.Fatalf("send to the agent: %v", err)
	}
}

func (p *peer) welcome(t *testing.T, w *agentv1.Welcome) {
	t.Helper()
	p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Welcome{Welcome: w}})
}

func (p *peer) lifecycle(t *testing.T, decommissioned bool) {
	t.Helper()
	p.send(t, &agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Lifecycle{
		Lifecycle: &agentv1.Lifecycle{Decommissioned: decommissioned},
	}})
}

// handler records its calls.
type handler struct {
	calls chan string
	// helloErr, if set, returns the error of Hello.
	helloErr func() error
}

func newHandler() *handler { return &handler{calls: make(chan string, 1000)} }

func (h *handler) Hello(context.Context) (*agentv1.Hello, error) {
	if h.helloErr != nil {
		if err := h.helloErr(); err != nil {
			return nil, err
		}
	}
	return &agentv1.Hello{Cluster: "edge"}, nil
}

func (h *handler) Heartbeat() *agentv1.Heartbeat {
	return &agentv1.Heartbeat{KubernetesVersion: "v1.37.2"}
}

func (h *handler) Welcome(_ string, epoch, _ int64, decommissioned bool) {
	call := "Welcome " + string(rune('0'+epoch))
	if decommissioned {
		call += " decommissioned"
	}
	h.calls <- call
}
func (h *handler) Apply(a *agentv1.Apply)   { h.calls <- "Apply " + a.GetRef().GetName() }
func (h *handler) Delete(m *agentv1.Delete) { h.calls <- "Delete " + m.GetRef().GetName() }
func (h *handler) Orphan(m *agentv1.Orphan) { h.calls <- "Orphan " + m.GetRef().GetName() }
func (h *handler) Synced()                  { h.calls <- "Synced" }
func (h *handler) Decommissioned()          { h.calls <- "Decommissioned" }
func (h *handler) Disconnected(superseded bool) {
	if superseded {
		h.calls <- "Superseded"
		return
	}
	h.calls <- "Disconnected"
}

// expect waits for the next calls, which must be these.
func (h *handler) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := await.Receive(t, w, h.calls); got != w {
			t.Fatalf("the handler's next call is %q; want %q", got, w)
		}
	}
}

// agent is a running link.
type agent struct {
	*handler
	outbox *Outbox
	log    *logbuffer.Buffer
	stop   func()
}

// run runs a link to a control plane until the test ends.
func run(t *testing.T, f *fleet, adjust ...func(*Config)) *agent {
	t.Helper()
	a := &agent{handler: newHandler(), outbox: NewOutbox(1000), log: &logbuffer.Buffer{}}
	config := Config{
		Target: "passthrough:///fleet",
		Dial: func() ([]grpc.DialOption, error) {
			return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(f.dial)}, nil
		},
		Handler: a.handler,
		Outbox:  a.outbox,
		Log:     slog.New(slog.NewTextHandler(a.log, nil)),
		Backoff: fastBackoff,
	}
	for _, change := range adjust {
		change(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { New(config).Run(ctx) })
	a.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(a.stop)
	return a
}

func ref(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "default", Name: name}
}

func isAck(m *agentv1.ConnectRequest) bool       { return m.GetAck() != nil }
func isEvent(m *agentv1.ConnectRequest) bool     { return m.GetEvent() != nil }
func isHeartbeat(m *agentv1.ConnectRequest) bool { return m.GetHeartbeat() != nil }
