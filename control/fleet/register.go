package fleet

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// beginTimeout bounds how long etcd may take to begin a session.
const beginTimeout = 10 * time.Second

// begin makes the stream the session of its cluster, and returns whether the
// cluster is decommissioned.
func (f *Fleet) begin(stream agentv1.FleetService_ConnectServer, hello *agentv1.Hello, certificate *x509.Certificate) (*session, bool, error) {
	ctx, cancel := context.WithTimeout(stream.Context(), beginTimeout)
	defer cancel()
	name := hello.GetCluster()
	lease, err := f.Store.Grant(ctx, max(2*time.Second, f.Heartbeat*missedHeartbeats))
	if err != nil {
		return nil, false, fmt.Errorf("begin session of cluster %s: %w", name, err)
	}
	s := &session{
		fleet: f, cluster: name, process: hello.GetProcessId(), certificate: certificate, stream: stream,
		log: f.Log.With("cluster", name), lease: lease, out: newOutbox(),
		held: map[object]mark{}, deletions: map[string]deletionMark{}, rendered: map[object]string{}, unrendered: map[sendable]string{}, ended: make(chan error, 1),
		kubernetesVersion: hello.GetKubernetesVersion(),
	}
	s.lastHeartbeat.Store(time.Now().UnixMilli())
	decommissioned, err := s.register(ctx, hello)
	if err != nil {
		s.revoke(ctx)
		if isRefusal(err) {
			return nil, false, err
		}
		return nil, false, fmt.Errorf("begin session of cluster %s: %w", name, err)
	}
	for _, held := range hello.GetHeld() {
		if i := held.GetInstallation(); i != "" && i != s.installation {
			continue // another installation's; the agent leaves it alone
		}
		s.held[objectOf(held.GetRef())] = mark{held.GetOwnerUid(), held.GetGeneration(), held.GetHash()}
		s.listed = append(s.listed, held)
	}
	return s, decommissioned, nil
}

// register writes the session, the cluster if no agent of that name has ever
// connected, and what Hello says of the cluster if that has changed. The revision
// of the transaction is the epoch: it is greater than that of every session of
// the cluster before.
func (s *session) register(ctx context.Context, hello *agentv1.Hello) (decommissioned bool, err error) {
	clusters, key := s.fleet.Clusters, store.Key(s.cluster)
	var other *storev1.SessionRecord
	epoch, err := s.fleet.Store.Update(ctx, func(tx *store.Tx) error {
		if err := s.fleet.requireAllowed(tx, s.cluster, s.certificate); err != nil {
			return err
		}
		now := resource.Now()
		s.installation, s.restored = s.fleet.Ownership.Installation(tx), s.fleet.Ownership.Restored(tx)
		record := clusters.Records.Get(tx, key)
		decommissioned = cluster.Decommissioned(record.Message())
		if record == nil {
			clusters.Records.Put(tx, key, cluster.NewRecord(s.cluster, hello.GetLabels(), now))
		}
		reported := &storev1.ClusterStatusRecord{
			Namespaces:                hello.GetNamespaces().GetNames(),
			CustomResourceDefinitions: hello.GetCustomResourceDefinitions(),
			KubernetesVersion:         hello.GetKubernetesVersion(),
			AgentVersion:              hello.GetAgentVersion(),
			Simulated:                 hello.GetSimulated(),
			LastHeartbeat:             now,
		}
		before := clusters.Status.Get(tx, key)
		if before != nil {
			reported.DefinitionsChanged = before.Value().GetDefinitionsChanged()
			if !slices.Equal(before.Value().GetCustomResourceDefinitions(), reported.GetCustomResourceDefinitions()) {
				reported.DefinitionsChanged = now
			}
		}
		if before == nil || !sameReport(before.Value(), reported) {
			clusters.Status.Put(tx, key, reported)
		}
		other = clusters.Sessions.Peek(tx, key).Message()
		clusters.Sessions.Put(tx, key, &storev1.SessionRecord{
			Replica: s.fleet.Sessions.replica, ProcessId: s.process, Connected: now, LastHeartbeat: now,
		}, store.WithLease(s.lease))
		return nil
	})
	if err != nil {
		return false, err
	}
	if other != nil && other.GetProcessId() != s.process {
		s.log.Warn("a session of another agent process is still alive; if this repeats, two agents share an identity",
			"process", s.process, "other_process", other.GetProcessId(), "other_replica", other.GetReplica())
	}
	s.epoch = epoch
	s.stored.Store(epoch)
	return decommissioned, nil
}

// sameReport is true if two reports differ in nothing but time.
func sameReport(a, b *storev1.ClusterStatusRecord) bool {
	a = proto.CloneOf(a)
	a.LastHeartbeat = b.GetLastHeartbeat()
	return proto.Equal(a, b)
}
