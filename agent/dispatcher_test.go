package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/agent/sql"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

// statements is an ObjectDriver that records its calls.
type statements struct {
	ack   func(*agentv1.Ack)
	calls chan string
}

func (s *statements) Run(ctx context.Context) { <-ctx.Done() }
func (s *statements) Handles(ref *agentv1.ObjectRef) bool {
	return ref.GetApiVersion() == sql.APIVersion && ref.GetKind() == sql.Kind
}
func (s *statements) Describe(_ context.Context, hello *agentv1.Hello) error {
	hello.CustomResourceDefinitions = append(hello.CustomResourceDefinitions, sql.Capability)
	hello.Held = append(hello.Held, &agentv1.HeldObject{Ref: statementRef("held"), OwnerUid: "u"})
	return nil
}
func (s *statements) Welcome(string, int64, int64, bool) { s.calls <- "welcome" }
func (s *statements) Delete(m *agentv1.Delete)           { s.calls <- "delete " + m.GetRef().GetName() }
func (s *statements) Orphan(m *agentv1.Orphan)           { s.calls <- "orphan " + m.GetRef().GetName() }
func (s *statements) Synced()                            { s.calls <- "synced" }
func (s *statements) Decommissioned()                    { s.calls <- "decommissioned" }
func (s *statements) Disconnected(bool)                  { s.calls <- "disconnected" }

func (s *statements) Apply(a *agentv1.Apply) {
	s.calls <- "apply " + a.GetRef().GetName()
	s.ack(&agentv1.Ack{Ref: a.GetRef(), Outcome: agentv1.Outcome_OUTCOME_APPLIED})
}

func statementRef(name string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{ApiVersion: sql.APIVersion, Kind: sql.Kind, Namespace: "default", Name: name}
}

// sqlFleet sends every agent an object of Kubernetes and some statements.
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

func TestAnObjectGoesToTheDriverThatHandlesIt(t *testing.T) {
	f := &sqlFleet{hello: make(chan *agentv1.Hello, 1), acked: make(chan string, 10)}
	address := listen(t, f)
	s := &statements{calls: make(chan string, 10)}
	run(t, Config{ControlPlane: address, Identity: Identity{Token: "t", Insecure: true}, Kubernetes: kubernetes(t)}, func(a *Agent) {
		s.ack, a.drivers = a.outbox.Ack, append(a.drivers, s)
	})

	hello := await.Receive(t, "Hello", f.hello)
	if !slices.Contains(hello.GetCustomResourceDefinitions(), sql.Capability) {
		t.Errorf("the definitions are %v", hello.GetCustomResourceDefinitions())
	}
	if held := hello.GetHeld(); len(held) != 1 || held[0].GetRef().GetName() != "held" {
		t.Errorf("held are %v", held)
	}
	for _, want := range []string{"welcome", "apply one", "delete two", "synced"} {
		if got := await.Receive(t, want, s.calls); got != want {
			t.Errorf("the driver's next call is %q, want %q", got, want)
		}
	}
	acked := []string{await.Receive(t, "an Ack", f.acked), await.Receive(t, "another Ack", f.acked)}
	slices.Sort(acked)
	if !slices.Equal(acked, []string{"app", "one"}) {
		t.Errorf("acknowledged are %v", acked)
	}
}

func TestAnObjectThatNoDriverHandlesIsRefused(t *testing.T) {
	for _, ref := range []*agentv1.ObjectRef{
		{ApiVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "app"},
		{ApiVersion: sql.APIVersion, Kind: "Catalog", Namespace: "default", Name: "app"},
	} {
		var acks []*agentv1.Ack
		d := &dispatcher{
			config:  &Config{Cluster: "edge"},
			drivers: []ObjectDriver{&statements{}},
			ack:     func(a *agentv1.Ack) { acks = append(acks, a) },
		}
		d.Apply(&agentv1.Apply{Ref: ref, OwnerUid: "u1", Generation: 3, Hash: "h", Manifest: "{}"})
		d.Delete(&agentv1.Delete{Ref: ref, OwnerUid: "u1"})
		if len(acks) != 2 || acks[0].GetGeneration() != 3 || acks[0].GetHash() != "h" {
			t.Fatalf("the Acks are %v", acks)
		}
		for _, a := range acks {
			mention := fmt.Sprintf("%s (%s)", ref.GetKind(), ref.GetApiVersion())
			if a.GetOutcome() != agentv1.Outcome_OUTCOME_REFUSED || a.GetReason() != ReasonUnsupportedKind ||
				a.GetOwnerUid() != "u1" || a.GetRef() != ref || !strings.Contains(a.GetMessage(), mention) {
				t.Errorf("the Ack is %v; want a refusal that mentions %q", a, mention)
			}
		}
	}
}
