package control_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/limit"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/internal/logbuffer"
)

// countingListener counts what its connections receive.
type countingListener struct {
	net.Listener
	received *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{conn, l.received}, nil
}

type countingConn struct {
	net.Conn
	received *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// Forty messages of 15 MiB cost no more than what a stream may send unasked.
func TestMessagesOfUnauthenticatedCallersAreNotRead(t *testing.T) {
	var received atomic.Int64
	r := start(t, func(c *control.Config) {
		listen := c.Listen
		c.Listen = func() (net.Listener, error) {
			listener, err := listen()
			return countingListener{listener, &received}, err
		}
		c.Authenticate = func(context.Context) (*access.Principal, error) {
			return nil, status.Error(codes.Unauthenticated, "who are you?")
		}
	})
	large := &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: &cmfv1.Environment{Name: strings.Repeat("x", 15<<20)}}
	var callers sync.WaitGroup
	for range 40 {
		callers.Go(func() {
			if _, err := r.environments.CreateOrUpdateEnvironment(t.Context(), large); status.Code(err) != codes.Unauthenticated {
				t.Errorf("got %v", err)
			}
		})
	}
	callers.Wait()
	if got := received.Load(); got > 8<<20 {
		t.Errorf("%d bytes were received", got)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	r := start(t)
	list := func(size int) error {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-padding", strings.Repeat("x", size))
		_, err := r.environments.ListEnvironments(ctx, &cmfv1.ListEnvironmentsRequest{})
		return err
	}
	if err := list(32 << 10); err != nil {
		t.Errorf("headers of 32 KiB: %v", err)
	}
	if err := list(128 << 10); err == nil {
		t.Error("headers of 128 KiB are accepted")
	}
}

func TestHelloIsCheckedBeforeItIsLogged(t *testing.T) {
	var log logbuffer.Buffer
	r := start(t, func(c *control.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for token, want := range map[string]codes.Code{anyToken: codes.InvalidArgument, "unknown": codes.Unauthenticated} {
		a := dial(t, r.agents, token)
		a.begin(hello(strings.Repeat("z", 3<<20)))
		await.Closed(t, "the end of the stream", a.ended)
		equal(t, "code with the token "+token, want, status.Code(a.failure()))
	}
	if strings.Contains(log.String(), "zzz") {
		t.Error("the name of the cluster is logged")
	}
}

// limited gives a replica limits of callers, who are authenticated by fromMetadata.
func limited(limits limit.Config) func(*control.Config) {
	return func(c *control.Config) {
		fromMetadata(0)(c)
		c.CallerLimits = &limits
	}
}

// reached checks that a call was refused because of a limit, and says when to try again.
func reached(t *testing.T, err error, limit string) {
	t.Helper()
	if got := refusalOf(err); got.Code != codes.ResourceExhausted || got.HTTP != 429 || len(got.Messages) != 1 || !strings.Contains(got.Messages[0], limit) {
		t.Errorf("got %v, want a refusal that names %q", err, limit)
	}
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok && retry.GetRetryDelay().AsDuration() > 0 {
			return
		}
	}
	t.Errorf("%v does not say when to try again", err)
}

func systemInformation(ctx context.Context, r *replica) error {
	_, err := r.information.GetSystemInformation(ctx, &cmfv1.GetSystemInformationRequest{})
	return err
}

// A request counts from its headers on, so that callers cannot have the replica hold
// more messages than that.
func TestRequestsInFlightAreLimited(t *testing.T) {
	r := start(t, limited(limit.Config{RequestsInFlight: 1}))
	ctx, cancel := context.WithCancel(as(t.Context(), "alice"))
	defer cancel()
	var refusal error
	await.Until(t, "an unfinished request counts", func() bool {
		// A unary call whose message does not come. It may be refused itself, while the
		// one below is in flight.
		_ = must(r.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, cmfv1.InformationService_GetSystemInformation_FullMethodName))(t)
		refusal = systemInformation(as(t.Context(), "alice"), r)
		return refusal != nil
	})
	reached(t, refusal, "User:alice already has 1 requests in flight")
	if err := systemInformation(as(t.Context(), "bob"), r); err != nil {
		t.Errorf("another caller: %v", err)
	}
	if health := must(healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{}))(t); health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("the health is %v", health)
	}
	cancel()
	await.Success(t, "the request that was canceled no longer counts", func() error { return systemInformation(as(t.Context(), "alice"), r) })
}

func TestWatchesAreLimited(t *testing.T) {
	r := start(t, limited(limit.Config{Watches: 1}))
	open := func(user string) error {
		stream, err := cmfv1.NewRoleBindingServiceClient(r.conn).WatchRoleBindings(as(t.Context(), user), &cmfv1.WatchRoleBindingsRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	if err := open("alice"); err != nil {
		t.Fatal(err)
	}
	reached(t, open("alice"), "User:alice already has 1 open watches")
	if err := open("bob"); err != nil {
		t.Errorf("another caller: %v", err)
	}
}

// TestRequestsOfTheSameProcessAreLimited: those that REST makes of a replica's services.
func TestRequestsOfTheSameProcessAreLimited(t *testing.T) {
	r := start(t, limited(limit.Config{RequestsPerSecond: 1}))
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(r.UnaryInterceptors()...))
	r.Services(server)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	local := must(grpc.NewClient("passthrough:local", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })))(t)
	t.Cleanup(func() { _ = local.Close() })
	var refusal error
	await.Until(t, "the limit is reached", func() bool {
		_, refusal = cmfv1.NewInformationServiceClient(local).GetSystemInformation(as(t.Context(), "alice"), &cmfv1.GetSystemInformationRequest{})
		return refusal != nil
	})
	reached(t, refusal, "1 requests per second")
}

func TestFailuresToAuthenticateAreLimited(t *testing.T) {
	r := start(t, func(c *control.Config) {
		c.CallerLimits = &limit.Config{FailuresPerSecond: 1}
		c.Authenticate = func(context.Context) (*access.Principal, error) {
			return nil, status.Error(codes.Unauthenticated, "who are you?")
		}
	})
	var refusal error
	await.Until(t, "the limit is reached", func() bool {
		refusal = systemInformation(t.Context(), r)
		return status.Code(refusal) == codes.ResourceExhausted
	})
	reached(t, refusal, "1 requests per second of the address 127.0.0.1")
}

// TestRequestsAreAsLargeAsTheirMethodAllows: a specification may be large, a name may not.
func TestRequestsAreAsLargeAsTheirMethodAllows(t *testing.T) {
	r := start(t)
	long := strings.Repeat("x", 1<<20)
	_, err := r.environments.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{EnvName: long})
	refused(t, err, refusal{Code: codes.ResourceExhausted, HTTP: 413, Messages: []string{"The request is larger than 65536 bytes, the limit of this method."}})
	stream, err := r.environments.WatchEnvironments(t.Context(), &cmfv1.WatchEnvironmentsRequest{Filter: long})
	if err == nil {
		_, err = stream.Recv()
	}
	refused(t, err, refusal{Code: codes.ResourceExhausted, HTTP: 413, Messages: []string{"The request is larger than 65536 bytes, the limit of this method."}})
	_, err = r.applications.CreateOrUpdateApplication(t.Context(), application("absent", "orders", `{"padding":"`+long+`"}`))
	refused(t, err, notFound("Environment 'absent' not found."))
	_, err = r.applications.CreateOrUpdateApplication(t.Context(), application("absent", "orders", `{"padding":"`+strings.Repeat(long, 9)+`"}`))
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "8388608") {
		t.Errorf("a specification of 9 MiB: %v", err)
	}
}

// TestStrangersCannotMakeAReplicaReadHello: nor many messages by many streams.
func TestStrangersCannotMakeAReplicaReadHello(t *testing.T) {
	var received atomic.Int64
	r := start(t, func(c *control.Config) {
		listen := c.ListenAgents
		c.ListenAgents = func() (net.Listener, error) {
			listener, err := listen()
			return countingListener{listener, &received}, err
		}
	})
	a := dial(t, r.agents, "unknown")
	a.begin(hello(strings.Repeat("z", 15<<20)))
	await.Closed(t, "the end of the stream", a.ended)
	equal(t, "code", codes.Unauthenticated, status.Code(a.failure()))
	if got := received.Load(); got > 1<<20 {
		t.Errorf("%d bytes were received", got)
	}
}

func TestLabelsOfHelloAreBounded(t *testing.T) {
	r := start(t)
	many := map[string]string{}
	for i := range 65 {
		many[numbered("label", i)] = "x"
	}
	for name, test := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"many":         {many, "labels: must not be more than 64, got 65"},
		"a long key":   {map[string]string{strings.Repeat("k", 254): "x"}, "labels: a key must not be longer than 253 bytes"},
		"no key":       {map[string]string{"": "x"}, "labels: a key must not be empty"},
		"a long value": {map[string]string{"region": strings.Repeat("v", 254)}, "labels: the value of region must not be longer than 253 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			a := dial(t, r.agents, anyToken)
			first := hello("cluster-a")
			first.Labels = test.labels
			a.begin(first)
			await.Closed(t, "the end of the stream", a.ended)
			refused(t, a.failure(), invalid(test.want))
		})
	}
}
