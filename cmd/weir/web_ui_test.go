package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/openweir/weir/agent/link"
	"github.com/openweir/weir/agent/tunnel"
	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/fleet"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/gateway"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

// flinkAt is a resolver that knows one Flink cluster.
type flinkAt struct{ base *url.URL }

func (f flinkAt) REST(_ context.Context, namespace, deployment string) (*url.URL, error) {
	if namespace != "flink" || deployment != "app1" {
		return nil, fmt.Errorf("asked for %s/%s", namespace, deployment)
	}
	return f.base, nil
}

func (flinkAt) SQLGateway(context.Context, string, string) (*url.URL, error) {
	return nil, errors.New("there is no SQL gateway")
}

// idle is an agent's driver that applies nothing.
type idle struct{}

func (idle) Hello(context.Context) (*agentv1.Hello, error) {
	return &agentv1.Hello{Cluster: "edge", ProcessId: "process-1", Namespaces: &agentv1.NamespacesReport{Names: []string{"flink"}}}, nil
}
func (idle) Heartbeat() *agentv1.Heartbeat      { return &agentv1.Heartbeat{} }
func (idle) Welcome(string, int64, int64, bool) {}
func (idle) Apply(*agentv1.Apply)               {}
func (idle) Delete(*agentv1.Delete)             {}
func (idle) Orphan(*agentv1.Orphan)             {}
func (idle) Synced()                            {}
func (idle) Decommissioned()                    {}
func (idle) Disconnected(bool)                  {}

// tunnelled is a gateway and a control plane with an agent that reaches one
// Flink cluster, which application app1 of environment test runs on.
type tunnelled struct {
	url       string
	loseAgent func()
}

func startTunnelled(t *testing.T, flink http.Handler) *tunnelled {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	server := httptest.NewServer(flink)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	etcd := storetest.Etcd(t)
	agents, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tokens := fleet.Tokens{}
	tokens.Add("token", "")
	replica, err := control.New(control.Config{
		Etcd: etcd, ListenAgents: func() (net.Listener, error) { return agents, nil }, Replica: "replica-1", Authenticate: access.AllowAnonymous, AgentTokens: tokens, Heartbeat: time.Minute, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := localConn(replica, log)
	handler, err := gateway.New(gateway.Config{Conn: conn, Log: log, Ready: replica.Ready})
	if err != nil {
		t.Fatal(err)
	}
	rest, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outbox := link.NewOutbox(100)
	webUIs := tunnel.New(tunnel.Config{Resolver: flinkAt{base}, Send: outbox.TunnelReply, Log: log})
	stream := link.New(link.Config{
		Target: agents.Addr().String(), Handler: idle{}, Outbox: outbox, Tunnel: webUIs, Log: log,
		Dial: func() ([]grpc.DialOption, error) {
			return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(bearer("token"))}, nil
		},
	})

	var running sync.WaitGroup
	run := func(name string, part func(context.Context) error) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		running.Go(func() {
			defer close(ended)
			if err := part(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		return func() { cancel(); <-ended }
	}
	stopControl := run("control", replica.Run)
	stopGateway := run("gateway", func(ctx context.Context) error { return gateway.Serve(ctx, rest, handler, log) })
	stopAgent := run("agent", func(ctx context.Context) error { stream.Run(ctx); webUIs.Close(); return nil })
	t.Cleanup(func() {
		stopGateway()
		stopAgent()
		conn.Close()
		stopControl()
		running.Wait()
		server.CloseClientConnections()
		server.Close()
	})

	w := &tunnelled{url: "http://" + rest.Addr().String(), loseAgent: stopAgent}
	await.Until(t, "the agent is connected", func() bool {
		_, body := w.send(t, http.MethodGet, "/cmf/api/v1/kubernetes-clusters/edge", "")
		return strings.Contains(body, `"CONNECTED"`)
	})
	for path, body := range map[string]string{
		"/cmf/api/v1/environments": `{"name":"test","kubernetesNamespace":"flink","kubernetesClusterName":"edge"}`,
	} {
		if code, answer := w.send(t, http.MethodPost, path, body); code != http.StatusOK {
			t.Fatalf("create the environment: %d %s", code, answer)
		}
	}
	application := `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":"app1"},"spec":{"image":"flink:1.20","flinkVersion":"v1_20",
		"serviceAccount":"flink","jobManager":{"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}},
		"job":{"jarURI":"local:///opt/job.jar","parallelism":1,"state":"running","upgradeMode":"stateless"}}}`
	if code, answer := w.send(t, http.MethodPost, "/cmf/api/v1/environments/test/applications", application); code != http.StatusCreated {
		t.Fatalf("create the application: %d %s", code, answer)
	}
	return w
}

// bearer is the token of an agent.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return false }

const app1WebUI = "/cmf/api/v1/environments/test/applications/app1/flink-web-ui"

func (w *tunnelled) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// open begins to read a path of the web UI.
func (w *tunnelled) open(t *testing.T, path string) (response *http.Response, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+app1WebUI+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response, cancel
}

// jobManager stands for Flink's REST API.
type jobManager struct {
	t       *testing.T
	size    int64        // of the log
	written atomic.Int64 // of the log
	left    chan struct{}
}

func (j *jobManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<title>Apache Flink Web Dashboard</title>")
	case "/jobs/overview":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jobs":[]}`)
	case "/jobmanager/log":
		defer close(j.left)
		line := []byte(strings.Repeat("0123456789abcde\n", 1024))
		for j.written.Load() < j.size {
			n, err := w.Write(line)
			j.written.Add(int64(n))
			if err != nil {
				return
			}
		}
	default:
		j.t.Errorf("Flink was asked for %s", r.URL)
	}
}

func TestWebUIEndToEnd(t *testing.T) {
	const size = 32 << 20
	flink := &jobManager{t: t, size: size, left: make(chan struct{})}
	w := startTunnelled(t, flink)
	for _, test := range []struct {
		method, path string
		code         int
		body         string // a part of it
	}{
		{"GET", "/", 200, "Apache Flink Web Dashboard"},
		{"GET", "", 200, "Apache Flink Web Dashboard"}, // by a redirect
		{"GET", "/jobs/overview", 200, `{"jobs":[]}`},
		{"HEAD", "/jobs/overview", 200, ""},
		{"POST", "/jars/upload", 405, "Method POST is not allowed"},
		{"PATCH", "/jobs/a", 405, "Method PATCH is not allowed"},
		{"GET", "/jobs/a/yarn-cancel", 403, "read-only"},
		{"GET", "/jobs/a/%79arn-stop", 403, "read-only"},
		{"GET", "/v1/jars/a.jar/plan", 403, "read-only"},
		{"GET", "/jobmanager/logs/..%252f..%252fetc%252fpasswd", 400, "path within a web UI"},
		{"GET", "/jobs/%2e%2e/config", 400, "path within a web UI"},
	} {
		if code, body := w.send(t, test.method, app1WebUI+test.path, ""); code != test.code || !strings.Contains(body, test.body) {
			t.Errorf("%s %s: %d %s", test.method, test.path, code, body)
		}
	}

	// A client that reads slowly: apart from the buffers of sockets, Flink sends no
	// more than the client reads, and everything else continues.
	response, _ := w.open(t, "/jobmanager/log")
	sum, read := sha256.New(), int64(0)
	for _, upTo := range []int64{1 << 10, size / 4, size / 2} {
		n, err := io.CopyN(sum, response.Body, upTo-read)
		read += n
		if err != nil {
			t.Fatal(err)
		}
		if code, body := w.send(t, http.MethodGet, app1WebUI+"/jobs/overview", ""); code != http.StatusOK {
			t.Errorf("beside a long log: %d %s", code, body)
		}
		if ahead := flink.written.Load() - read; ahead > size/2 {
			t.Errorf("Flink is %d bytes ahead of its reader", ahead)
		}
	}
	if n, err := io.Copy(sum, response.Body); err != nil || read+n != size {
		t.Fatalf("read %d of %d bytes: %v", read+n, int64(size), err)
	}
	if want := sha256.Sum256([]byte(strings.Repeat("0123456789abcde\n", size/16))); [32]byte(sum.Sum(nil)) != want {
		t.Error("the log is another one")
	}
}

func TestADisconnectedClientClosesTheConnectionToFlink(t *testing.T) {
	flink := &jobManager{t: t, size: 1 << 40, left: make(chan struct{})}
	w := startTunnelled(t, flink)
	response, leave := w.open(t, "/jobmanager/log")
	if _, err := io.CopyN(io.Discard, response.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	leave()
	await.Closed(t, "Flink to stop writing for a client that has left", flink.left)
}

func TestAnAgentLostDuringAResponseAbortsIt(t *testing.T) {
	flink := &jobManager{t: t, size: 1 << 40, left: make(chan struct{})}
	w := startTunnelled(t, flink)
	response, _ := w.open(t, "/jobmanager/log")
	if _, err := io.CopyN(io.Discard, response.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	w.loseAgent()
	if n, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("%d more bytes were taken for the rest", n)
	}
	await.Closed(t, "Flink to stop writing for an agent that has gone", flink.left)
	await.Until(t, "the agent is known to be away", func() bool {
		code, body := w.send(t, http.MethodGet, app1WebUI+"/", "")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "is not connected")
	})
}
