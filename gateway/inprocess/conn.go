// Package inprocess calls gRPC services of the same process: no socket, no
// HTTP/2, no encoding, one goroutine for a unary call and its handler.
//
// A Conn is both ends. Services are registered on it as on a grpc.Server, and
// clients call it as they call a grpc.ClientConn. The two sides share what a
// wire would carry and nothing else: metadata, deadline, cancellation, trace,
// copies of messages, status with its details. The one difference that shows
// is that a unary call returns when its handler does, so that a handler which
// ignores its context keeps its caller waiting.
package inprocess

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Config configures a Conn.
type Config struct {
	// Unary and Stream are the server's interceptors, outermost first.
	Unary  []grpc.UnaryServerInterceptor
	Stream []grpc.StreamServerInterceptor
	// Log receives panics of handlers. Required.
	Log *slog.Logger
	// SharedReplies spares unary calls the copy of the reply beneath its top
	// level. It is for clients that only read replies, such as the gateway:
	// what they get may be in use elsewhere. See the package's share function
	// for why that is safe.
	SharedReplies bool
}

// Conn carries calls from clients to services in the same process. Methods may
// be called from many goroutines at once.
type Conn struct {
	config  Config
	unary   grpc.UnaryServerInterceptor  // all of them as one; nil for none
	stream  grpc.StreamServerInterceptor // the same
	methods map[string]method
	serving atomic.Bool // no more services are taken

	closed  context.Context //nolint:containedctx // ends with Close
	close   context.CancelFunc
	mu      sync.Mutex // orders the start of streams and Close
	streams sync.WaitGroup
}

var (
	_ grpc.ServiceRegistrar    = (*Conn)(nil)
	_ grpc.ClientConnInterface = (*Conn)(nil)
)

// method is what a full method name leads to.
type method struct {
	service any // the implementation
	unary   *grpc.MethodDesc
	stream  *grpc.StreamDesc
}

// New makes a connection without services.
func New(config Config) *Conn {
	c := &Conn{
		config:  config,
		unary:   chainUnary(config.Unary),
		stream:  chainStream(config.Stream),
		methods: map[string]method{},
	}
	c.closed, c.close = context.WithCancel(context.Background()) //nolint:forbidigo // a connection lives until Close
	return c
}

// RegisterService makes a service known, before the first call. Like that of
// grpc.Server it panics where that is too late or the name is taken: both are
// programming errors.
func (c *Conn) RegisterService(desc *grpc.ServiceDesc, implementation any) {
	if c.serving.Load() {
		panic("inprocess: service " + desc.ServiceName + " is registered after the first call")
	}
	add := func(name string, m method) {
		full := "/" + desc.ServiceName + "/" + name
		if _, taken := c.methods[full]; taken {
			panic("inprocess: " + full + " is registered twice")
		}
		c.methods[full] = m
	}
	for i := range desc.Methods {
		add(desc.Methods[i].MethodName, method{service: implementation, unary: &desc.Methods[i]})
	}
	for i := range desc.Streams {
		add(desc.Streams[i].StreamName, method{service: implementation, stream: &desc.Streams[i]})
	}
}

// Close ends all streams and waits for their handlers. Calls after it fail.
func (c *Conn) Close() {
	c.mu.Lock()
	c.close()
	c.mu.Unlock()
	c.streams.Wait()
}

// lookup finds a method for a call that is about to begin.
func (c *Conn) lookup(ctx context.Context, name string) (method, error) {
	if !c.serving.Load() {
		c.serving.Store(true)
	}
	if err := ctx.Err(); err != nil {
		return method{}, status.FromContextError(err).Err()
	}
	if c.closed.Err() != nil {
		return method{}, status.Error(codes.Canceled, "the connection is closed")
	}
	m, ok := c.methods[name]
	if !ok {
		return method{}, status.Errorf(codes.Unimplemented, "unknown method %s", name)
	}
	return m, nil
}

// Invoke makes a unary call.
func (c *Conn) Invoke(ctx context.Context, name string, request, reply any, options ...grpc.CallOption) error {
	m, err := c.lookup(ctx, name)
	if err != nil {
		return err
	}
	if m.unary == nil {
		return status.Errorf(codes.Unimplemented, "%s is a stream", name)
	}
	transport := &transport{method: name}
	inner, cancel, err := serverContext(ctx, transport, options)
	if err != nil {
		return err
	}
	defer cancel()

	response, err := c.handle(inner, m, func(into any) error { return copyMessage(into, request) })
	transport.finish()
	transport.deliver(options)
	switch {
	case ctx.Err() != nil: // as a client sees it that did not wait
		return status.FromContextError(ctx.Err()).Err()
	case err != nil:
		return wireError(err)
	case c.config.SharedReplies:
		return share(reply, response)
	}
	return copyMessage(reply, response)
}

// handle runs a unary handler within its interceptors.
func (c *Conn) handle(ctx context.Context, m method, decode func(any) error) (response any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			response, err = nil, c.panicked(m.unary.MethodName, cause)
		}
	}()
	return m.unary.Handler(m.service, ctx, decode, c.unary)
}

// panicked turns a panic into the error that the client gets.
func (c *Conn) panicked(method string, cause any) error {
	c.config.Log.Error("a gRPC handler panicked", "method", method, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "internal error")
}

// wireError is an error as it would come off the wire: a status, and nothing
// of what it wraps.
func wireError(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err) // which is Unknown for most
	}
	if s.Code() == codes.OK {
		return nil
	}
	return s.Err()
}
