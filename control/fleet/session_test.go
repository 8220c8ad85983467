package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Two sessions of one cluster may pass through the transaction that begins them
// in one order and be added to those of the replica in the other.
func TestTheNewestSessionIsKept(t *testing.T) {
	sessions := NewSessions(nil, nil, "replica-1")
	begun := func(epoch int64) *session {
		return &session{cluster: "cluster-a", epoch: epoch, ended: make(chan error, 1)}
	}
	older, newest, late := begun(1), begun(3), begun(2)
	for _, step := range []struct {
		session *session
		want    error
	}{{older, nil}, {newest, nil}, {late, errSuperseded}} {
		if err := sessions.add(step.session); !errors.Is(err, step.want) {
			t.Errorf("epoch %d: got %v, want %v", step.session.epoch, err, step.want)
		}
	}
	if sessions.of("cluster-a") != newest {
		t.Error("the newest session is not the cluster's")
	}
	if err := <-older.ended; !errors.Is(err, errSuperseded) {
		t.Errorf("the older session ended with %v", err)
	}
	select {
	case err := <-newest.ended:
		t.Errorf("the newest session ended with %v", err)
	default:
	}
	sessions.remove(older)
	if sessions.Count() != 1 {
		t.Error("the end of an older session removed the newest")
	}
}

// contextStream is a stream that has a context and nothing else.
type contextStream struct {
	agentv1.FleetService_ConnectServer
	context func() context.Context
}

func (s contextStream) Context() context.Context { return s.context() }

// Another replica may begin a session of the cluster before this one has added
// its own, which no trigger ends then.
func TestASessionThatIsSupersededBeforeItIsAddedEnds(t *testing.T) {
	f := newFixture(t)
	older := f.begin("cluster-a")
	f.Sessions.remove(older)
	newer := f.begin("cluster-a") // which another replica would have
	f.Sessions.remove(newer)
	f.view()
	older.stream = contextStream{context: t.Context}
	broken := make(chan error, 1)
	broken <- errors.New("the session went on")
	if err := older.serve(nil, broken, false); !errors.Is(err, errSuperseded) {
		t.Errorf("the older session ended with %v, want %v", err, errSuperseded)
	}
}

// Reports coalesce within a session and never across sessions.
func TestReportsOfSessionsDoNotMix(t *testing.T) {
	r := newReports(nil)
	ref := &agentv1.ObjectRef{Name: "orders"}
	older, newer := &session{cluster: "cluster-a", epoch: 1}, &session{cluster: "cluster-a", epoch: 2}
	status := func(text string) func(*report) {
		return func(r *report) { r.status = &agentv1.StatusReport{Status: text} }
	}
	event := func(r *report) { r.events = append(r.events, &agentv1.EventReport{}) }

	r.add(older, ref, status("old"))
	r.add(newer, ref, event)
	r.add(older, ref, status("late"))
	r.add(newer, ref, event)

	_, next, ok := r.take()
	if !ok || next.session != newer || next.status != nil || len(next.events) != 2 {
		t.Errorf("got %+v, want two events of the newer session and no status", next)
	}
	if _, more, ok := r.take(); ok {
		t.Errorf("got %+v besides", more)
	}
}

// An agent that does not read costs a bounded number of messages and a key an
// object.
// A message that differs from one attempt to the next hides that nothing has changed.
func TestViolationsOfHelloAreInOrder(t *testing.T) {
	long := strings.Repeat("x", maxHelloString+1)
	hello := &agentv1.Hello{Cluster: "cluster-a", ProcessId: long, AgentVersion: long, KubernetesVersion: long}
	const want = "process_id: must not be longer than 253 bytes; agent_version: must not be longer than 253 bytes; kubernetes_version: must not be longer than 253 bytes"
	for range 20 { // maps are visited in any order
		if err := checkHello(hello); err == nil || err.Error() != want {
			t.Fatalf("got  %v\nwant %s", err, want)
		}
	}
}

func TestOutboxIsBounded(t *testing.T) {
	o := newOutbox()
	for range maxMessages {
		if !o.add(&agentv1.ConnectResponse{}) {
			t.Fatal("there is no room within the bound")
		}
		o.changed(sendable{things, thing})
	}
	if o.add(&agentv1.ConnectResponse{}) {
		t.Error("there is room beyond the bound")
	}
	messages, resources := 0, 0
	for {
		message, _, _, more := o.next()
		if !more {
			break
		}
		if message != nil {
			messages++
		} else {
			resources++
		}
	}
	if messages != maxMessages || resources != 1 {
		t.Errorf("got %d messages and %d resources", messages, resources)
	}
}

// TestCallersCannotFillTheOutbox: which would end the session of the agent.
func TestCallersCannotFillTheOutbox(t *testing.T) {
	s := &session{cluster: "cluster-a", out: newOutbox(), ended: make(chan error, 1)}
	for range maxRequests {
		if err := s.request(&agentv1.ConnectResponse{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.request(&agentv1.ConnectResponse{}); status.Code(err) != codes.Unavailable {
		t.Errorf("beyond the bound: %v", err)
	}
	s.enqueue(&agentv1.ConnectResponse{}) // of the control plane
	select {
	case err := <-s.ended:
		t.Errorf("the session ends: %v", err)
	default:
	}
}

// TestClustersTakeTurns: one agent that reports a lot does not hold up another one.
func TestClustersTakeTurns(t *testing.T) {
	r := newReports(nil)
	busy, other := &session{cluster: "cluster-a", ended: make(chan error, 1)}, &session{cluster: "cluster-b", ended: make(chan error, 1)}
	for i := range 1000 {
		r.addStatus(busy, &agentv1.StatusReport{Ref: &agentv1.ObjectRef{Name: fmt.Sprint(i)}})
	}
	for i := range 3 {
		r.addStatus(other, &agentv1.StatusReport{Ref: &agentv1.ObjectRef{Name: fmt.Sprint(i)}})
	}
	var got []string
	for range 6 {
		key, _, _ := r.take()
		got = append(got, key.cluster+" "+key.object.name)
	}
	want := []string{"cluster-a 0", "cluster-b 0", "cluster-a 1", "cluster-b 1", "cluster-a 2", "cluster-b 2"}
	if !slices.Equal(got, want) {
		t.Errorf("the reports are stored in the order %v", got)
	}
}

func TestAnAgentThatReportsTooManyObjectsIsCutOff(t *testing.T) {
	r := newReports(nil)
	s := &session{cluster: "cluster-a", ended: make(chan error, 1)}
	for i := range maxWaitingObjects + 1 {
		r.addStatus(s, &agentv1.StatusReport{Ref: &agentv1.ObjectRef{Name: fmt.Sprint(i)}})
	}
	select {
	case err := <-s.ended:
		if !errors.Is(err, errFlooding) {
			t.Errorf("the session ends with %v", err)
		}
	default:
		t.Error("the session goes on")
	}
	if got := r.depth(); got != maxWaitingObjects {
		t.Errorf("%d objects wait", got)
	}
}

func TestOutcomesOfAnObjectAreBounded(t *testing.T) {
	r := newReports(nil)
	s := &session{cluster: "cluster-a"}
	for i := range 2 * maxWaitingAcks {
		r.addAck(s, &agentv1.Ack{Ref: ref, OwnerUid: fmt.Sprint(i)})
	}
	if _, next, _ := r.take(); len(next.acks) != maxWaitingAcks {
		t.Errorf("%d outcomes wait", len(next.acks))
	}
}
