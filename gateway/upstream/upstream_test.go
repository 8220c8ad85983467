package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/internal/await"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// replica serves environments over a connection that can fall silent.
type replica struct {
	cmfv1.UnimplementedEnvironmentServiceServer
	name    string
	address string
	health  *health.Server
	silent  atomic.Bool // nothing is passed on, and nothing is closed
	reads   atomic.Int64
	writes  atomic.Int64
	fails   atomic.Pointer[status.Status] // what reads are answered with, if not nil
	held    atomic.Pointer[chan struct{}] // what reads wait for, if not nil
	waiting atomic.Int64                  // reads that have begun to wait
}

func startReplica(t *testing.T, name string) *replica {
	t.Helper()
	r := &replica{name: name, health: health.NewServer()}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cmfv1.RegisterEnvironmentServiceServer(server, r)
	healthv1.RegisterHealthServer(server, r.health)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(inner) })
	outer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = outer.Addr().String()
	served.Go(func() {
		for {
			conn, err := outer.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", inner.Addr().String())
			if err != nil {
				_ = conn.Close()
				continue
			}
			served.Go(func() { r.relay(to, conn) })
			served.Go(func() { r.relay(conn, to) })
		}
	})
	t.Cleanup(func() {
		_ = outer.Close()
		server.Stop()
		served.Wait()
	})
	return r
}

// relay copies until either side ends. What comes while the replica is silent is
// lost, as it would be read by nobody.
func (r *replica) relay(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if r.silent.Load() {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *replica) GetEnvironment(ctx context.Context, _ *cmfv1.GetEnvironmentRequest) (*cmfv1.Environment, error) {
	r.reads.Add(1)
	if err := errors.Join(grpc.SetHeader(ctx, metadata.Pairs("name", r.name)), grpc.SetTrailer(ctx, metadata.Pairs("name", r.name))); err != nil {
		return nil, err
	}
	if held := r.held.Load(); held != nil {
		r.waiting.Add(1)
		<-*held
	}
	if s := r.fails.Load(); s != nil {
		return nil, s.Err()
	}
	return &cmfv1.Environment{Name: r.name}, nil
}

func (r *replica) CreateOrUpdateEnvironment(ctx context.Context, _ *cmfv1.CreateOrUpdateEnvironmentRequest) (*cmfv1.Environment, error) {
	r.writes.Add(1)
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

// testHedgingDelay is longer than a read takes on a busy machine.
const testHedgingDelay = time.Second

func connect(t *testing.T, replicas ...*replica) cmfv1.EnvironmentServiceClient {
	t.Helper()
	return connectHedging(t, testHedgingDelay, replicas...)
}

// connectHedging connects with a hedging delay of its own.
func connectHedging(t *testing.T, delay time.Duration, replicas ...*replica) cmfv1.EnvironmentServiceClient {
	t.Helper()
	var addresses []string
	for _, r := range replicas {
		addresses = append(addresses, r.address)
	}
	conn, err := dial(addresses, insecure.NewCredentials(), delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return cmfv1.NewEnvironmentServiceClient(conn)
}

// awaitBoth waits until both replicas have answered a read.
func awaitBoth(t *testing.T, client cmfv1.EnvironmentServiceClient, one, two *replica) {
	t.Helper()
	await.Until(t, "both replicas to answer", func() bool {
		_, _ = client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{})
		return one.reads.Load() > 0 && two.reads.Load() > 0
	})
}

func TestReadsGoOnWhileAReplicaIsSilent(t *testing.T) {
	one, two := startReplica(t, "one"), startReplica(t, "two")
	client := connect(t, one, two)
	awaitBoth(t, client, one, two)
	one.silent.Store(true)
	var reads sync.WaitGroup
	for range 32 {
		reads.Go(func() {
			var header, trailer metadata.MD
			got, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
			if err != nil || got.GetName() != "two" {
				t.Errorf("a read got %v, %v; want the answer of the other replica", got, err)
			}
			if len(header.Get("name")) == 0 || len(trailer.Get("name")) == 0 {
				t.Errorf("a read got header %v and trailer %v; want those of the answer", header, trailer)
			}
		})
	}
	reads.Wait()
}

func TestReplicasThatDoNotServeGetNoRequests(t *testing.T) {
	one, two := startReplica(t, "one"), startReplica(t, "two")
	client := connect(t, one, two)
	awaitBoth(t, client, one, two)
	one.health.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	awaitOnly(t, client, two)
}

// awaitOnly waits until only one replica gets requests.
func awaitOnly(t *testing.T, client cmfv1.EnvironmentServiceClient, r *replica) {
	t.Helper()
	await.Until(t, "50 reads in a row are answered by replica "+r.name, func() bool {
		for range 50 {
			if got, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{}); err != nil || got.GetName() != r.name {
				return false
			}
		}
		return true
	})
}

// The replica that does not answer has fewer requests under way than the other.
func TestTheSecondAttemptGoesToAnotherReplica(t *testing.T) {
	one, two := startReplica(t, "one"), startReplica(t, "two")
	client := connect(t, one, two)
	awaitBoth(t, client, one, two)
	one.health.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	awaitOnly(t, client, two)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const writes = 8
	for range writes {
		go func() { _, _ = client.CreateOrUpdateEnvironment(ctx, &cmfv1.CreateOrUpdateEnvironmentRequest{}) }()
	}
	await.Until(t, "the writes arrive", func() bool { return two.writes.Load() == writes })
	one.health.SetServingStatus("", healthv1.HealthCheckResponse_SERVING)
	awaitOnly(t, client, one)

	hold := make(chan struct{})
	defer close(hold)
	one.held.Store(&hold)
	answer := make(chan *cmfv1.Environment, 1)
	go func() {
		got, _ := client.GetEnvironment(ctx, &cmfv1.GetEnvironmentRequest{})
		answer <- got
	}()
	if got := await.Receive(t, "the answer of the other replica", answer); got.GetName() != "two" {
		t.Errorf("got %v, want the answer of the other replica", got)
	}
	if sent := one.waiting.Load(); sent != 1 {
		t.Errorf("the read was sent to the replica that does not answer %d times, want once", sent)
	}
}

func TestSilentReplicasGetNoFurtherRequests(t *testing.T) {
	one, two := startReplica(t, "one"), startReplica(t, "two")
	client := connect(t, one, two)
	awaitBoth(t, client, one, two)
	hold := make(chan struct{})
	defer close(hold)
	one.held.Store(&hold)
	await.Until(t, "a read was sent to the replica that does not answer, and to the other", func() bool {
		got, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{})
		if err != nil || got.GetName() != "two" {
			t.Fatalf("got %v, %v; want the answer of the other replica", got, err)
		}
		return one.waiting.Load() > 0
	})
	for range 10 {
		if _, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if sent := one.waiting.Load(); sent != 1 {
		t.Errorf("%d reads were sent to the silent replica, want one", sent)
	}
}

func TestWritesAreNotRepeated(t *testing.T) {
	one, two := startReplica(t, "one"), startReplica(t, "two")
	client := connectHedging(t, 10*time.Millisecond, one, two)
	awaitBoth(t, client, one, two)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := client.CreateOrUpdateEnvironment(ctx, &cmfv1.CreateOrUpdateEnvironmentRequest{})
		ended <- err
	}()
	writes := func() int64 { return one.writes.Load() + two.writes.Load() }
	await.Until(t, "the write arrives", func() bool { return writes() > 0 })
	// A read that begins later, and is sent again after the same delay.
	hold := make(chan struct{})
	one.held.Store(&hold)
	two.held.Store(&hold)
	go func() { _, _ = client.GetEnvironment(ctx, &cmfv1.GetEnvironmentRequest{}) }()
	await.Until(t, "the read is sent again", func() bool { return one.waiting.Load()+two.waiting.Load() >= 2 })
	close(hold)
	cancel()
	if err := await.Receive(t, "the end of the write", ended); status.Code(err) != codes.Canceled {
		t.Errorf("the write ended with %v, want that it was canceled", err)
	}
	if sent := writes(); sent != 1 {
		t.Errorf("the write was sent %d times, want once", sent)
	}
}

func TestErrorsOfTheControlPlaneAreAnswers(t *testing.T) {
	unavailable, err := status.New(codes.Unavailable, "etcd is not available").WithDetails(&cmfv1.RestError{})
	if err != nil {
		t.Fatal(err)
	}
	for name, refusal := range map[string]*status.Status{
		"etcd is not available": unavailable, "a limit": status.New(codes.ResourceExhausted, "too many requests"),
	} {
		t.Run(name, func(t *testing.T) {
			r := startReplica(t, "one")
			client := connectHedging(t, await.Patience, r) // so that only the error could repeat it
			r.fails.Store(refusal)
			if _, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{}); status.Convert(err).Message() != refusal.Message() {
				t.Errorf("the read ended with %v, want %v", err, refusal)
			}
			if reads := r.reads.Load(); reads != 1 {
				t.Errorf("the read was sent %d times, want once", reads)
			}
		})
	}
}

func TestReadsAreTheMethodsThatChangeNothing(t *testing.T) {
	all := reads()
	for method, want := range map[string]bool{
		cmfv1.EnvironmentService_GetEnvironment_FullMethodName:            true,
		cmfv1.ApplicationService_ListApplications_FullMethodName:          true,
		cmfv1.EnvironmentService_CreateOrUpdateEnvironment_FullMethodName: false,
		cmfv1.ApplicationService_DeleteApplication_FullMethodName:         false,
	} {
		if all[method] != want {
			t.Errorf("%s is taken for a read: %t, want %t", method, all[method], want)
		}
	}
}

// ListEnvironments returns a page of 6 MiB.
func (r *replica) ListEnvironments(context.Context, *cmfv1.ListEnvironmentsRequest) (*cmfv1.EnvironmentsPage, error) {
	page := &cmfv1.EnvironmentsPage{}
	for range 6 {
		page.Items = append(page.Items, &cmfv1.Environment{Name: strings.Repeat("x", 1<<20)})
	}
	return page, nil
}

// The same pages pass as in a control plane that serves REST itself.
func TestLargePagesPass(t *testing.T) {
	r := startReplica(t, "one")
	conn, err := Dial([]string{r.address}, insecure.NewCredentials())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	page, err := cmfv1.NewEnvironmentServiceClient(conn).ListEnvironments(t.Context(), &cmfv1.ListEnvironmentsRequest{})
	if err != nil || len(page.GetItems()) != 6 {
		t.Fatalf("got %d items, %v", len(page.GetItems()), err)
	}
}
