package inprocess_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a service with an RPC of each kind, all of which carry JsonObject.
// What they do is set by each test.
type echo struct {
	unary  func(context.Context, *cmfv1.JsonObject) (*cmfv1.JsonObject, error)
	stream func(grpc.ServerStream) error
}

const (
	unaryMethod  = "/test.Echo/Unary"
	serverMethod = "/test.Echo/Server"
	clientMethod = "/test.Echo/Client"
	bidiMethod   = "/test.Echo/Bidi"
)

var echoService = grpc.ServiceDesc{
	ServiceName: "test.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: handleUnary}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Server", Handler: handleStream, ServerStreams: true},
		{StreamName: "Client", Handler: handleStream, ClientStreams: true},
		{StreamName: "Bidi", Handler: handleStream, ServerStreams: true, ClientStreams: true},
	},
}

func handleUnary(service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
	request := new(cmfv1.JsonObject)
	if err := decode(request); err != nil {
		return nil, err
	}
	call := func(ctx context.Context, request any) (any, error) {
		return service.(*echo).unary(ctx, request.(*cmfv1.JsonObject))
	}
	if interceptor == nil {
		return call(ctx, request)
	}
	return interceptor(ctx, request, &grpc.UnaryServerInfo{Server: service, FullMethod: unaryMethod}, call)
}

func handleStream(service any, stream grpc.ServerStream) error { return service.(*echo).stream(stream) }

// interceptors are what a server is set up with.
type interceptors struct {
	unary  []grpc.UnaryServerInterceptor
	stream []grpc.StreamServerInterceptor
}

// transports are a real gRPC server and its stand-in. Tests run on both.
var transports = map[string]func(*testing.T, *echo, interceptors) grpc.ClientConnInterface{
	"gRPC server":    overSocket,
	"in process":     inProcess(false),
	"shared replies": inProcess(true),
}

func onEach(t *testing.T, service *echo, with interceptors, run func(*testing.T, grpc.ClientConnInterface)) {
	t.Helper()
	for name, connect := range transports {
		t.Run(name, func(t *testing.T) { run(t, connect(t, service, with)) })
	}
}

func overSocket(t *testing.T, service *echo, with interceptors) grpc.ClientConnInterface {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(with.unary...), grpc.ChainStreamInterceptor(with.stream...))
	server.RegisterService(&echoService, service)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		serving.Wait()
	})
	return conn
}

func inProcess(shared bool) func(*testing.T, *echo, interceptors) grpc.ClientConnInterface {
	return func(t *testing.T, service *echo, with interceptors) grpc.ClientConnInterface {
		conn := inprocess.New(inprocess.Config{
			Unary: with.unary, Stream: with.stream, SharedReplies: shared, Log: slog.New(slog.DiscardHandler),
		})
		conn.RegisterService(&echoService, service)
		t.Cleanup(conn.Close)
		return conn
	}
}

func object(json string) *cmfv1.JsonObject { return &cmfv1.JsonObject{Json: json} }

// receiveAll takes what a stream sends, and how it ended.
func receiveAll(stream grpc.ClientStream) (got []string, err error) {
	for {
		m := new(cmfv1.JsonObject)
		if err := stream.RecvMsg(m); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return got, err
		}
		got = append(got, m.GetJson())
	}
}

func expectStatus(t *testing.T, err error, code codes.Code, message string) {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != code || message != "" && s.Message() != message {
		t.Errorf("error %v, want %v %q", err, code, message)
	}
}
