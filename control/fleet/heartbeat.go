package fleet

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// heartbeat notes that the agent is alive and answers when the next heartbeat is
// due.
func (s *session) heartbeat(ctx context.Context, beat *agentv1.Heartbeat) {
	s.lastHeartbeat.Store(time.Now().UnixMilli())
	s.enqueue(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_HeartbeatReply{HeartbeatReply: &agentv1.HeartbeatReply{
		NextHeartbeat: durationpb.New(s.fleet.nextHeartbeat()),
	}}})
	s.observeKubernetes(ctx, beat)
	s.storeNamespaces(ctx)
}

// observeKubernetes stores what the agent reports of its API server, if that has
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
		switch {
		case failure == "":
			r.KubernetesErrorSince = nil
		case r.GetKubernetesError() == "":
			r.KubernetesErrorSince = resource.Now()
		}
		r.KubernetesError, r.KubernetesVersion = failure, version
	}, nil)
	if err != nil {
		s.log.Warn("state of the API server could not be stored", "error", err)
		return
	}
	s.kubernetesError, s.kubernetesVersion = failure, version
}

// heartbeatInterval is how often the last heartbeats are stored. They are for users
// to read; what keeps a session alive is its lease.
const heartbeatInterval = 10 * time.Second

// storeHeartbeats stores the last heartbeats of all sessions of this replica in one
// record, until the context ends.
func (f *Fleet) storeHeartbeats(ctx context.Context) error {
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := f.recordHeartbeats(ctx); err != nil {
			f.Log.Debug("heartbeats could not be stored", "error", err)
		}
	}
}

func (f *Fleet) recordHeartbeats(ctx context.Context) error {
	received := f.Sessions.heartbeats()
	if len(received) == 0 {
		return nil
	}
	_, err := f.Store.Update(ctx, func(tx *store.Tx) error {
		f.Clusters.Heartbeats.Put(tx, store.Key(f.Sessions.replica), &storev1.HeartbeatsRecord{Received: received})
		return nil
	})
	return err
}

// storeNamespaces stores which namespaces the cluster has, if the agent has reported
// them. It does so once, so what could not be stored is tried again with the next
// heartbeat.
func (s *session) storeNamespaces(ctx context.Context) {
	if s.namespaces == nil {
		return
	}
	err := s.changeStatus(ctx, func(r *storev1.ClusterStatusRecord) { r.Namespaces = s.namespaces.GetNames() }, nil)
	switch {
	case err == nil:
		s.namespaces = nil
	case errors.Is(err, errSuperseded), errors.Is(err, errExpired):
		s.end(err)
	default:
		s.log.Warn("namespaces of the cluster could not be stored yet", "error", err)
	}
}

// changeStatus changes what is stored of the cluster, and with also does more in
// the same transaction, while the session is the newest of the cluster.
func (s *session) changeStatus(ctx context.Context, change func(*storev1.ClusterStatusRecord), also func(*store.Tx)) error {
	statuses, key := s.fleet.Clusters.Status, store.Key(s.cluster)
	_, err := s.fleet.Store.Update(ctx, func(tx *store.Tx) error {
		if err := s.requireNewest(tx); err != nil {
			return err
		}
		before := statuses.Get(tx, key)
		after := &storev1.ClusterStatusRecord{}
		if before != nil {
			after = proto.CloneOf(before.Value())
		}
		change(after)
		if !proto.Equal(before.Message(), after) {
			statuses.Put(tx, key, after)
		}
		if also != nil {
			also(tx)
		}
		return nil
	})
	return err
}
