package link

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// quick makes a link retry as fast as a test wants it to.
var quick = Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond, RefusedMin: 150 * time.Millisecond, RefusedMax: 200 * time.Millisecond}

// fleet is a control plane that does what the test says, one session at a time.
type fleet struct {
	agentv1.UnimplementedFleetServiceServer
	address  string
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

// serve runs a control plane on a socket until the test ends.
func serve(t *testing.T) *fleet {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{address: listener.Addr().String(), sessions: make(chan *peer)}
	server := grpc.NewServer()
	agentv1.RegisterFleetServiceServer(server, f)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return f
}

// next waits for the agent to open a session.
func (f *fleet) next(t *testing.T) *peer {
	t.Helper()
	select {
	case p := <-f.sessions:
		return p
	case <-time.After(patience):
		t.Fatal("the agent opened no session")
		return nil
	}
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
	select {
	case r := <-results:
		if r.err != nil {
			t.Fatalf("receive from the agent: %v", r.err)
		}
		return r.m
	case <-time.After(patience):
		t.Fatal("the agent said nothing")
		return nil
	}
}

// until receives, and answers heartbeats, until a message is accepted.
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

// handler writes down what it is told.
type handler struct {
	calls chan string
	// helloErr, where it is set, is what Hello fails with.
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

func (h *handler) Welcome(epoch int64, decommissioned bool) {
	call := "Welcome " + string(rune('0'+epoch))
	if decommissioned {
		call += " decommissioned"
	}
	h.calls <- call
}
func (h *handler) Apply(a *agentv1.Apply)   { h.calls <- "Apply " + a.GetRef().GetName() }
func (h *handler) Delete(m *agentv1.Delete) { h.calls <- "Delete " + m.GetRef().GetName() }
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
		select {
		case got := <-h.calls:
			if got != w {
				t.Fatalf("the handler was told %q; want %q", got, w)
			}
		case <-time.After(patience):
			t.Fatalf("the handler was not told %q", w)
		}
	}
}

// agent is a running link.
type agent struct {
	*handler
	outbox *Outbox
	log    *logbook
	stop   func()
}

// run runs a link to an address until the test ends.
func run(t *testing.T, address string, adjust ...func(*Config)) *agent {
	t.Helper()
	a := &agent{handler: newHandler(), outbox: NewOutbox(1000), log: &logbook{}}
	config := Config{
		Target: "passthrough:///" + address,
		Dial: func() ([]grpc.DialOption, error) {
			return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, nil
		},
		Handler: a.handler,
		Outbox:  a.outbox,
		Log:     slog.New(slog.NewTextHandler(a.log, nil)),
		Backoff: quick,
	}
	for _, f := range adjust {
		f(&config)
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

// logbook keeps what was logged.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func ref(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "default", Name: name}
}

func isAck(m *agentv1.ConnectRequest) bool       { return m.GetAck() != nil }
func isEvent(m *agentv1.ConnectRequest) bool     { return m.GetEvent() != nil }
func isHeartbeat(m *agentv1.ConnectRequest) bool { return m.GetHeartbeat() != nil }
