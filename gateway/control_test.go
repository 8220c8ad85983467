package gateway_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/inprocess"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// control stands in for the control plane. Every RPC of the API is there; what
// it answers is set by method name, and what is not set is unimplemented.
type control struct {
	mu      sync.Mutex
	answers map[string]func(context.Context, proto.Message) (proto.Message, error)
	calls   []call
}

// call is one RPC that was received.
type call struct {
	method   string
	request  proto.Message
	metadata metadata.MD
}

func newControl() *control {
	return &control{answers: map[string]func(context.Context, proto.Message) (proto.Message, error){}}
}

// on sets the answer of a method, named without its service.
func (c *control) on(method string, answer func(context.Context, proto.Message) (proto.Message, error)) *control {
	c.answers[method] = answer
	return c
}

// returns sets a constant answer.
func (c *control) returns(method string, answer proto.Message) *control {
	return c.on(method, func(context.Context, proto.Message) (proto.Message, error) { return answer, nil })
}

// fails sets a constant error.
func (c *control) fails(method string, err error) *control {
	return c.on(method, func(context.Context, proto.Message) (proto.Message, error) { return nil, err })
}

// last is the call received last.
func (c *control) last(t *testing.T) call {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) == 0 {
		t.Fatal("the control plane was not called")
	}
	return c.calls[len(c.calls)-1]
}

func (c *control) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// intercept takes the place of all services.
func (c *control) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c.mu.Lock()
	c.calls = append(c.calls, call{info.FullMethod, proto.Clone(request.(proto.Message)), md})
	answer := c.answers[info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]]
	c.mu.Unlock()
	if answer == nil {
		return handler(ctx, request)
	}
	return answer(ctx, request.(proto.Message))
}

// register registers every service of the API. None of their methods is
// implemented; control.intercept is what answers.
func register(to grpc.ServiceRegistrar) {
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			desc := &grpc.ServiceDesc{ServiceName: string(service.FullName()), HandlerType: (*any)(nil)}
			for j := range service.Methods().Len() {
				if method := service.Methods().Get(j); !method.IsStreamingServer() {
					desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: string(method.Name()), Handler: unimplemented(method)})
				}
			}
			to.RegisterService(desc, nil)
		}
		return true
	})
}

func unimplemented(method protoreflect.MethodDescriptor) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		input, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
		if err != nil {
			return nil, err
		}
		request := input.New().Interface()
		if err := decode(request); err != nil {
			return nil, err
		}
		info := &grpc.UnaryServerInfo{FullMethod: "/" + string(method.Parent().FullName()) + "/" + string(method.Name())}
		return interceptor(ctx, request, info, func(context.Context, any) (any, error) {
			return nil, status.Error(codes.Unimplemented, "not implemented")
		})
	}
}

// transports are the two ways to the control plane.
var transports = map[string]func(testing.TB, *control) grpc.ClientConnInterface{
	"gRPC server": overSocket,
	"in process":  inProcess,
}

func overSocket(t testing.TB, c *control) grpc.ClientConnInterface {
	server := grpc.NewServer(grpc.UnaryInterceptor(c.intercept))
	register(server)
	listener := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Errorf("serve gRPC: %v", err)
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

func inProcess(t testing.TB, c *control) grpc.ClientConnInterface {
	conn := inprocess.New(inprocess.Config{
		Unary:         []grpc.UnaryServerInterceptor{c.intercept},
		Log:           quiet(),
		SharedReplies: true,
	})
	register(conn)
	t.Cleanup(conn.Close)
	return conn
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rest is a gateway on a socket, and a client of it.
type rest struct {
	url    string
	client *http.Client
}

// start serves a gateway before a control plane in this process.
func start(t testing.TB, c *control, configure ...func(*gateway.Config)) *rest {
	t.Helper()
	return startWith(t, inProcess(t, c), configure...)
}

func startWith(t testing.TB, conn grpc.ClientConnInterface, configure ...func(*gateway.Config)) *rest {
	t.Helper()
	config := gateway.Config{Conn: conn, Log: quiet()}
	for _, f := range configure {
		f(&config)
	}
	handler, err := gateway.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	listener := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := gateway.Serve(ctx, listener, handler, nil, quiet()); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		serving.Wait()
	})
	return &rest{url: "http://" + listener.Addr().String(), client: &http.Client{Transport: transport}}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are "Name: value".
func (s *rest) do(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	return s.send(t, request)
}

func (s *rest) send(t testing.TB, request *http.Request) reply {
	t.Helper()
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, body.String()}
}

// errorBody is the contract's error body in JSON.
func errorBody(messages ...string) string {
	var b strings.Builder
	b.WriteString(`{"errors":[`)
	for i, m := range messages {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"message":"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m) + `"}`)
	}
	b.WriteString(`]}`)
	return b.String()
}

func (r reply) expect(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("got  %d %s\nwant %d %s", r.status, r.body, status, body)
	}
}
