package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// window is how much of a body an agent may send unasked.
const window = 256 << 10

// ofApplication asks for a path of the web UI of an application in prod.
func ofApplication(name, path string) *cmfv1.FetchFlinkWebUIRequest {
	return &cmfv1.FetchFlinkWebUIRequest{EnvName: "prod", Target: &cmfv1.FetchFlinkWebUIRequest_AppName{AppName: name}, Method: "GET", Path: path}
}

func ofStatement(name string) *cmfv1.FetchFlinkWebUIRequest {
	return &cmfv1.FetchFlinkWebUIRequest{EnvName: "prod", Target: &cmfv1.FetchFlinkWebUIRequest_StmtName{StmtName: name}, Method: "GET", Path: "/"}
}

type webUIStream = grpc.ServerStreamingClient[cmfv1.FetchFlinkWebUIResponse]

func (r *replica) openWebUI(ctx context.Context, t testing.TB, request *cmfv1.FetchFlinkWebUIRequest) webUIStream {
	t.Helper()
	return must(cmfv1.NewFlinkWebUIServiceClient(r.conn).FetchFlinkWebUI(ctx, request))(t)
}

// fetchWebUI reads an answer to its end.
func (r *replica) fetchWebUI(t testing.TB, request *cmfv1.FetchFlinkWebUIRequest) (*cmfv1.FlinkWebUIHead, []byte, error) {
	t.Helper()
	return readWebUI(r.openWebUI(t.Context(), t, request))
}

func readWebUI(stream webUIStream) (head *cmfv1.FlinkWebUIHead, body []byte, err error) {
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return head, body, nil
		}
		if err != nil {
			return head, body, err
		}
		if part.GetHead() != nil {
			head = part.GetHead()
		}
		body = append(body, part.GetBody()...)
	}
}

func (a *agent) tunnelRequests() []*agentv1.TunnelRequest {
	return pick(a, (*agentv1.ConnectResponse).GetTunnelRequest)
}

// awaitTunnel waits for the nth request for a web UI.
func (a *agent) awaitTunnel(n int) *agentv1.TunnelRequest {
	a.t.Helper()
	await.Success(a.t, fmt.Sprintf("request %d for a web UI", n), func() error {
		if got := len(a.tunnelRequests()); got < n {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
	return a.tunnelRequests()[n-1]
}

// granted is how many bytes of a body an agent may send in all.
func (a *agent) granted(id string) int64 {
	total := int64(0)
	for _, m := range a.tunnelRequests() {
		if m.GetRequestId() == id {
			total += m.GetWindow()
		}
	}
	for _, m := range pick(a, (*agentv1.ConnectResponse).GetTunnelCredit) {
		if m.GetRequestId() == id {
			total += m.GetBytes()
		}
	}
	return total
}

func (a *agent) cancels() []string {
	var ids []string
	for _, m := range pick(a, (*agentv1.ConnectResponse).GetTunnelCancel) {
		ids = append(ids, m.GetRequestId())
	}
	return ids
}

func (a *agent) reply(m *agentv1.TunnelReply) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_TunnelReply{TunnelReply: m}})
}

func (a *agent) replyHead(id string, head *cmfv1.FlinkWebUIHead) {
	a.reply(&agentv1.TunnelReply{RequestId: id, Part: &agentv1.TunnelReply_Head{Head: head}})
}

func (a *agent) replyBody(id string, body []byte) {
	a.reply(&agentv1.TunnelReply{RequestId: id, Part: &agentv1.TunnelReply_Body{Body: body}})
}

func (a *agent) replyEnd(id string, failure agentv1.TunnelFailure, message string) {
	a.reply(&agentv1.TunnelReply{RequestId: id, Part: &agentv1.TunnelReply_End{End: &agentv1.TunnelEnd{Failure: failure, Message: message}}})
}

// prodApplication makes an application whose job runs.
func prodApplication(t testing.TB, r *replica, a *agent) *agentv1.Apply {
	t.Helper()
	r.saveEnvironment(t, "prod")
	r.saveApplication(t, "prod", "app1", running)
	return a.awaitApply("app1", 1)
}

func TestWebUIOfAnApplication(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	apply := prodApplication(t, r, a)
	stream := r.openWebUI(t.Context(), t, &cmfv1.FetchFlinkWebUIRequest{
		EnvName: "prod", Target: &cmfv1.FetchFlinkWebUIRequest_AppName{AppName: "app1"}, Method: "HEAD", Path: "/jobs/overview", Query: "a=b",
		Headers: []*cmfv1.FlinkWebUIHeader{{Name: "Accept", Value: "text/html"}},
	})
	got := a.awaitTunnel(1)
	want := &agentv1.TunnelRequest{
		RequestId: got.GetRequestId(), Ref: apply.GetRef(), Method: "HEAD", Path: "/jobs/overview", Query: "a=b",
		Headers: []*cmfv1.FlinkWebUIHeader{{Name: "Accept", Value: "text/html"}}, Window: window,
	}
	equal(t, "request", want, got)
	head := &cmfv1.FlinkWebUIHead{Status: 203, Headers: []*cmfv1.FlinkWebUIHeader{{Name: "Content-Type", Value: "text/html"}}}
	a.replyHead("other", head)
	a.replyHead(got.GetRequestId(), head)
	a.replyBody(got.GetRequestId(), []byte("abc"))
	a.replyBody(got.GetRequestId(), []byte("def"))
	a.replyEnd(got.GetRequestId(), 0, "")
	gotHead, body, err := readWebUI(stream)
	if err != nil || !proto.Equal(gotHead, head) || string(body) != "abcdef" {
		t.Errorf("got %v, %q, %v", gotHead, body, err)
	}
	if cancels := a.cancels(); len(cancels) > 0 {
		t.Errorf("an answer that is complete was cancelled: %v", cancels)
	}
}

func TestWebUIOfAStatementIsThatOfItsCluster(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	r.sharedPoolRunning(t, a)
	for i, test := range []struct{ name, pool, sql, deployment string }{
		{"on-shared", "shared", "SELECT id FROM orders", "shared"},
		{"on-its-own", "dedicated", "SELECT id FROM orders", "on-its-own"},
	} {
		must(s.post(t.Context(), statementOf(test.name, test.pool, test.sql)))(t)
		stream := r.openWebUI(t.Context(), t, ofStatement(test.name))
		got := a.awaitTunnel(i + 1)
		equal(t, "object of "+test.name, &agentv1.ObjectRef{ApiVersion: "flink.apache.org/v1beta1", Kind: "FlinkDeployment", Namespace: "flink", Name: test.deployment}, got.GetRef())
		a.replyHead(got.GetRequestId(), &cmfv1.FlinkWebUIHead{Status: 200})
		a.replyEnd(got.GetRequestId(), 0, "")
		if _, _, err := readWebUI(stream); err != nil {
			t.Error(err)
		}
	}
	_, _, err := r.fetchWebUI(t, ofStatement("ddl-orders"))
	refused(t, err, notFound("Statement 'ddl-orders' has no web UI: Flink does not run it."))
	_, _, err = r.fetchWebUI(t, ofStatement("none"))
	refused(t, err, notFound("Statement 'none' not found in environment 'prod'."))
}

func TestWebUIOfAStatementInApplicationMode(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	_, apply := looking(t, r, a)
	stream := r.openWebUI(t.Context(), t, ofStatement("looking"))
	got := a.awaitTunnel(1)
	equal(t, "object", apply.GetRef(), got.GetRef())
	a.replyEnd(got.GetRequestId(), agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, "It does not answer.")
	_, _, err := readWebUI(stream)
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{"It does not answer."}})
}

func TestUnavailableWebUIs(t *testing.T) {
	one, two := startTwo(t)
	a := one.connect(t, hello("cluster-a"))
	apply := prodApplication(t, one, a)

	_, _, err := one.fetchWebUI(t, ofApplication("none", "/"))
	refused(t, err, notFound("Application 'none' not found in environment 'prod'."))
	other := ofApplication("app1", "/")
	other.EnvName = "none"
	_, _, err = one.fetchWebUI(t, other)
	refused(t, err, notFound("Environment 'none' not found."))

	stream := two.openWebUI(t.Context(), t, ofApplication("app1", "/"))
	_, _, err = readWebUI(stream)
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{
		"The agent of Kubernetes cluster 'cluster-a' is connected to replica 'replica-1', and only that replica can reach web UIs there. Try again.",
	}})
	equal(t, "replica in the trailer", []string{"replica-1"}, stream.Trailer().Get("weir-replica"))

	for i, test := range []struct{ status, want string }{
		{`"lifecycleState":"SUSPENDED","jobManagerDeploymentStatus":"MISSING"`, "Application 'app1' is suspended, so there is no Flink cluster with a web UI."},
		{`"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"MISSING"`, "The JobManager of Application 'app1' does not run, so there is no web UI."},
		{`"lifecycleState":"SUSPENDED","clusterInfo":{"weir-rest":"http://127.0.0.1:1"}`, "Application 'app1' is suspended, so there is no Flink cluster with a web UI."},
	} {
		a.report(apply, fmt.Sprintf(`{"observedGeneration":%d,%s}`, i+1, test.status))
		awaitEqual(t, "generation observed", any(float64(i+1)), func() any { return one.status(t, "prod", "app1")["observedGeneration"] })
		_, _, err := one.fetchWebUI(t, ofApplication("app1", "/"))
		refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{test.want}})
	}
	if asked := a.tunnelRequests(); len(asked) > 0 {
		t.Errorf("the agent was asked for %v", asked)
	}
	a.close()
	a2 := ofApplication("app1", "/")
	awaitEqual(t, "state of the cluster", "DISCONNECTED", func() string { return one.cluster(t, "cluster-a").GetStatus().GetState() })
	one.saveApplication(t, "prod", "newer", running)
	a2.Target = &cmfv1.FetchFlinkWebUIRequest_AppName{AppName: "newer"}
	_, _, err = one.fetchWebUI(t, a2)
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{"The agent of Kubernetes cluster 'cluster-a' is not connected, so no web UI can be reached there."}})
}

func TestWebUIsOfASimulatedCluster(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", simulated))
	a.report(prodApplication(t, r, a), `{"observedGeneration":1,"lifecycleState":"STABLE"}`)
	awaitEqual(t, "generation observed", any(1.0), func() any { return r.status(t, "prod", "app1")["observedGeneration"] })
	_, _, err := r.fetchWebUI(t, ofApplication("app1", "/"))
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{
		"The Flink cluster of Application 'app1' is simulated by the Weir sandbox: no Flink runs, so there is no web UI.",
	}})
}

func TestInvalidRequestsForWebUIs(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	prodApplication(t, r, a)
	for name, change := range map[string]func(*cmfv1.FetchFlinkWebUIRequest){
		"POST":           func(m *cmfv1.FetchFlinkWebUIRequest) { m.Method = "POST" },
		"no method":      func(m *cmfv1.FetchFlinkWebUIRequest) { m.Method = "" },
		"no target":      func(m *cmfv1.FetchFlinkWebUIRequest) { m.Target = nil },
		"no path":        func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "" },
		"URL":            func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "http://evil.example/" },
		"network path":   func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "//evil.example/" },
		"escape":         func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "/%2e%2e" },
		"query in path":  func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "/a?b" },
		"line end":       func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "/a\r\nHost: x" },
		"line end after": func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "/a\n" },
		"space in query": func(m *cmfv1.FetchFlinkWebUIRequest) { m.Query = "a b" },
		"long path":      func(m *cmfv1.FetchFlinkWebUIRequest) { m.Path = "/" + strings.Repeat("a", 4096) },
		"many headers":   func(m *cmfv1.FetchFlinkWebUIRequest) { m.Headers = make([]*cmfv1.FlinkWebUIHeader, 33) },
	} {
		request := ofApplication("app1", "/")
		change(request)
		if _, _, err := r.fetchWebUI(t, request); refusalOf(err).Code != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked := a.tunnelRequests(); len(asked) > 0 {
		t.Errorf("the agent was asked for %v", asked)
	}
}

func TestFailuresOfTheAgentAreReported(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	prodApplication(t, r, a)
	n := 0
	for failure, want := range map[agentv1.TunnelFailure]refusal{
		agentv1.TunnelFailure_TUNNEL_FAILURE_UNSUPPORTED: {Code: codes.Unavailable},
		agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID:     {Code: codes.InvalidArgument},
		agentv1.TunnelFailure_TUNNEL_FAILURE_BUSY:        {Code: codes.Unavailable},
		agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE: {Code: codes.Unavailable},
		agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT:     {Code: codes.DeadlineExceeded},
		agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER:  {Code: codes.Unavailable, HTTP: 502},
		agentv1.TunnelFailure_TUNNEL_FAILURE_FORBIDDEN:   {Code: codes.PermissionDenied},
		99: {Code: codes.Unavailable},
	} {
		for _, begun := range []bool{false, true} {
			stream := r.openWebUI(t.Context(), t, ofApplication("app1", "/"))
			n++
			id := a.awaitTunnel(n).GetRequestId()
			if begun {
				a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 200})
				a.replyBody(id, []byte("half"))
			}
			a.replyEnd(id, failure, "A sentence.")
			head, body, err := readWebUI(stream)
			want.Messages = []string{"A sentence."}
			refused(t, err, want)
			if (head != nil) != begun || begun && string(body) != "half" {
				t.Errorf("%s: got %v, %q", failure, head, body)
			}
		}
	}
}

func TestTheWindowOfAnAgentIsEnforced(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	prodApplication(t, r, a)
	for n, say := range []func(id string){
		func(id string) { a.replyBody(id, []byte("no head")) },
		func(id string) {
			a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 200})
			a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 200})
		},
		func(id string) {
			a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 200})
			a.replyBody(id, make([]byte, window+1))
		},
	} {
		stream := r.openWebUI(t.Context(), t, ofApplication("app1", "/"))
		id := a.awaitTunnel(n + 1).GetRequestId()
		say(id)
		_, _, err := readWebUI(stream)
		refused(t, err, refusal{Code: codes.Unavailable, HTTP: 502, Messages: []string{"The agent of Kubernetes cluster 'cluster-a' has violated the protocol."}})
		await.Success(t, "the cancellation", func() error {
			if !slices.Contains(a.cancels(), id) {
				return errors.New("has not come")
			}
			return nil
		})
	}
	a.beat("") // the session continues
}

// TestASlowClientSlowsTheAgentDown, but no other client.
func TestASlowClientSlowsTheAgentDown(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	prodApplication(t, r, a)
	stream := r.openWebUI(t.Context(), t, ofApplication("app1", "/jobmanager/log"))
	id := a.awaitTunnel(1).GetRequestId()
	a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 200})

	const total = 8 << 20
	want := bytes.Repeat([]byte("0123456789abcdef"), total/16)
	sent := int64(0)
	push := func() { // all that the agent may send
		for limit := min(a.granted(id), total); sent < limit; {
			size := min(32<<10, limit-sent)
			a.replyBody(id, want[sent:sent+size])
			sent += size
		}
	}
	// Heartbeats pass all the same; several, as each leaves time for credits.
	for range 20 {
		push()
		a.beat("")
	}
	// The client has read nothing: beside the window, that is what gRPC holds
	// of the client's stream.
	if sent > window+1<<20 {
		t.Errorf("the agent may send %d bytes to a client that does not read", sent)
	}
	done := make(chan []byte, 1)
	go func() {
		_, body, err := readWebUI(stream)
		if err != nil {
			t.Error(err)
		}
		done <- body
	}()
	await.Success(t, "room for all", func() error {
		push()
		if sent < total {
			return fmt.Errorf("sent %d bytes", sent)
		}
		return nil
	})
	a.replyEnd(id, 0, "")
	if got := await.Receive(t, "the answer", done); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, or others", len(got))
	}
}

func TestADisconnectedClientCancelsTheRequest(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	prodApplication(t, r, a)
	// As many as may be under way, all of clients that have left.
	for n := range 64 {
		ctx, cancel := context.WithCancel(t.Context())
		stream := r.openWebUI(ctx, t, ofApplication("app1", "/"))
		a.awaitTunnel(n + 1)
		cancel()
		_, _, err := readWebUI(stream)
		equal(t, "code", codes.Canceled, refusalOf(err).Code)
	}
	awaitEqual(t, "cancellations", 64, func() int { return len(a.cancels()) })
	// They count until the agent has ended them.
	_, _, err := r.fetchWebUI(t, ofApplication("app1", "/"))
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{"The agent of Kubernetes cluster 'cluster-a' already has 64 active requests for web UIs. Try again."}})
	first := a.cancels()[0]
	a.replyBody(first, make([]byte, 2*window)) // dropped
	a.replyEnd(first, agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED, "")
	a.beat("")
	stream := r.openWebUI(t.Context(), t, ofApplication("app1", "/"))
	id := a.awaitTunnel(65).GetRequestId()
	a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 204})
	a.replyEnd(id, 0, "")
	if head, _, err := readWebUI(stream); err != nil || head.GetStatus() != 204 {
		t.Errorf("got %v, %v", head, err)
	}
}

func TestAnAgentLostDuringAResponse(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	prodApplication(t, r, a)
	stream := r.openWebUI(t.Context(), t, ofApplication("app1", "/"))
	id := a.awaitTunnel(1).GetRequestId()
	a.replyHead(id, &cmfv1.FlinkWebUIHead{Status: 200})
	a.replyBody(id, []byte("half"))
	for range 2 { // both are through
		must(stream.Recv())(t)
	}
	a.close()
	_, _, err := readWebUI(stream)
	refused(t, err, refusal{Code: codes.Unavailable, Messages: []string{
		"The agent of Kubernetes cluster 'cluster-a' was disconnected before the response was complete. Try again.",
	}})
}
