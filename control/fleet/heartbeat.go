package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// heartbeat notes that the agent lives and tells it when to beat next.
func (s *session) heartbeat(ctx context.Context, beat *agentv1.Heartbeat) {
	s.lastHeartbeat = time.Now()
	s.say(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_HeartbeatReply{HeartbeatReply: &agentv1.HeartbeatReply{
		NextHeartbeat: durationpb.New(s.fleet.nextHeartbeat()),
	}}})
	if s.lastHeartbeat.Sub(s.lastRecorded) >= heartbeatRecord {
		s.recordHeartbeat(ctx)
	}
	s.observeKubernetes(ctx, beat)
}

// observeKubernetes stores what the agent says of its API server, if that has
// changed. What could not be stored is tried again with the next heartbeat.
func (s *session) observeKubernetes(ctx context.Context, beat *agentv1.Heartbeat) {
	failure, version := beat.GetKubernetesError(), beat.GetKubernetesVersion()
	if version == "" {
		version = s.kubernetesVersion
	}
	if failure == s.kubernetesError && version == s.kubernetesVersion {
		return
	}
	err := s.changeStatus(ctx, func(r *storev1.ClusterStatusRecord) {
		r.KubernetesError, r.KubernetesVersion = failure, version
	})
	if err != nil {
		s.log.Warn("state of the API server could not be stored", "error", err)
		return
	}
	s.kubernetesError, s.kubernetesVersion = failure, version
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

// namespaces stores which namespaces the cluster has. The agent says so once,
// so where it cannot be stored the session ends, and the next Hello says it.
func (s *session) namespaces(ctx context.Context, names []string) {
	err := s.changeStatus(ctx, func(r *storev1.ClusterStatusRecord) { r.Namespaces = slices.Clone(names) })
	if err != nil {
		s.log.Warn("namespaces of the cluster could not be stored", "error", err)
		s.end(unstored(err))
	}
}

// changeStatus changes what is known of the cluster, and does more in the same
// transaction, while the session is the cluster's newest.
func (s *session) changeStatus(ctx context.Context, change func(*storev1.ClusterStatusRecord), more ...store.Op) error {
	statuses := s.fleet.State.ClusterStatus
	for {
		before, err := statuses.Get(ctx, s.cluster)
		if err != nil {
			return fmt.Errorf("read status of cluster %s: %w", s.cluster, err)
		}
		after := clone(before.Value)
		change(after)
		ops := more
		if !proto.Equal(before.Value, after) {
			ops = append(slices.Clip(more), statuses.Put(s.cluster, after))
		}
		if len(ops) == 0 {
			return nil
		}
		_, err = s.fleet.State.Store.Commit(ctx,
			[]store.Cond{s.fleet.State.Sessions.HeldBy(s.cluster, s.lease), statuses.Unchanged(s.cluster, before.Revision)}, ops)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := s.standing(ctx); err != nil {
			return err
		}
	}
}

// unstored is what a session ends with whose agent has said what could not be
// stored: that it is not the newest, or else that the agent must say it again.
func unstored(err error) error {
	if errors.Is(err, errSuperseded) || errors.Is(err, errExpired) {
		return err
	}
	return errUnstored
}

// standing says why the session is not its cluster's newest any more; nil while
// it is.
func (s *session) standing(ctx context.Context) error {
	record, err := s.fleet.State.Sessions.Get(ctx, s.cluster)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errExpired
	case err != nil:
		return fmt.Errorf("read session of cluster %s: %w", s.cluster, err)
	case record.Lease != s.lease:
		return errSuperseded
	}
	return nil
}
