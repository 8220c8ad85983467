package tunnel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/test/bufconn"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// resolver knows one Flink cluster.
type resolver struct {
	base *url.URL
	err  error
}

func (r resolver) REST(_ context.Context, namespace, deployment string) (*url.URL, error) {
	if namespace != "flink" || deployment != "app" {
		return nil, errors.New("asked for " + namespace + "/" + deployment)
	}
	return r.base, r.err
}

func (r resolver) SQLGateway(context.Context, string, string) (*url.URL, error) {
	return nil, errors.New("not asked for")
}

// trial is a tunnel to a server that stands for Flink.
type trial struct {
	*testing.T
	*Tunnel
	mu      sync.Mutex
	replies map[string]*reply
	changed chan struct{} // closed and replaced at every reply
}

// reply is what came for one request.
type reply struct {
	head *cmfv1.FlinkWebUIHead
	body []byte
	end  *agentv1.TunnelEnd
	// largest is the size of the largest piece.
	largest int
}

func jobManager(t *testing.T, serve http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func begin(t *testing.T, serve http.HandlerFunc, adjust ...func(*Config)) *trial {
	t.Helper()
	return beginAt(t, jobManager(t, serve), adjust...)
}

// beginInMemory is begin without sockets, for a bubble of testing/synctest.
func beginInMemory(t *testing.T, serve http.HandlerFunc, adjust ...func(*Config)) *trial {
	t.Helper()
	listener, server := bufconn.Listen(64<<10), &http.Server{Handler: serve}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	tr := beginAt(t, &url.URL{Scheme: "http", Host: "127.0.0.1:8081"}, adjust...)
	tr.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return tr
}

func beginAt(t *testing.T, base *url.URL, adjust ...func(*Config)) *trial {
	t.Helper()
	tr := &trial{T: t, replies: map[string]*reply{}, changed: make(chan struct{})}
	config := Config{Resolver: resolver{base: base}, Send: tr.take, Log: slog.New(slog.DiscardHandler)}
	for _, f := range adjust {
		f(&config)
	}
	tr.Tunnel = New(config)
	t.Cleanup(tr.Close)
	return tr
}

func (tr *trial) take(m *agentv1.TunnelReply) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	r := tr.replies[m.GetRequestId()]
	if r == nil {
		r = &reply{}
		tr.replies[m.GetRequestId()] = r
	}
	if r.end != nil {
		tr.Errorf("request %s: %v came after the end", m.GetRequestId(), m)
	}
	switch part := m.GetPart().(type) {
	case *agentv1.TunnelReply_Head:
		if r.head != nil || r.body != nil {
			tr.Errorf("request %s: the head came late or twice", m.GetRequestId())
		}
		r.head = part.Head
	case *agentv1.TunnelReply_Body:
		if r.head == nil {
			tr.Errorf("request %s: the body came before the head", m.GetRequestId())
		}
		r.body = append(r.body, part.Body...)
		r.largest = max(r.largest, len(part.Body))
	case *agentv1.TunnelReply_End:
		r.end = part.End
	}
	close(tr.changed)
	tr.changed = make(chan struct{})
}

// await waits until what came for a request is as a test wants it.
func (tr *trial) await(id, what string, is func(reply) bool) reply {
	tr.Helper()
	late := time.After(await.Patience)
	for {
		tr.mu.Lock()
		var now reply
		if r := tr.replies[id]; r != nil {
			now = *r
		}
		changed := tr.changed
		tr.mu.Unlock()
		if is(now) {
			return now
		}
		select {
		case <-changed:
		case <-late:
			tr.Fatalf("request %s: no %s; got head %v, %d bytes, end %v", id, what, now.head, len(now.body), now.end)
		}
	}
}

func (tr *trial) ended(id string) reply {
	tr.Helper()
	return tr.await(id, "end", func(r reply) bool { return r.end != nil })
}

// get is a request for a path.
func get(id, path string, changes ...func(*agentv1.TunnelRequest)) *agentv1.TunnelRequest {
	m := &agentv1.TunnelRequest{
		RequestId: id, Ref: &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: "app"},
		Method: http.MethodGet, Path: path, Window: 1 << 20,
	}
	for _, f := range changes {
		f(m)
	}
	return m
}

func room(bytes int64) func(*agentv1.TunnelRequest) {
	return func(m *agentv1.TunnelRequest) { m.Window = bytes }
}

// fetch asks and waits for the end.
func (tr *trial) fetch(m *agentv1.TunnelRequest) reply {
	tr.Helper()
	tr.Open(m)
	return tr.ended(m.GetRequestId())
}

func (r reply) header(name string) string {
	for _, h := range r.head.GetHeaders() {
		if h.GetName() == name {
			return h.GetValue()
		}
	}
	return ""
}

func (tr *trial) expectFailure(what string, r reply, kind agentv1.TunnelFailure) {
	tr.Helper()
	if r.end.GetFailure() != kind || r.end.GetMessage() == "" {
		tr.Errorf("%s ended with %v, want %s and a sentence", what, r.end, kind)
	}
}
