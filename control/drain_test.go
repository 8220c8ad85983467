package control

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// slowEnvironments answers a read only after streams have been cut off.
type slowEnvironments struct {
	cmfv1.UnimplementedEnvironmentServiceServer
	began chan struct{}
}

func (s *slowEnvironments) GetEnvironment(context.Context, *cmfv1.GetEnvironmentRequest) (*cmfv1.Environment, error) {
	close(s.began)
	<-time.After(2 * streamGrace)
	return &cmfv1.Environment{Name: "prod"}, nil
}

func (s *slowEnvironments) WatchEnvironments(_ *cmfv1.WatchEnvironmentsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchEnvironmentsResponse]) error {
	<-stream.Context().Done() // as a client that does not read
	return stream.Context().Err()
}

func TestUnaryCallsFinishWhenTheReplicaStops(t *testing.T) {
	t.Parallel()
	slow := &slowEnvironments{began: make(chan struct{})}
	c := &Control{health: health.NewServer()}
	c.server = grpc.NewServer(grpc.UnaryInterceptor(c.unary.count))
	cmfv1.RegisterEnvironmentServiceServer(c.server, slow)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- c.serve(ctx, c.server, listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := cmfv1.NewEnvironmentServiceClient(conn)
	if _, err := client.WatchEnvironments(t.Context(), &cmfv1.WatchEnvironmentsRequest{}); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{})
		read <- err
	}()
	await.Closed(t, "the beginning of the call", slow.began)
	begun := time.Now()
	stop()
	if err := await.Receive(t, "the end of the call", read); err != nil {
		t.Errorf("the call under way ended with %v", err)
	}
	if err := await.Receive(t, "the end of the server", stopped); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if took := time.Since(begun); took > drain-streamGrace {
		t.Errorf("the stream that did not end held up the stop for %s", took)
	}
}
