package gateway

import (
	"context"
	"errors"
	"net"
)

// errStopping ends what would outlive the shutdown of the server.
var errStopping = errors.New("the server is stopping")

type stoppingKey struct{}

// withStopping makes the shutdown of the server known to requests. Their own
// contexts do not end with it: most requests are given the time to complete.
func withStopping(stop context.Context) func(net.Listener) context.Context {
	base := context.WithValue(context.Background(), stoppingKey{}, stop)
	return func(net.Listener) context.Context { return base }
}

// stopping ends when the server begins to shut down.
func stopping(request context.Context) context.Context {
	if stop, ok := request.Value(stoppingKey{}).(context.Context); ok {
		return stop
	}
	return context.Background()
}
