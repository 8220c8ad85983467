package gateway

import (
	"context"
	"errors"
	"net"
)

// errStopping ends what would go on after the server was told to stop.
var errStopping = errors.New("the server is stopping")

type stoppingKey struct{}

// withStopping lets requests know when the server is told to stop. Their own
// contexts go on then: most requests are given the time to end by themselves.
func withStopping(stop context.Context) func(net.Listener) context.Context {
	base := context.WithValue(context.Background(), stoppingKey{}, stop)
	return func(net.Listener) context.Context { return base }
}

// stopping ends when the server is told to stop.
func stopping(request context.Context) context.Context {
	if stop, ok := request.Value(stoppingKey{}).(context.Context); ok {
		return stop
	}
	return context.Background()
}
