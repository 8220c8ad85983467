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
	base := context.WithValue(context.WithoutCancel(stop), stoppingKey{}, stop)
	return func(net.Listener) context.Context { return base }
}

// onStopping calls f when the server of a request begins to shut down, unless
// cancel is called before.
func onStopping(request context.Context, f func()) (cancel func() bool) {
	stop, ok := request.Value(stoppingKey{}).(context.Context)
	if !ok {
		return func() bool { return false }
	}
	return context.AfterFunc(stop, f)
}
