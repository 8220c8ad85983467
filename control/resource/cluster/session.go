package cluster

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// expired is what users read of a cluster whose session ended without a reason:
// the replica that held it is gone, or was cut off from etcd.
const expired = "The agent's session has expired: the control plane has received no heartbeat."

// explainLostSessions gives a reason to clusters that lost their session without
// one.
func (c *Clusters) explainLostSessions(ctx context.Context) error {
	feed := c.store.Changes(c.Sessions.Scope(""))
	defer feed.Close()
	// The records of the sessions as they last were.
	last := map[string]*storev1.SessionRecord{}
	work := resource.NewWork("explain-lost-sessions", c.store, func(ctx context.Context, cluster string) error {
		if session := c.Sessions.In(c.store.Cached()).Get(cluster); session != nil {
			last[cluster] = session.Value()
			return nil
		}
		if err := c.explain(ctx, cluster, last[cluster]); err != nil {
			return err
		}
		delete(last, cluster)
		return nil
	})
	defer work.End()
	for cluster := range c.Records.In(c.store.Cached()).Under("") {
		work.Do(ctx, cluster.Key)
	}
	return work.Follow(ctx, feed, func(changed []store.Ref) {
		for _, ref := range changed {
			work.Do(ctx, ref.Key)
		}
		c.forgetReplicas(ctx)
	})
}

// forgetReplicas deletes the heartbeats of replicas that have no session any more.
// One that has some again writes them again.
func (c *Clusters) forgetReplicas(ctx context.Context) {
	for record := range c.Heartbeats.In(c.store.Cached()).Under("") {
		_, err := c.store.Update(ctx, func(tx *store.Tx) error {
			for session := range c.Sessions.In(tx).Under("") {
				if store.Key(session.Value().GetReplica()) == record.Key {
					return nil
				}
			}
			c.Heartbeats.Delete(tx, record.Key)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			c.store.Log().Warn("heartbeats of a replica without sessions could not be deleted", "replica", record.Key, "error", err)
		}
	}
}

// explain gives a cluster without a session the reason, if it has none yet.
func (c *Clusters) explain(ctx context.Context, cluster string, last *storev1.SessionRecord) error {
	_, err := c.store.Update(ctx, func(tx *store.Tx) error {
		if c.Sessions.Get(tx, cluster) != nil {
			return nil
		}
		before := c.Status.Get(tx, cluster)
		if before == nil || before.Value().GetDisconnectMessage() != "" {
			return nil
		}
		after := proto.CloneOf(before.Value())
		after.DisconnectMessage = expired
		after.LastHeartbeat = latest(after.GetLastHeartbeat(), latest(last.GetLastHeartbeat(), c.heartbeat(tx, cluster)))
		c.Status.Put(tx, cluster, after)
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("explain the end of the session of cluster %s: %w", cluster, err)
	}
	return nil
}
