package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

// agent is one session of an agent that is controlled by the test, which sends its
// messages and inspects those it receives.
type agent struct {
	t      testing.TB
	hello  *agentv1.Hello
	stream grpc.BidiStreamingClient[agentv1.ConnectRequest, agentv1.ConnectResponse]
	close  func()
	ended  chan struct{}

	mu     sync.Mutex
	paused chan struct{} // not nil while the agent does not read
	got    []*agentv1.ConnectResponse
	err    error // what the stream ended with, once ended is closed
}

// hello is what the agent of a cluster says first.
func hello(cluster string, changes ...func(*agentv1.Hello)) *agentv1.Hello {
	h := &agentv1.Hello{
		Cluster: cluster, ProcessId: "process-1", AgentVersion: "1.2.3", KubernetesVersion: "v1.37.2",
		Namespaces:                &agentv1.NamespacesReport{Names: []string{"default", "flink"}},
		CustomResourceDefinitions: []string{"flinkdeployments.flink.apache.org"},
	}
	for _, change := range changes {
		change(h)
	}
	return h
}

// simulated is the hello of an agent whose cluster runs no Flink.
func simulated(h *agentv1.Hello) { h.Simulated = true }

// dial opens a stream with a token and says nothing.
func dial(t testing.TB, address, token string) *agent {
	t.Helper()
	return dialWith(t, address, metadata.Pairs("authorization", "Bearer "+token), grpc.WithTransportCredentials(insecure.NewCredentials()))
}

func dialWith(t testing.TB, address string, md metadata.MD, options ...grpc.DialOption) *agent {
	t.Helper()
	// A window of a fixed size, so that an agent that does not read is a brake.
	options = append(options, grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10))
	conn := must(grpc.NewClient(address, options...))(t)
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(context.Background(), md))
	stream, err := agentv1.NewFleetServiceClient(conn).Connect(ctx)
	a := &agent{t: t, stream: stream, ended: make(chan struct{}), err: err}
	if err == nil {
		go a.receive()
	} else {
		close(a.ended)
	}
	a.close = sync.OnceFunc(func() {
		cancel()
		a.resume()
		<-a.ended
		_ = conn.Close()
	})
	t.Cleanup(a.close)
	return a
}

// connect begins a session and waits until it is synchronized.
func (r *replica) connect(t testing.TB, h *agentv1.Hello) *agent {
	t.Helper()
	a := dial(t, r.agents, anyToken)
	a.begin(h)
	await.Success(t, "Synced", func() error {
		if a.synced() == nil {
			return fmt.Errorf("got %d messages, error %v", len(a.messages()), a.failure())
		}
		return nil
	})
	return a
}

func (a *agent) begin(h *agentv1.Hello) {
	a.t.Helper()
	a.hello = h
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Hello{Hello: h}})
}

func (a *agent) receive() {
	defer close(a.ended)
	for {
		a.mu.Lock()
		paused := a.paused
		a.mu.Unlock()
		if paused != nil {
			<-paused
		}
		message, err := a.stream.Recv()
		a.mu.Lock()
		if err != nil {
			a.err = err
			a.mu.Unlock()
			return
		}
		a.got = append(a.got, message)
		a.mu.Unlock()
	}
}

// failure is why the stream ended, nil while it goes on.
func (a *agent) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// pause stops reading after at most one more message, until resume.
func (a *agent) pause() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paused = make(chan struct{})
}

func (a *agent) resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paused != nil {
		close(a.paused)
		a.paused = nil
	}
}

// send says something; that the stream has ended shows when receiving.
func (a *agent) send(m *agentv1.ConnectRequest) {
	if a.stream != nil {
		_ = a.stream.Send(m)
	}
}

func (a *agent) messages() []*agentv1.ConnectResponse {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

// pick gives what of makes of each message, where it makes something.
func pick[T any](a *agent, of func(*agentv1.ConnectResponse) *T) []*T {
	var out []*T
	for _, m := range a.messages() {
		if v := of(m); v != nil {
			out = append(out, v)
		}
	}
	return out
}

func last[T any](all []*T) *T {
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func (a *agent) welcome() *agentv1.Welcome {
	return last(pick(a, (*agentv1.ConnectResponse).GetWelcome))
}
func (a *agent) synced() *agentv1.Synced { return last(pick(a, (*agentv1.ConnectResponse).GetSynced)) }
func (a *agent) lifecycle() *agentv1.Lifecycle {
	return last(pick(a, (*agentv1.ConnectResponse).GetLifecycle))
}
func (a *agent) deletes() []*agentv1.Delete { return pick(a, (*agentv1.ConnectResponse).GetDelete) }

// applies are the Apply messages for the object of a name, all where it is "".
func (a *agent) applies(name string) []*agentv1.Apply {
	return slices.DeleteFunc(pick(a, (*agentv1.ConnectResponse).GetApply), func(m *agentv1.Apply) bool {
		return name != "" && m.GetRef().GetName() != name
	})
}

// eventAcks are the ids acknowledged.
func (a *agent) eventAcks() []string {
	var ids []string
	for _, ack := range pick(a, (*agentv1.ConnectResponse).GetEventAck) {
		ids = append(ids, ack.GetId())
	}
	return ids
}

// awaitApply waits for the nth Apply of an object.
func (a *agent) awaitApply(name string, n int) *agentv1.Apply {
	a.t.Helper()
	await.Success(a.t, fmt.Sprintf("Apply %d of %s", n, name), func() error {
		if got := len(a.applies(name)); got < n {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
	return a.applies(name)[n-1]
}

// awaitDelete waits for the nth Delete.
func (a *agent) awaitDelete(n int) *agentv1.Delete {
	a.t.Helper()
	await.Success(a.t, fmt.Sprintf("Delete %d", n), func() error {
		if got := len(a.deletes()); got < n {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
	return a.deletes()[n-1]
}

// awaitEnd waits until the control plane has ended the stream, and checks how.
func (a *agent) awaitEnd(code codes.Code, message string) {
	a.t.Helper()
	await.Closed(a.t, "the end of the stream", a.ended)
	equal(a.t, "stream ended with", []any{code, message}, []any{status.Code(a.err), status.Convert(a.err).Message()})
}

// beat sends a heartbeat and waits for its reply.
func (a *agent) beat(kubernetesError string) *agentv1.HeartbeatReply {
	a.t.Helper()
	replies := func() []*agentv1.HeartbeatReply { return pick(a, (*agentv1.ConnectResponse).GetHeartbeatReply) }
	before := len(replies())
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Heartbeat{Heartbeat: &agentv1.Heartbeat{
		KubernetesError: kubernetesError, KubernetesVersion: "v1.37.2",
	}}})
	awaitEqual(a.t, "HeartbeatReply", before+1, func() int { return len(replies()) })
	return last(replies())
}

// ack answers an Apply.
func (a *agent) ack(m *agentv1.Apply, outcome agentv1.Outcome, reason, message string) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
		Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Generation: m.GetGeneration(), Hash: m.GetHash(),
		Outcome: outcome, Reason: reason, Message: message,
	}}})
}

func (a *agent) applied(m *agentv1.Apply) { a.ack(m, agentv1.Outcome_OUTCOME_APPLIED, "", "") }

// deleted answers a Delete.
func (a *agent) deleted(m *agentv1.Delete) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Ack{Ack: &agentv1.Ack{
		Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Outcome: agentv1.Outcome_OUTCOME_DELETED,
	}}})
}

// report sends the status of an object that was made by an Apply.
func (a *agent) report(m *agentv1.Apply, status string) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Status{Status: &agentv1.StatusReport{
		Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Generation: m.GetGeneration(),
		ObjectGeneration: 1, ObjectUid: "object-1", Status: status,
	}}})
}

// event reports something that happened to an object.
func (a *agent) event(m *agentv1.Apply, id, reason, message string, at time.Time) {
	a.send(&agentv1.ConnectRequest{Message: &agentv1.ConnectRequest_Event{Event: &agentv1.EventReport{
		Id: id, Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Source: agentv1.EventSource_EVENT_SOURCE_KUBERNETES,
		Type: "Normal", Reason: reason, Message: message, Time: timestamppb.New(at),
	}}})
}

// holding makes a Hello say that the cluster has what the Apply messages made.
func holding(applies ...*agentv1.Apply) func(*agentv1.Hello) {
	return func(h *agentv1.Hello) {
		for _, m := range applies {
			h.Held = append(h.Held, &agentv1.HeldObject{
				Ref: m.GetRef(), OwnerUid: m.GetOwnerUid(), Generation: m.GetGeneration(), Hash: m.GetHash(),
			})
		}
	}
}

func process(id string) func(*agentv1.Hello) { return func(h *agentv1.Hello) { h.ProcessId = id } }

// specOf is the specification in the manifest of an Apply.
func specOf(t testing.TB, m *agentv1.Apply) map[string]any {
	t.Helper()
	var manifest struct{ Spec map[string]any }
	if err := json.Unmarshal([]byte(m.GetManifest()), &manifest); err != nil {
		t.Fatalf("parse manifest: %v", err)
	}
	return manifest.Spec
}

// flinkStatus is a FlinkDeployment's status that has observed its generation.
func flinkStatus(lifecycle, job, id string) string {
	return fmt.Sprintf(`{"observedGeneration":1,"lifecycleState":%q,"jobStatus":{"jobName":"job","jobId":%q,"state":%q}}`, lifecycle, id, job)
}
