package fleet

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// Why the control plane ends a session. The code is what the protocol promises,
// the text is sent to the agent and shown in the cluster's status.
var (
	errStopping   = status.Error(codes.Unavailable, "The control plane replica that the agent was connected to has stopped.")
	errSilent     = status.Error(codes.DeadlineExceeded, "The agent has missed its heartbeats.")
	errUnread     = status.Error(codes.ResourceExhausted, "The agent does not read its messages.")
	errSuperseded = status.Error(codes.Aborted, "A newer session of the same cluster has begun.")
	errExpired    = status.Error(codes.Unavailable, "The session has expired: the control plane could not keep its lease.")
	errUnstored   = status.Error(codes.Unavailable, "A report of the agent could not be stored.")
	errFlooding   = status.Error(codes.ResourceExhausted, "The agent reports more objects than can wait to be stored.")
	errLifecycle  = status.Error(codes.Unavailable, "The lifecycle state of the cluster has changed. Connect again.")

	errBanned             = status.Error(codes.PermissionDenied, "The agents of the cluster are banned.")
	errBannedCertificate  = status.Error(codes.PermissionDenied, "The certificate of the agent is banned.")
	errDeleted            = status.Error(codes.PermissionDenied, "The cluster was deleted. Its agent has to join with a new token.")
	errCertificateExpired = status.Error(codes.Unauthenticated, "The certificate of the agent has expired.")
)

// reasons are all of the above, with what metrics call them.
var reasons = []struct {
	err  error
	name string
}{
	{errStopping, "stopping"},
	{errSilent, "silent"},
	{errUnread, "unread"},
	{errSuperseded, "superseded"},
	{errExpired, "expired"},
	{errUnstored, "unstored"},
	{errFlooding, "flooding"},
	{errLifecycle, "lifecycle"},
	{errBanned, "banned"},
	{errBannedCertificate, "banned"},
	{errDeleted, "deleted"},
	{errCertificateExpired, "certificate-expired"},
}

// What metrics call the ends that are not the control plane's doing.
const (
	endClosed = "closed" // by the agent
	endLost   = "lost"
)

// session is one agent's stream.
type session struct {
	fleet   *Fleet
	cluster string
	process string
	// certificate is what the agent authenticated with; nil for a token.
	certificate *x509.Certificate
	stream      agentv1.FleetService_ConnectServer
	log         *slog.Logger

	lease clientv3.LeaseID
	// epoch is the etcd revision that began the session.
	epoch int64
	// installation is the one that the control plane belongs to, and restored the
	// revision of its last restore from a backup.
	installation string
	restored     int64
	// stored is the latest revision at which the session's reports were stored, at
	// first its epoch.
	stored atomic.Int64
	out    *outbox
	// lastHeartbeat is when the last heartbeat was received, in milliseconds since the
	// Unix epoch.
	lastHeartbeat atomic.Int64
	// idle is set while the cluster is decommissioned.
	idle atomic.Bool
	// held is what the agent has, by object. Only the goroutine that sends uses it.
	held  map[object]mark
	ahead ahead
	// deletions are those that the agent was told of, by the keys of their tombstones.
	// Only the goroutine that sends uses it.
	deletions map[string]deletionMark
	// listed are the objects in Hello that may be the installation's. rendered are the
	// owners of the objects that were rendered. Both are nil after Synced.
	listed   []*agentv1.HeldObject
	rendered map[object]string
	// unrendered is what could not be rendered when it was last to be sent, and why.
	// Only the goroutine that sends uses it.
	unrendered map[sendable]string
	// progress is how far the session is, for metrics.
	progress progress

	ended chan error
	// rows are the requests for rows that the agent has not answered yet.
	rows waiters
	// tunnels are the requests for Flink's REST API under way.
	tunnels tunnels
	// What follows is used by the goroutine that receives only.
	kubernetesError   string
	kubernetesVersion string
	// namespaces were reported and are not stored yet; nil where there are none.
	namespaces *agentv1.NamespacesReport
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

func markOf(apply *agentv1.Apply) mark {
	return mark{apply.GetOwnerUid(), apply.GetGeneration(), apply.GetHash()}
}

// end makes the session end with an error; the first one counts.
func (s *session) end(err error) {
	select {
	case s.ended <- err:
	default:
	}
}

// enqueue queues a message to the agent. An agent that lets too many wait is not
// reading, and the session ends.
func (s *session) enqueue(m *agentv1.ConnectResponse) {
	if !s.out.add(m) {
		s.end(errUnread)
	}
}

// request queues a message that a caller of the API has caused, if there is room. Callers
// cannot fill the queue, which would end the session.
func (s *session) request(m *agentv1.ConnectResponse) error {
	if !s.out.addRequest(m) {
		return apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' has too many requests to answer. Try again.", s.cluster)
	}
	return nil
}

// Connect serves one agent.
func (f *Fleet) Connect(stream agentv1.FleetService_ConnectServer) error {
	if !f.Sessions.begin() {
		return errStopping
	}
	defer f.Sessions.streams.Done()

	err := f.connect(stream)
	if errors.Is(err, io.EOF) {
		return nil // the agent has closed its side
	}
	return err
}

func (f *Fleet) connect(stream agentv1.FleetService_ConnectServer) error {
	// Nothing is read of strangers.
	identity, err := f.Tokens.identify(stream.Context())
	if err != nil {
		f.Log.Warn("agent refused", "error", err)
		return err
	}
	received := make(chan *agentv1.ConnectRequest)
	broken := make(chan error, 1)
	go receive(stream, received, broken)

	hello, err := firstMessage(stream.Context(), received, broken, f.Heartbeat*missedHeartbeats)
	if err != nil {
		return err
	}
	// What the caller says is logged only once it is known to be short.
	if err := checkHello(hello); err != nil {
		return err
	}
	if err := identity.speaksFor(hello.GetCluster()); err != nil {
		f.Log.Warn("agent refused", "cluster", hello.GetCluster(), "error", err)
		return err
	}
	s, decommissioned, err := f.begin(stream, hello, identity.certificate)
	if err != nil {
		f.Log.Warn("session could not begin", "cluster", hello.GetCluster(), "error", err)
		return err
	}
	err = s.serve(received, broken, decommissioned)
	s.finish(err)
	return err
}

// receive passes on what the agent sends until the stream breaks.
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

func firstMessage(ctx context.Context, received <-chan *agentv1.ConnectRequest, broken <-chan error, timeout time.Duration) (*agentv1.Hello, error) {
	timer := time.NewTimer(timeout)
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
		return nil, status.Error(codes.DeadlineExceeded, "no Hello was received in time")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// maxHelloString bounds what is logged and stored of Hello, in bytes.
const maxHelloString = 253

func checkHello(hello *agentv1.Hello) error {
	var v apierror.Violations
	validate.Name(&v, "cluster", hello.GetCluster())
	if hello.GetProcessId() == "" {
		v.Addf("process_id: must not be empty")
	}
	for _, text := range []struct{ field, value string }{
		{"process_id", hello.GetProcessId()}, {"agent_version", hello.GetAgentVersion()}, {"kubernetes_version", hello.GetKubernetesVersion()},
	} {
		if len(text.value) > maxHelloString {
			v.Addf("%s: must not be longer than %d bytes", text.field, maxHelloString)
		}
	}
	checkLabels(&v, hello.GetLabels())
	return v.Invalid()
}

// maxHelloLabels bounds the labels in Hello, which become those of the cluster and are
// in every list of clusters.
const maxHelloLabels = 64

func checkLabels(v *apierror.Violations, labels map[string]string) {
	if len(labels) > maxHelloLabels {
		v.Addf("labels: must not be more than %d, got %d", maxHelloLabels, len(labels))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		switch {
		case key == "":
			v.Addf("labels: a key must not be empty")
		case len(key) > maxHelloString:
			v.Addf("labels: a key must not be longer than %d bytes", maxHelloString)
		case len(labels[key]) > maxHelloString:
			v.Addf("labels: the value of %s must not be longer than %d bytes", key, maxHelloString)
		}
	}
}

// serve runs the session until either side ends it.
func (s *session) serve(received <-chan *agentv1.ConnectRequest, broken <-chan error, decommissioned bool) error {
	s.idle.Store(decommissioned)
	s.enqueue(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_Welcome{Welcome: &agentv1.Welcome{
		Epoch:         s.epoch,
		NextHeartbeat: durationpb.New(s.fleet.nextHeartbeat()),
		Lifecycle:     &agentv1.Lifecycle{Decommissioned: decommissioned},
		ServerVersion: s.fleet.Version,
		Installation:  s.installation,
		Restored:      s.restored,
	}}})
	if err := s.fleet.Sessions.add(s); err != nil {
		return err
	}
	s.log.Info("agent connected", "epoch", s.epoch, "process", s.process, "held", len(s.held), "decommissioned", decommissioned)
	// Either may have happened before the session was added, when no trigger
	// concerned it.
	at, err := s.fleet.Store.ViewFrom(s.stream.Context(), s.epoch)
	if err != nil {
		return fmt.Errorf("read what has been stored until the session began: %w", err)
	}
	if s.superseded(at) {
		return errSuperseded
	}
	if err := s.fleet.allowed(at, s.cluster, s.certificate); err != nil {
		return err
	}
	if record := s.fleet.Clusters.Get(at, s.cluster); record != nil && cluster.Decommissioned(record.Value()) != decommissioned {
		return errLifecycle
	}
	ctx, cancel := context.WithCancel(s.stream.Context())
	defer cancel()
	alive, err := s.fleet.Etcd.KeepAlive(ctx, s.lease)
	if err != nil {
		return fmt.Errorf("keep the lease of the session: %w", err)
	}
	s.confirmApplied(at)
	sent := make(chan error, 1)
	go func() { sent <- s.sendAll(ctx) }()
	return s.receiveAll(ctx, received, broken, sent, alive)
}

// superseded is true if another session of the cluster has begun later.
func (s *session) superseded(at store.Reader) bool {
	record := s.fleet.Clusters.Sessions.In(at).Get(store.Key(s.cluster))
	return record != nil && record.Lease != s.lease && record.Revision > s.epoch
}

// requireNewest has a transaction committed only while the session is the newest
// of its cluster. Its error says why it is not.
func (s *session) requireNewest(tx *store.Tx) error {
	sessions, key := s.fleet.Clusters.Sessions, store.Key(s.cluster)
	record := sessions.Peek(tx, key)
	switch {
	case record == nil:
		return errExpired
	case record.Lease != s.lease:
		return errSuperseded
	}
	sessions.RequireLease(tx, key, s.lease)
	return nil
}

// hasStored notes a revision that a transaction of the session returned.
func (s *session) hasStored(revision int64) {
	for before := s.stored.Load(); revision > before && !s.stored.CompareAndSwap(before, revision); before = s.stored.Load() {
	}
}

// receiveAll handles what the agent sends until the session ends. It does not wait
// for the sender: a Send that hangs on flow control ends with the stream, when
// this returns.
func (s *session) receiveAll(
	ctx context.Context, received <-chan *agentv1.ConnectRequest, broken, sent <-chan error, alive <-chan *clientv3.LeaseKeepAliveResponse,
) error {
	silence := time.NewTimer(s.fleet.Heartbeat * missedHeartbeats)
	defer silence.Stop()
	var expired <-chan time.Time
	if left, limited := s.untilExpiry(); limited {
		expiry := time.NewTimer(left)
		defer expiry.Stop()
		expired = expiry.C
	}
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
		case _, kept := <-alive:
			if !kept && ctx.Err() == nil {
				return errExpired
			}
		case <-silence.C:
			// Handling a message may have taken as long, with more waiting.
			select {
			case message := <-received:
				silence.Reset(s.fleet.Heartbeat * missedHeartbeats)
				s.handle(ctx, message)
			default:
				return errSilent
			}
		case <-expired:
			return errCertificateExpired
		}
	}
}

func (s *session) handle(ctx context.Context, message *agentv1.ConnectRequest) {
	switch m := message.GetMessage().(type) {
	case *agentv1.ConnectRequest_Heartbeat:
		s.heartbeat(ctx, m.Heartbeat)
	case *agentv1.ConnectRequest_Namespaces:
		s.namespaces = m.Namespaces
		s.storeNamespaces(ctx)
	case *agentv1.ConnectRequest_ResultPage:
		s.rows.answer(m.ResultPage)
	case *agentv1.ConnectRequest_TunnelReply:
		s.tunnels.answer(m.TunnelReply)
	case *agentv1.ConnectRequest_Ack:
		s.acknowledged(ctx, m.Ack)
		s.fleet.reports.addAck(s, s.ahead.replace(m.Ack))
	case *agentv1.ConnectRequest_Status:
		s.fleet.reports.addStatus(s, m.Status)
	case *agentv1.ConnectRequest_Event:
		if m.Event.GetSource() == agentv1.EventSource_EVENT_SOURCE_DRIFT {
			s.fleet.metrics.drifts.Add(1)
		}
		s.fleet.reports.addEvent(s, m.Event)
	}
}
