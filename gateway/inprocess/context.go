package inprocess

import (
	"context"
	"net"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// address is that of both sides, unless WithClientAddress has said another one of the
// client.
type address struct{}

// Network names the transport.
func (address) Network() string { return "inprocess" }

// String is the address.
func (address) String() string { return "inprocess" }

type clientAddressKey struct{}

// WithClientAddress returns a context whose calls have the peer address of whom they
// are made for.
func WithClientAddress(ctx context.Context, client net.Addr) context.Context {
	return context.WithValue(ctx, clientAddressKey{}, client)
}

func clientAddress(ctx context.Context) net.Addr {
	if client, ok := ctx.Value(clientAddressKey{}).(net.Addr); ok {
		return client
	}
	return address{}
}

// wire is a client's context as the server sees it: deadline and cancellation
// pass, values do not. Were they to pass, what the client sends (its outgoing
// metadata, with its credentials) would go out again with every call that the
// handler makes.
type wire struct {
	context.Context //nolint:containedctx // it is a context itself
}

// Value is always absent.
func (wire) Value(any) any { return nil }

// AfterFunc lets contexts derived from this one learn of its end without a
// goroutine each; package context looks for the method.
func (w wire) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(w.Context, f) }

// serverContext makes the context of a handler. It ends with the client's, or
// by cancel.
func serverContext(client context.Context, t *transport, options []grpc.CallOption) (context.Context, context.CancelFunc, error) {
	md, _ := metadata.FromOutgoingContext(client) // a copy
	md, err := withCredentials(client, md, t.method, options)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(wire{client})
	ctx = metadata.NewIncomingContext(ctx, md)
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: clientAddress(client), LocalAddr: address{}, AuthInfo: authInfo(client)})
	ctx = grpc.NewContextWithServerTransportStream(ctx, t)
	if span := trace.SpanContextFromContext(client); span.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, span)
	}
	return ctx, cancel, nil
}

// withCredentials adds the metadata of credentials given with the call.
func withCredentials(ctx context.Context, md metadata.MD, method string, options []grpc.CallOption) (metadata.MD, error) {
	if md == nil {
		md = metadata.MD{}
	}
	for _, option := range options {
		credentials, ok := option.(grpc.PerRPCCredsCallOption)
		if !ok {
			continue
		}
		pairs, err := credentials.Creds.GetRequestMetadata(ctx, "inprocess://"+method)
		if err != nil {
			return nil, status.Convert(err).Err()
		}
		for k, v := range pairs {
			md.Append(k, v)
		}
	}
	return md, nil
}
