package fleet

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// finishTimeout bounds how long a session that is over may wait for etcd, and
// with it how long a replica takes to stop while etcd is away.
const finishTimeout = time.Second

// finish ends the session, with the reason that users will see in the status of
// their cluster. Of a session that was superseded nothing is recorded.
func (s *session) finish(err error) {
	s.fleet.Sessions.remove(s)
	message, reason := disconnection(err)
	s.fleet.metrics.ends[reason].Add(1)
	s.log.Info("agent disconnected", "epoch", s.epoch, "reason", message)
	// Detached from the stream's context, which has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.stream.Context()), finishTimeout)
	defer cancel()
	err = s.changeStatus(ctx, func(r *storev1.ClusterStatusRecord) {
		r.DisconnectMessage = message
		r.LastHeartbeat = timestamppb.New(time.UnixMilli(s.lastHeartbeat.Load()))
	}, func(tx *store.Tx) { s.fleet.Clusters.Sessions.Delete(tx, store.Key(s.cluster)) })
	if err != nil && !errors.Is(err, errSuperseded) && !errors.Is(err, errExpired) {
		s.log.Warn("the end of the session could not be recorded; its lease will expire", "error", err)
	}
	s.revoke(ctx)
}

// revoke revokes the lease of a session that has ended or never began.
func (s *session) revoke(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if _, err := s.fleet.Etcd.Revoke(ctx, s.lease); err != nil {
		s.log.Debug("lease could not be revoked", "error", err)
	}
}

// disconnection says why a session has ended, to users and to metrics.
func disconnection(err error) (message, reason string) {
	if err == nil || errors.Is(err, io.EOF) {
		return "The agent closed its connection.", endClosed
	}
	for _, known := range reasons {
		if known.err == err { //nolint:errorlint // what an agent or gRPC returns is never one of these
			return status.Convert(err).Message(), known.name
		}
	}
	return "The connection to the agent was lost.", endLost
}
