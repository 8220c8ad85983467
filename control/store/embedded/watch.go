package embedded

import (
	"context"
	"errors"
	"io"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// watchBuffer is how many responses the server can send before the client has
// taken one. etcd queues 128 for a watcher; beyond that it deems the watcher slow
// and looks after it ten times a second only, which every consistent read would
// have to wait for. A burst of writes by callers in the same process, who take
// the processors from the client's goroutines, easily makes more.
const watchBuffer = 8192

// watchClient calls a watch server in the same process, as etcd's own in-process
// client does, but with a buffer between the two.
type watchClient struct{ server etcdserverpb.WatchServer }

// Watch opens a stream.
func (c watchClient) Watch(ctx context.Context, _ ...grpc.CallOption) (etcdserverpb.Watch_WatchClient, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &watchStream{
		ctx:       ctx,
		requests:  make(chan *etcdserverpb.WatchRequest),
		responses: make(chan *etcdserverpb.WatchResponse, watchBuffer),
		ended:     make(chan struct{}),
	}
	go func() {
		defer cancel()
		defer close(s.ended)
		s.err = c.server.Watch(serverEnd{watchStream: s})
	}()
	return clientEnd{watchStream: s}, nil
}

// watchStream is what both ends share.
type watchStream struct {
	ctx       context.Context //nolint:containedctx // a gRPC stream has its context
	requests  chan *etcdserverpb.WatchRequest
	responses chan *etcdserverpb.WatchResponse
	ended     chan struct{} // closed when the server has returned
	err       error         // what it returned
}

// clientEnd and serverEnd have of a gRPC stream what etcd's watch makes use of.
type clientEnd struct {
	grpc.ClientStream
	*watchStream
}

func (e clientEnd) Context() context.Context { return e.ctx }

func (e clientEnd) CloseSend() error { return errors.New("a watch is ended by its context") }

func (e clientEnd) Send(request *etcdserverpb.WatchRequest) error {
	select {
	case e.requests <- request:
		return nil
	case <-e.ended:
		return io.EOF
	case <-e.ctx.Done():
		return status.FromContextError(e.ctx.Err()).Err()
	}
}

func (e clientEnd) Recv() (*etcdserverpb.WatchResponse, error) {
	select {
	case response := <-e.responses:
		return response, nil
	case <-e.ended:
	}
	select {
	case response := <-e.responses: // sent before it ended
		return response, nil
	default:
	}
	if e.err != nil {
		return nil, e.err
	}
	return nil, status.Error(codes.Canceled, "the watch server has ended")
}

type serverEnd struct {
	grpc.ServerStream
	*watchStream
}

func (e serverEnd) Context() context.Context { return e.ctx }

func (e serverEnd) SetHeader(metadata.MD) error { return nil }

func (e serverEnd) SendHeader(metadata.MD) error { return nil }

func (e serverEnd) SetTrailer(metadata.MD) {}

func (e serverEnd) Send(response *etcdserverpb.WatchResponse) error {
	select {
	case e.responses <- response:
		return nil
	case <-e.ctx.Done():
		return status.FromContextError(e.ctx.Err()).Err()
	}
}

func (e serverEnd) Recv() (*etcdserverpb.WatchRequest, error) {
	select {
	case request := <-e.requests:
		return request, nil
	case <-e.ctx.Done():
		return nil, status.FromContextError(e.ctx.Err()).Err()
	}
}
