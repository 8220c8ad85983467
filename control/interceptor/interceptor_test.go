package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/interceptor"
	"github.com/openweir/weir/control/limit"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/logbuffer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service does in each RPC what the test says.
type service struct {
	cmfv1.UnimplementedEnvironmentServiceServer
	cmfv1.UnimplementedApplicationServiceServer
	agentv1.UnimplementedFleetServiceServer
	do func() error
}

func (s *service) GetEnvironment(context.Context, *cmfv1.GetEnvironmentRequest) (*cmfv1.Environment, error) {
	return &cmfv1.Environment{}, s.do()
}

func (s *service) CreateOrUpdateEnvironment(context.Context, *cmfv1.CreateOrUpdateEnvironmentRequest) (*cmfv1.Environment, error) {
	return &cmfv1.Environment{}, s.do()
}

func (s *service) CreateOrUpdateApplication(context.Context, *cmfv1.CreateOrUpdateApplicationRequest) (*cmfv1.FlinkApplication, error) {
	return &cmfv1.FlinkApplication{}, s.do()
}

// Connect answers nothing and ends with the stream.
func (s *service) Connect(stream grpc.BidiStreamingServer[agentv1.ConnectRequest, agentv1.ConnectResponse]) error {
	for {
		switch _, err := stream.Recv(); {
		case errors.Is(err, io.EOF):
			return s.do()
		case err != nil:
			return err
		}
	}
}

// serve gives a connection to a server whose RPCs all do the same.
func serve(t *testing.T, do func() error, changes ...func(*interceptor.Config)) (*grpc.ClientConn, *logbuffer.Buffer) {
	t.Helper()
	logged := &logbuffer.Buffer{}
	logger := slog.New(slog.NewTextHandler(logged, nil))
	table, err := access.NewTable()
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := limit.NewSizes()
	if err != nil {
		t.Fatal(err)
	}
	config := interceptor.Config{
		Authenticate: access.AllowAnonymous, Limiter: limit.New(limit.Default, sizes), Authorizer: access.NewAuthorizer(), Table: table, Log: logger,
	}
	for _, change := range changes {
		change(&config)
	}
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(interceptor.Unary(config)...),
		grpc.ChainStreamInterceptor(interceptor.Stream(config)...),
	)
	s := &service{do: do}
	registrar := interceptor.Registrar(server, config)
	cmfv1.RegisterEnvironmentServiceServer(registrar, s)
	cmfv1.RegisterApplicationServiceServer(registrar, s)
	agentv1.RegisterFleetServiceServer(registrar, s)
	listener := bufconn.Listen(1 << 20)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:in-process",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return conn, logged
}

// unary and stream call an RPC that ends as the service does.
func unary(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := cmfv1.NewEnvironmentServiceClient(conn).GetEnvironment(ctx, &cmfv1.GetEnvironmentRequest{EnvName: "prod"})
	return err
}

func stream(ctx context.Context, conn *grpc.ClientConn) error {
	s, err := agentv1.NewFleetServiceClient(conn).Connect(ctx)
	if err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	if _, err := s.Recv(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func TestErrorsBecomeStatuses(t *testing.T) {
	for name, test := range map[string]struct {
		do     func() error
		code   codes.Code
		text   string
		logged string // what must be in the log; empty where nothing may be
	}{
		"no error":        {func() error { return nil }, codes.OK, "", ""},
		"an API error":    {func() error { return apierror.NotFound("None.") }, codes.NotFound, "None.", ""},
		"a status":        {func() error { return status.Error(codes.PermissionDenied, "No.") }, codes.PermissionDenied, "No.", ""},
		"a panic":         {func() error { panic("boom") }, codes.Internal, "Internal error.", "panic: boom"},
		"a runtime error": {func() error { var v any = 1; return errors.New(v.(string)) }, codes.Internal, "Internal error.", "interface conversion"},
		"any other":       {func() error { return errors.New("secret detail") }, codes.Internal, "Internal error.", "secret detail"},
		"no space": {
			func() error { return fmt.Errorf("create: %w", store.ErrNoSpace) }, codes.ResourceExhausted,
			"etcd's space quota is used up, so nothing can be stored. Reads are not affected. Delete resources, " +
				"or free space in etcd: compact, defragment, and disarm the alarm NOSPACE.", "",
		},
		"no etcd": {
			func() error { return fmt.Errorf("get: %w: %w", store.ErrUnavailable, context.DeadlineExceeded) }, codes.Unavailable,
			"etcd is not available. Try again.", "unavailable",
		},
		"a conflict": {
			func() error { return fmt.Errorf("commit: %w", store.ErrConflict) }, codes.Aborted,
			"The resource was changed concurrently. Try again.", "",
		},
		"too large": {
			func() error { return fmt.Errorf("commit: %w", store.ErrTooLarge) }, codes.ResourceExhausted,
			"The request is too large to be stored: etcd accepts about 1.5 MB.", "",
		},
	} {
		for kind, call := range map[string]func(context.Context, *grpc.ClientConn) error{"unary": unary, "stream": stream} {
			t.Run(name+", "+kind, func(t *testing.T) {
				conn, logged := serve(t, test.do)
				ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "request-7")
				got := status.Convert(call(ctx, conn))
				if got.Code() != test.code || got.Message() != test.text {
					t.Errorf("it is %s: %q, want %s: %q", got.Code(), got.Message(), test.code, test.text)
				}
				switch text := logged.String(); {
				case test.logged == "" && text != "":
					t.Errorf("the log says %s", text)
				case !strings.Contains(text, test.logged):
					t.Errorf("the log says %q, and nothing of %q", text, test.logged)
				case test.logged != "" && !strings.Contains(text, "request_id=request-7"):
					t.Errorf("the log does not name the request: %s", text)
				}
			})
		}
	}
}

func messages(t *testing.T, err error) []string {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		if body, ok := detail.(*cmfv1.RestError); ok {
			var all []string
			for _, e := range body.GetErrors() {
				all = append(all, e.GetMessage())
			}
			return all
		}
	}
	t.Fatalf("%v has no messages", err)
	return nil
}

func TestRequestsAreValidatedBeforeTheServiceIsCalled(t *testing.T) {
	conn, _ := serve(t, func() error { t.Error("the service was called"); return nil })
	_, err := cmfv1.NewApplicationServiceClient(conn).CreateOrUpdateApplication(t.Context(),
		&cmfv1.CreateOrUpdateApplicationRequest{Application: &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: "["}}})
	if got := status.Code(err); got != codes.InvalidArgument {
		t.Errorf("the code is %s", got)
	}
	want := []string{"spec: must be a JSON object", "metadata: must not be null"}
	if difference := cmp.Diff(want, messages(t, err)); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}

// The service of environments reports broken rules together with what only the
// state can tell.
func TestTheEnvironmentServiceValidatesItsOwnRequests(t *testing.T) {
	called := make(chan struct{}, 1)
	conn, _ := serve(t, func() error { called <- struct{}{}; return nil })
	_, err := cmfv1.NewEnvironmentServiceClient(conn).CreateOrUpdateEnvironment(t.Context(),
		&cmfv1.CreateOrUpdateEnvironmentRequest{Environment: &cmfv1.Environment{Name: "fl"}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-called:
	default:
		t.Error("the service was not called")
	}
}
