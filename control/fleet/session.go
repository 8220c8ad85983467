package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/fault"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Why the control plane ends a session. The code is what the protocol promises,
// the text goes to the agent and, for the first, to the cluster's status.
var (
	errStopping       = status.Error(codes.Unavailable, "The control plane replica that the agent was connected to has stopped.")
	errSilent         = status.Error(codes.DeadlineExceeded, "The agent has missed its heartbeats.")
	errSuperseded     = status.Error(codes.Aborted, "A newer session of the same cluster has begun.")
	errUnstored       = status.Error(codes.Unavailable, "What the agent reported could not be stored.")
	errRecommissioned = status.Error(codes.Unavailable, "The cluster is in service again. Connect anew.")
)

// heartbeatRecord is how old the heartbeat in a session's record may get
// before it is written again: the lease tells who lives, the record is for
// people.
const heartbeatRecord = 10 * time.Second

// session is one agent's stream.
type session struct {
	fleet   *Fleet
	cluster string
	process string
	stream  agentv1.FleetService_ConnectServer
	log     *slog.Logger

	lease clientv3.LeaseID
	// epoch is the etcd revision that began the session.
	epoch int64
	out   *outbox
	// idle is set while the cluster is decommissioned.
	idle atomic.Bool
	// held is what the agent has, by object; the sender's alone.
	held map[object]mark

	ended chan error
	// lastHeartbeat and lastRecorded are the receiver's alone.
	lastHeartbeat, lastRecorded time.Time
	kubernetesError             string
	kubernetesVersion           string
}

// object is an ObjectRef as a map key.
type object struct{ apiVersion, kind, namespace, name string }

func objectOf(ref *agentv1.ObjectRef) object {
	return object{ref.GetApiVersion(), ref.GetKind(), ref.GetNamespace(), ref.GetName()}
}

// mark is what the agent writes on an object that it applies.
type mark struct {
	owner      string
	generation int64
	hash       string
}

// end makes the session end with an error; the first one counts.
func (s *session) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// Connect serves one agent.
func (f *Fleet) Connect(stream agentv1.FleetService_ConnectServer) error {
	f.mu.Lock()
	if f.stopped {
		f.mu.Unlock()
		return errStopping
	}
	f.live.Add(1)
	f.mu.Unlock()
	defer f.live.Done()

	received := make(chan *agentv1.ConnectRequest)
	broken := make(chan error, 1)
	go receive(stream, received, broken)

	hello, err := firstMessage(stream.Context(), received, broken, f.Heartbeat*missedHeartbeats)
	if err != nil {
		return err
	}
	if err := f.Tokens.authenticate(stream.Context(), hello.GetCluster()); err != nil {
		f.Log.Warn("agent refused", "cluster", hello.GetCluster(), "error", err)
		return err
	}
	if err := checkHello(hello); err != nil {
		return err
	}
	s, decommissioned, err := f.begin(stream, hello)
	if err != nil {
		f.Log.Warn("session could not begin", "cluster", hello.GetCluster(), "error", err)
		return fault.ToStatus(err).Err()
	}
	err = s.serve(received, broken, decommissioned)
	s.finish(err)
	return err
}

// receive hands on what the agent says until the stream breaks.
func receive(stream agentv1.FleetService_ConnectServer, received chan<- *agentv1.ConnectRequest, broken chan<- error) {
	for {
		message, err := stream.Recv()
		if err != nil {
			broken <- err
			return
		}
		select {
		case received <- message:
		case <-stream.Context().Done():
			broken <- stream.Context().Err()
			return
		}
	}
}

func firstMessage(ctx context.Context, received <-chan *agentv1.ConnectRequest, broken <-chan error, patience time.Duration) (*agentv1.Hello, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case message := <-received:
		if hello := message.GetHello(); hello != nil {
			return hello, nil
		}
		return nil, status.Error(codes.InvalidArgument, "the first message must be a Hello")
	case err := <-broken:
		return nil, err
	case <-timer.C:
		return nil, status.Error(codes.DeadlineExceeded, "no Hello came")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func checkHello(hello *agentv1.Hello) error {
	var v fault.Violations
	rules.CheckName(&v, "cluster", hello.GetCluster())
	if hello.GetProcessId() == "" {
		v.Addf("process_id: must not be empty")
	}
	return v.Invalid()
}

// begin makes the stream the session of its cluster, which it registers if no
// agent of that name has ever connected. The transaction's revision is the
// epoch: it is greater than that of every session before.
func (f *Fleet) begin(stream agentv1.FleetService_ConnectServer, hello *agentv1.Hello) (*session, bool, error) {
	ctx, name := stream.Context(), hello.GetCluster()
	grant, err := f.Etcd.Grant(ctx, int64(max(2, (f.Heartbeat*missedHeartbeats).Seconds())))
	if err != nil {
		return nil, false, fault.Unavailable(err, "etcd grants no lease.")
	}
	s := &session{
		fleet: f, cluster: name, process: hello.GetProcessId(), stream: stream,
		log: f.Log.With("cluster", name), lease: grant.ID, out: newOutbox(),
		held: map[object]mark{}, ended: make(chan error, 1),
		lastHeartbeat: time.Now(), lastRecorded: time.Now(),
		kubernetesVersion: hello.GetKubernetesVersion(),
	}
	for _, held := range hello.GetHeld() {
		s.held[objectOf(held.GetRef())] = mark{held.GetOwnerUid(), held.GetGeneration(), held.GetHash()}
	}
	for {
		cluster, err := f.State.Clusters.Get(ctx, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, false, fmt.Errorf("read cluster %s: %w", name, err)
		}
		known := err == nil
		if before, ok := f.State.Sessions.Cached(name); ok && before.Value.GetProcessId() != hello.GetProcessId() {
			s.log.Warn("a session of another agent process is still alive; if this repeats, two agents share an identity",
				"process", hello.GetProcessId(), "other_process", before.Value.GetProcessId(), "other_replica", before.Value.GetReplica())
		}
		err = s.register(ctx, hello, known)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("begin session of cluster %s: %w", name, err)
		}
		return s, rules.Decommissioned(cluster.Value), nil
	}
}

// register writes the session, the cluster if it is new, and what Hello says
// of the cluster if that has changed.
func (s *session) register(ctx context.Context, hello *agentv1.Hello, known bool) error {
	st := s.fleet.State
	now := state.Now()
	var conds []store.Cond
	ops := []store.Op{st.Sessions.PutLeased(s.cluster, &storev1.SessionRecord{
		Replica: s.fleet.Replica, ProcessId: s.process, Connected: now, LastHeartbeat: now,
	}, s.lease)}
	if !known {
		conds = append(conds, st.Clusters.Absent(s.cluster))
		ops = append(ops, st.Clusters.Put(s.cluster, newCluster(s.cluster, hello.GetLabels(), now)))
	}
	reported := &storev1.ClusterStatusRecord{
		Namespaces:                hello.GetNamespaces().GetNames(),
		CustomResourceDefinitions: hello.GetCustomResourceDefinitions(),
		KubernetesVersion:         hello.GetKubernetesVersion(),
		AgentVersion:              hello.GetAgentVersion(),
		LastHeartbeat:             now,
	}
	if before, ok := st.ClusterStatus.Cached(s.cluster); !ok || !sameReport(before.Value, reported) {
		ops = append(ops, st.ClusterStatus.Put(s.cluster, reported))
	}
	epoch, err := st.Store.Commit(ctx, conds, ops)
	s.epoch = epoch
	return err
}

func newCluster(name string, labels map[string]string, now *timestamppb.Timestamp) *cmfv1.KubernetesCluster {
	cluster := &cmfv1.KubernetesCluster{
		ApiVersion: rules.APIVersion,
		Kind:       rules.KindCluster,
		Metadata: &cmfv1.KubernetesClusterMetadata{
			Name: name, Uid: uuid.NewString(), CreationTimestamp: now, UpdateTimestamp: now,
		},
		Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: rules.LifecycleActive},
	}
	if len(labels) > 0 {
		cluster.Metadata.Labels = &cmfv1.StringMap{Entries: labels}
	}
	return cluster
}

// sameReport tells whether two reports differ in nothing but time.
func sameReport(a, b *storev1.ClusterStatusRecord) bool {
	a = proto.Clone(a).(*storev1.ClusterStatusRecord)
	a.LastHeartbeat = b.GetLastHeartbeat()
	return proto.Equal(a, b)
}

// serve runs the session until either side ends it.
func (s *session) serve(received <-chan *agentv1.ConnectRequest, broken <-chan error, decommissioned bool) error {
	s.idle.Store(decommissioned)
	s.out.send(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Welcome{Welcome: &agentv1.Welcome{
		Epoch:         s.epoch,
		NextHeartbeat: durationpb.New(s.fleet.nextHeartbeat()),
		Lifecycle:     &agentv1.Lifecycle{Decommissioned: decommissioned},
		ServerVersion: s.fleet.Version,
	}}})
	if !s.fleet.admit(s) {
		return errStopping
	}
	s.log.Info("agent connected", "epoch", s.epoch, "process", s.process, "held", len(s.held), "decommissioned", decommissioned)
	// The cluster may have changed between begin and admit, unseen.
	if cluster, ok := s.fleet.State.Clusters.Cached(s.cluster); ok && rules.Decommissioned(cluster.Value) != decommissioned {
		return errRecommissioned
	}
	ctx, cancel := context.WithCancel(s.stream.Context())
	sent := make(chan error, 1)
	go func() { sent <- s.sendAll(ctx) }()
	err := s.receiveAll(ctx, received, broken, sent)
	cancel()
	return err
}

// receiveAll takes what the agent says until the session ends. It does not wait
// for the sender: a Send that hangs on flow control ends with the stream, when
// this returns.
func (s *session) receiveAll(ctx context.Context, received <-chan *agentv1.ConnectRequest, broken, sent <-chan error) error {
	silence := time.NewTimer(s.fleet.Heartbeat * missedHeartbeats)
	defer silence.Stop()
	for {
		select {
		case message := <-received:
			if message.GetHeartbeat() != nil {
				silence.Reset(s.fleet.Heartbeat * missedHeartbeats)
			}
			s.handle(ctx, message)
		case err := <-broken:
			return err
		case err := <-sent:
			return err
		case err := <-s.ended:
			return err
		case <-silence.C:
			return errSilent
		}
	}
}

func (s *session) handle(ctx context.Context, message *agentv1.ConnectRequest) {
	switch m := message.GetMessage().(type) {
	case *agentv1.ConnectRequest_Heartbeat:
		s.heartbeat(ctx, m.Heartbeat)
	case *agentv1.ConnectRequest_Namespaces:
		s.namespaces(ctx, m.Namespaces.GetNames())
	case *agentv1.ConnectRequest_Ack:
		s.fleet.reports.add(s, m.Ack.GetRef(), func(r *report) { r.acks[m.Ack.GetOwnerUid()] = m.Ack })
	case *agentv1.ConnectRequest_Status:
		s.fleet.reports.add(s, m.Status.GetRef(), func(r *report) { r.status = m.Status })
	case *agentv1.ConnectRequest_Event:
		s.fleet.reports.add(s, m.Event.GetRef(), func(r *report) { r.events = append(r.events, m.Event) })
	}
}

// finish takes the session off the books, with the reason that users will see
// on their cluster. A session that was superseded leaves no trace.
func (s *session) finish(err error) {
	s.fleet.dismiss(s)
	message := disconnectMessage(err)
	s.log.Info("agent disconnected", "epoch", s.epoch, "reason", message)
	// The stream's context is over, and this has to be said all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.stream.Context()), 2*time.Second)
	defer cancel()
	st := s.fleet.State
	var last storev1.ClusterStatusRecord
	if before, ok := st.ClusterStatus.Cached(s.cluster); ok {
		proto.Merge(&last, before.Value)
	}
	last.DisconnectMessage = message
	last.LastHeartbeat = timestamppb.New(s.lastHeartbeat.UTC().Truncate(time.Millisecond))
	_, commitErr := st.Store.Commit(ctx,
		[]store.Cond{st.Sessions.HeldBy(s.cluster, s.lease)},
		[]store.Op{st.Sessions.Remove(s.cluster), st.ClusterStatus.Put(s.cluster, &last)})
	if commitErr != nil && !errors.Is(commitErr, store.ErrConflict) {
		s.log.Warn("the end of the session could not be recorded; its lease will run out", "error", commitErr)
	}
	if _, err := s.fleet.Etcd.Revoke(ctx, s.lease); err != nil {
		s.log.Debug("lease could not be revoked", "error", err)
	}
}

func disconnectMessage(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return "The agent closed its connection."
	case status.Code(err) == codes.Canceled, errors.Is(err, context.Canceled):
		return "The connection to the agent was lost."
	default:
		return status.Convert(err).Message()
	}
}
