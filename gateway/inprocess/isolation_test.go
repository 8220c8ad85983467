package inprocess_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// environments is a service that keeps what it is sent and hands out what it
// keeps, as a careless cache would.
type environments struct {
	cmfv1.UnimplementedEnvironmentServiceServer
	kept *cmfv1.Environment
}

func (e *environments) CreateOrUpdateEnvironment(_ context.Context, r *cmfv1.CreateOrUpdateEnvironmentRequest) (*cmfv1.Environment, error) {
	e.kept = r.GetEnvironment()
	return e.kept, nil
}

func (e *environments) GetEnvironment(context.Context, *cmfv1.GetEnvironmentRequest) (*cmfv1.Environment, error) {
	return e.kept, nil
}

func environmentClient(t *testing.T, service *environments, shared bool) cmfv1.EnvironmentServiceClient {
	conn := inprocess.New(inprocess.Config{SharedReplies: shared, Log: slog.New(slog.DiscardHandler)})
	cmfv1.RegisterEnvironmentServiceServer(conn, service)
	t.Cleanup(conn.Close)
	return cmfv1.NewEnvironmentServiceClient(conn)
}

func sample() *cmfv1.Environment {
	return &cmfv1.Environment{
		Name:                     "test",
		Metadata:                 &cmfv1.ObjectMeta{Labels: map[string]string{"a": "1"}},
		FlinkApplicationDefaults: object(`{"spec":{}}`),
		StatementDefaults: &cmfv1.AllStatementDefaults{
			Detached: &cmfv1.StatementDefaults{FlinkConfiguration: map[string]string{"k": "v"}},
		},
		Secrets: map[string]string{"id": "name"},
	}
}

// spoil changes a message wherever it can be changed.
func spoil(e *cmfv1.Environment) {
	e.Name = "spoilt"
	e.Metadata.Labels["a"] = "spoilt"
	e.FlinkApplicationDefaults.Json = "spoilt"
	e.StatementDefaults.Detached.FlinkConfiguration["k"] = "spoilt"
	e.Secrets["id"] = "spoilt"
}

func TestMessagesAreIsolated(t *testing.T) {
	service := &environments{}
	client := environmentClient(t, service, false)

	sent := sample()
	answer, err := client.CreateOrUpdateEnvironment(t.Context(), &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: sent})
	if err != nil {
		t.Fatal(err)
	}
	spoil(sent)
	if !proto.Equal(service.kept, sample()) {
		t.Error("the client changed what the service was sent")
	}
	if !proto.Equal(answer, sample()) {
		t.Error("request and answer are one")
	}
	spoil(answer)
	if !proto.Equal(service.kept, sample()) {
		t.Error("the client changed what the service keeps")
	}
	answer, err = client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{})
	if err != nil {
		t.Fatal(err)
	}
	spoil(service.kept)
	if !proto.Equal(answer, sample()) {
		t.Error("the service changed what the client received")
	}
}

// TestSharedRepliesShareTheirContents: any number of them may read one reply at
// once, which the race detector watches, and requests stay apart.
func TestSharedRepliesShareTheirContents(t *testing.T) {
	service := &environments{}
	client := environmentClient(t, service, true)
	sent := sample()
	if _, err := client.CreateOrUpdateEnvironment(t.Context(), &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: sent}); err != nil {
		t.Fatal(err)
	}
	spoil(sent)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 100 {
				answer, err := client.GetEnvironment(t.Context(), &cmfv1.GetEnvironmentRequest{})
				if err != nil || !proto.Equal(answer, sample()) {
					t.Errorf("got %v, %v", answer, err)
				}
				if _, err := proto.Marshal(answer); err != nil { // remembers sizes in the message
					t.Error(err)
				}
				answer.Name = "the top level is one's own"
			}
		})
	}
	readers.Wait()
}

func TestPanicsAreInternalErrors(t *testing.T) {
	service := &echo{
		unary:  func(context.Context, *cmfv1.JsonObject) (*cmfv1.JsonObject, error) { panic("secret") },
		stream: func(grpc.ServerStream) error { panic("secret") },
	}
	conn := inProcess(false)(t, service, interceptors{})
	expectStatus(t, conn.Invoke(t.Context(), unaryMethod, object("x"), object("")), codes.Internal, "internal error")
	stream, err := conn.NewStream(t.Context(), &echoService.Streams[0], serverMethod)
	if err != nil {
		t.Fatal(err)
	}
	_, err = receiveAll(stream)
	expectStatus(t, err, codes.Internal, "internal error")
}

func TestAValueThatIsNotAMessageIsRejected(t *testing.T) {
	service := &echo{unary: func(context.Context, *cmfv1.JsonObject) (*cmfv1.JsonObject, error) { return nil, nil }}
	onEach(t, service, interceptors{}, func(t *testing.T, conn grpc.ClientConnInterface) {
		expectStatus(t, conn.Invoke(t.Context(), unaryMethod, "text", object("")), codes.Internal, "")
		expectStatus(t, conn.Invoke(t.Context(), unaryMethod, object("x"), "text"), codes.Internal, "")
	})
}
