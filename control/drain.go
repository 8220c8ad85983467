package control

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
)

const (
	// streamGrace is how long streams may take to end when the replica stops. They
	// are told to end at once, and a client that does not read does not matter.
	streamGrace = time.Second
	// drain is how long unary calls under way may take to finish.
	drain = 10 * time.Second
	// flush is for the last responses to be written to their connections, which gRPC
	// does after a handler has returned, and Stop does not wait for.
	flush = 100 * time.Millisecond
)

// serve takes connections until the context ends, then lets calls under way finish
// for a while.
func (c *Control) serve(ctx context.Context, server *grpc.Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve gRPC: %w", err)
	case <-ctx.Done():
	}
	c.health.Shutdown()
	finished := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(finished)
	}()
	streams, all := time.NewTimer(streamGrace), time.NewTimer(drain)
	defer streams.Stop()
	defer all.Stop()
	select {
	case <-finished:
		return <-served
	case <-streams.C:
	}
	select {
	case <-finished:
	case <-c.unary.none():
		select {
		case <-finished:
		case <-time.After(flush):
		}
	case <-all.C:
	}
	server.Stop()
	<-finished
	return <-served
}

// unaryCalls counts the unary calls under way.
type unaryCalls struct {
	mu       sync.Mutex
	underWay int
	waiting  []chan struct{} // each closed when there are none
}

func (u *unaryCalls) count(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	u.add(1)
	defer u.add(-1)
	return handler(ctx, request)
}

func (u *unaryCalls) add(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.underWay += n; u.underWay == 0 {
		u.release()
	}
}

// none is closed as soon as no unary call is under way.
func (u *unaryCalls) none() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	none := make(chan struct{})
	u.waiting = append(u.waiting, none)
	if u.underWay == 0 {
		u.release()
	}
	return none
}

func (u *unaryCalls) release() {
	for _, none := range u.waiting {
		close(none)
	}
	u.waiting = nil
}
