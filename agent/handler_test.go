package agent

import (
	"context"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/agent/sql"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// statements is a StatementDriver that notes what reaches it.
type statements struct {
	reports sql.Reporter
	heard   chan string
}

func (s *statements) Fetch(*agentv1.FetchResults, func(*agentv1.ResultPage)) {}
func (s *statements) Report(to sql.Reporter)                                 { s.reports = to }
func (s *statements) Run(ctx context.Context)                                { <-ctx.Done() }
func (s *statements) Handles(ref *agentv1.ObjectRef) bool {
	return ref.GetApiVersion() == sql.APIVersion
}
func (s *statements) Welcome(bool)             { s.heard <- "welcome" }
func (s *statements) Delete(m *agentv1.Delete) { s.heard <- "delete " + m.GetRef().GetName() }
func (s *statements) Synced()                  { s.heard <- "synced" }
func (s *statements) Decommissioned()          { s.heard <- "decommissioned" }
func (s *statements) Disconnected(bool)        { s.heard <- "disconnected" }
func (s *statements) Held() []*agentv1.HeldObject {
	return []*agentv1.HeldObject{{Ref: statementRef("held"), OwnerUid: "u"}}
}

func (s *statements) Apply(a *agentv1.Apply) {
	s.heard <- "apply " + a.GetRef().GetName()
	s.reports.Ack(&agentv1.Ack{Ref: a.GetRef(), Outcome: agentv1.Outcome_OUTCOME_APPLIED})
}

func statementRef(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: sql.APIVersion, Kind: sql.Kind, Namespace: "default", Name: name}
}

// sqlFleet tells every agent about an object of Kubernetes and some statements.
type sqlFleet struct {
	agentv1.UnimplementedFleetServiceServer
	hello chan *agentv1.Hello
	acked chan string
	once  sync.Once
}

func (f *sqlFleet) Connect(stream grpc.BidiStreamingServer[agentv1.ConnectRequest, agentv1.ConnectResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	f.once.Do(func() { f.hello <- first.GetHello() })
	for _, m := range []*agentv1.ConnectResponse{
		{Message: &agentv1.ConnectResponse_Welcome{Welcome: &agentv1.Welcome{Epoch: 1, NextHeartbeat: durationpb.New(1e12)}}},
		{Message: &agentv1.ConnectResponse_Apply{Apply: &agentv1.Apply{Ref: ref(), OwnerUid: "u1", Generation: 1, Hash: "h", Manifest: deployment}}},
		{Message: &agentv1.ConnectResponse_Apply{Apply: &agentv1.Apply{Ref: statementRef("one"), OwnerUid: "u"}}},
		{Message: &agentv1.ConnectResponse_Delete{Delete: &agentv1.Delete{Ref: statementRef("two"), OwnerUid: "u"}}},
		{Message: &agentv1.ConnectResponse_Synced{Synced: &agentv1.Synced{}}},
	} {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if ack := m.GetAck(); ack.GetOutcome() == agentv1.Outcome_OUTCOME_APPLIED {
			f.acked <- ack.GetRef().GetName()
		}
	}
}

func TestStatementsGoToTheirDriver(t *testing.T) {
	f := &sqlFleet{hello: make(chan *agentv1.Hello, 1), acked: make(chan string, 10)}
	address := listen(t, f)
	s := &statements{heard: make(chan string, 10)}
	run(t, Config{ControlPlane: address, Identity: Identity{Token: "t", Insecure: true}, Kubernetes: kubernetes(t), SQL: s})

	hello := next(t, f.hello)
	if !slices.Contains(hello.GetCustomResourceDefinitions(), Capability) {
		t.Errorf("the definitions are %v", hello.GetCustomResourceDefinitions())
	}
	if held := hello.GetHeld(); len(held) != 1 || held[0].GetRef().GetName() != "held" {
		t.Errorf("held are %v", held)
	}
	for _, want := range []string{"welcome", "apply one", "delete two", "synced"} {
		if got := next(t, s.heard); got != want {
			t.Errorf("the driver hears %q, want %q", got, want)
		}
	}
	acked := []string{next(t, f.acked), next(t, f.acked)}
	slices.Sort(acked)
	if !slices.Equal(acked, []string{"app", "one"}) {
		t.Errorf("acknowledged are %v", acked)
	}
}
