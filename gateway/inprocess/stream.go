package inprocess

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// window is how many messages may be under way in one direction before their
// sender waits.
const window = 16

// stream is one streaming call, seen from neither side.
type stream struct {
	desc      *grpc.StreamDesc
	transport *transport
	client    context.Context //nolint:containedctx // of the one call that this is
	options   []grpc.CallOption
	toServer  chan proto.Message // closed by CloseSend
	toClient  chan proto.Message
	header    chan struct{} // closed when the header is sent
	done      chan struct{} // closed when the handler has returned
	err       error         // of the handler; read after done
	closeSend sync.Once
	// sendClosed refuses messages after CloseSend, from the same goroutine: a
	// stream has one sender.
	sendClosed atomic.Bool
}

// NewStream starts a streaming call. Its handler runs until it returns; its
// context ends with ctx or with the connection.
func (c *Conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, name string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	m, err := c.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if m.stream == nil {
		return nil, status.Errorf(codes.Unimplemented, "%s is not a stream", name)
	}
	s := &stream{
		desc:     desc,
		client:   ctx,
		options:  options,
		toServer: make(chan proto.Message, window),
		toClient: make(chan proto.Message, window),
		header:   make(chan struct{}),
		done:     make(chan struct{}),
	}
	s.transport = &transport{method: name, onSent: func() { close(s.header) }}
	inner, cancel, err := serverContext(ctx, s.transport, options)
	if err != nil {
		return nil, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Err() != nil {
		cancel()
		return nil, status.Error(codes.Canceled, "the connection is closed")
	}
	c.streams.Go(func() {
		defer cancel()
		defer context.AfterFunc(c.closed, cancel)()
		s.err = c.handleStream(m, &serverStream{stream: s, ctx: inner})
		s.transport.finish()
		close(s.done)
	})
	return &clientStream{s}, nil
}

// handleStream runs a streaming handler within its interceptors.
func (c *Conn) handleStream(m method, ss *serverStream) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = c.panicked(m.stream.StreamName, cause)
		}
	}()
	if c.stream == nil {
		err = m.stream.Handler(m.service, ss)
	} else {
		info := &grpc.StreamServerInfo{
			FullMethod:     ss.transport.method,
			IsClientStream: m.stream.ClientStreams,
			IsServerStream: m.stream.ServerStreams,
		}
		err = c.stream(m.service, ss, info, m.stream.Handler)
	}
	if err != nil {
		return wireError(err)
	}
	return nil
}

// serverStream is the handler's side.
type serverStream struct {
	*stream
	ctx context.Context //nolint:containedctx // a grpc.ServerStream has its context
}

var _ grpc.ServerStream = (*serverStream)(nil)

// Context is the handler's context.
func (s *serverStream) Context() context.Context { return s.ctx }

// SetHeader adds to the header.
func (s *serverStream) SetHeader(md metadata.MD) error { return s.transport.SetHeader(md) }

// SendHeader adds to the header and sends it.
func (s *serverStream) SendHeader(md metadata.MD) error { return s.transport.SendHeader(md) }

// SetTrailer adds to the trailer.
func (s *serverStream) SetTrailer(md metadata.MD) { _ = s.transport.SetTrailer(md) }

// SendMsg sends a copy of a message to the client.
func (s *serverStream) SendMsg(m any) error {
	if err := s.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	message, err := cloneMessage(m)
	if err != nil {
		return err
	}
	s.transport.finish()
	select {
	case s.toClient <- message:
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

// RecvMsg takes the client's next message; the error is io.EOF after its last.
func (s *serverStream) RecvMsg(m any) error {
	select {
	case message, ok := <-s.toServer:
		if !ok {
			return io.EOF
		}
		return copyMessage(m, message)
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

// clientStream is the caller's side.
type clientStream struct {
	*stream
}

var _ grpc.ClientStream = (*clientStream)(nil)

// Context is the caller's context.
func (s *clientStream) Context() context.Context { return s.client }

// Header waits for the header.
func (s *clientStream) Header() (metadata.MD, error) {
	select {
	case <-s.header:
		header, _ := s.transport.copies()
		return header, nil
	case <-s.client.Done():
		return nil, status.FromContextError(s.client.Err()).Err()
	}
}

// Trailer is the trailer, once RecvMsg has returned an error.
func (s *clientStream) Trailer() metadata.MD {
	_, trailer := s.transport.copies()
	return trailer
}

// CloseSend ends the messages to the handler.
func (s *clientStream) CloseSend() error {
	s.closeSend.Do(func() {
		s.sendClosed.Store(true)
		close(s.toServer)
	})
	return nil
}

// SendMsg sends a copy of a message to the handler. The error is io.EOF where
// the stream has ended; RecvMsg then returns the reason.
func (s *clientStream) SendMsg(m any) error {
	if s.sendClosed.Load() {
		return status.Error(codes.Internal, "a message is sent after CloseSend")
	}
	message, err := cloneMessage(m)
	if err != nil {
		return err
	}
	select {
	case <-s.done:
		return io.EOF
	case <-s.client.Done():
		return io.EOF
	default:
	}
	select {
	case s.toServer <- message:
	case <-s.done:
		return io.EOF
	case <-s.client.Done():
		return io.EOF
	}
	if !s.desc.ClientStreams {
		return s.CloseSend()
	}
	return nil
}

// RecvMsg takes the handler's next message. The error is io.EOF after the last
// of a stream that went well.
func (s *clientStream) RecvMsg(m any) error {
	message, err := s.next()
	if err != nil {
		s.transport.deliver(s.options)
		if errors.Is(err, io.EOF) && !s.desc.ServerStreams {
			return status.Error(codes.Internal, "the handler returned without a message")
		}
		return err
	}
	if !s.desc.ServerStreams {
		// The one message counts only if the handler then ends well.
		if _, err := s.next(); !errors.Is(err, io.EOF) {
			if err == nil {
				err = status.Error(codes.Internal, "the handler sent more than one message")
			}
			return err
		}
		s.transport.deliver(s.options)
	}
	return copyMessage(m, message)
}

// next waits for a message, or the end: io.EOF or the handler's error.
func (s *clientStream) next() (proto.Message, error) {
	if err := s.client.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	select {
	case message := <-s.toClient:
		return message, nil
	case <-s.client.Done():
		return nil, status.FromContextError(s.client.Err()).Err()
	case <-s.done:
	}
	// What was sent before the end comes before it.
	select {
	case message := <-s.toClient:
		return message, nil
	default:
	}
	if s.err != nil {
		return nil, s.err
	}
	return nil, io.EOF
}
