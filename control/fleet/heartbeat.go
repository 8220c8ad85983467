package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// heartbeat keeps the session's lease alive and tells the agent when to beat
// next. A lease that etcd does not know any more has run out, with the session.
func (s *session) heartbeat(ctx context.Context, beat *agentv1.Heartbeat) {
	ctx, cancel := context.WithTimeout(ctx, s.fleet.Heartbeat)
	defer cancel()
	s.lastHeartbeat = time.Now()
	if _, err := s.fleet.Etcd.KeepAliveOnce(ctx, s.lease); err != nil {
		s.log.Warn("lease of the session could not be kept", "error", err)
		s.end(errSilent)
		return
	}
	if s.lastHeartbeat.Sub(s.lastRecorded) >= heartbeatRecord {
		s.recordHeartbeat(ctx)
	}
	if beat.GetKubernetesError() != s.kubernetesError || beat.GetKubernetesVersion() != s.kubernetesVersion {
		s.kubernetesError, s.kubernetesVersion = beat.GetKubernetesError(), beat.GetKubernetesVersion()
		s.changeStatus(ctx, func(r *storev1.ClusterStatusRecord) {
			r.KubernetesError = s.kubernetesError
			if s.kubernetesVersion != "" {
				r.KubernetesVersion = s.kubernetesVersion
			}
		})
	}
	s.out.send(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_HeartbeatReply{HeartbeatReply: &agentv1.HeartbeatReply{
		NextHeartbeat: durationpb.New(s.fleet.nextHeartbeat()),
	}}})
}

func (s *session) recordHeartbeat(ctx context.Context) {
	sessions := s.fleet.State.Sessions
	record, ok := sessions.Cached(s.cluster)
	if !ok || record.Lease != s.lease {
		return
	}
	after := &storev1.SessionRecord{
		Replica: record.Value.GetReplica(), ProcessId: record.Value.GetProcessId(), Connected: record.Value.GetConnected(),
		LastHeartbeat: timestamppb.New(s.lastHeartbeat.UTC().Truncate(time.Millisecond)),
	}
	_, err := s.fleet.State.Store.Commit(ctx,
		[]store.Cond{sessions.HeldBy(s.cluster, s.lease)},
		[]store.Op{sessions.PutLeased(s.cluster, after, s.lease)})
	if err != nil {
		s.log.Debug("heartbeat could not be recorded", "error", err)
		return
	}
	s.lastRecorded = s.lastHeartbeat
}

// namespaces stores which namespaces the cluster has.
func (s *session) namespaces(ctx context.Context, names []string) {
	s.changeStatus(ctx, func(r *storev1.ClusterStatusRecord) { r.Namespaces = slices.Clone(names) })
}

// changeStatus changes what is known of the cluster while the session is its
// newest.
func (s *session) changeStatus(ctx context.Context, change func(*storev1.ClusterStatusRecord)) {
	statuses := s.fleet.State.ClusterStatus
	for {
		before, err := statuses.Get(ctx, s.cluster)
		if err != nil {
			s.log.Warn("status of the cluster could not be read", "error", err)
			return
		}
		after := clone(before.Value)
		change(after)
		_, err = s.fleet.State.Store.Commit(ctx,
			[]store.Cond{s.fleet.State.Sessions.HeldBy(s.cluster, s.lease), statuses.Unchanged(s.cluster, before.Revision)},
			[]store.Op{statuses.Put(s.cluster, after)})
		if errors.Is(err, store.ErrConflict) && s.fleet.sessionOf(s.cluster) == s && ctx.Err() == nil {
			continue
		}
		if err != nil {
			s.log.Warn("status of the cluster could not be stored", "error", err)
		}
		return
	}
}
