package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// beginTimeout bounds how long etcd may take to begin a session.
const beginTimeout = 10 * time.Second

// begin makes the stream the session of its cluster, which it registers if no
// agent of that name has ever connected. The transaction's revision is the
// epoch: it is greater than that of every session before.
func (f *Fleet) begin(stream agentv1.FleetService_ConnectServer, hello *agentv1.Hello) (*session, bool, error) {
	ctx, cancel := context.WithTimeout(stream.Context(), beginTimeout)
	defer cancel()
	name := hello.GetCluster()
	grant, err := f.Etcd.Grant(ctx, int64(max(2, (f.Heartbeat*missedHeartbeats).Seconds())))
	if err != nil {
		return nil, false, apierror.Unavailable(err, "etcd grants no lease.")
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
	decommissioned, err := s.enter(ctx, hello)
	if err != nil {
		s.revoke(ctx)
		return nil, false, err
	}
	return s, decommissioned, nil
}

// enter puts the session on the books, and tells whether its cluster is
// decommissioned.
func (s *session) enter(ctx context.Context, hello *agentv1.Hello) (bool, error) {
	f, name := s.fleet, s.cluster
	for {
		cluster, err := f.State.Clusters.Get(ctx, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, fmt.Errorf("read cluster %s: %w", name, err)
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
			return false, fmt.Errorf("begin session of cluster %s: %w", name, err)
		}
		return rules.Decommissioned(cluster.Value), nil
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
		Simulated:                 hello.GetSimulated(),
	}
	before, ok := st.ClusterStatus.Cached(s.cluster)
	if ok {
		// The session before may be at work on it still.
		conds = append(conds, st.ClusterStatus.Unchanged(s.cluster, before.Revision))
	}
	if !ok || !sameReport(before.Value, reported) {
		ops = append(ops, st.ClusterStatus.Put(s.cluster, reported))
	}
	epoch, err := st.Store.Commit(ctx, conds, ops)
	s.epoch = epoch
	return err
}

func newCluster(name string, labels map[string]string, now *timestamppb.Timestamp) *cmfv1.KubernetesCluster {
	cluster := &cmfv1.KubernetesCluster{
		ApiVersion: contract.APIVersion,
		Kind:       contract.KindCluster,
		Metadata: &cmfv1.KubernetesClusterMetadata{
			Name: name, Uid: uuid.NewString(), CreationTimestamp: now, UpdateTimestamp: now,
		},
		Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: contract.LifecycleActive},
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
