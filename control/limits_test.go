package control_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
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
	for _, token := range []string{anyToken, "unknown"} {
		a := dial(t, r.agents, token)
		a.begin(hello(strings.Repeat("z", 3<<20)))
		await.Closed(t, "the end of the stream", a.ended)
		equal(t, "code with the token "+token, codes.InvalidArgument, status.Code(a.failure()))
	}
	if strings.Contains(log.String(), "zzz") {
		t.Error("the name of the cluster is logged")
	}
}
