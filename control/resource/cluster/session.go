package cluster

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

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
	for cluster := range c.Records.In(c.store.Cached()).Under("") {
		if err := c.explain(ctx, cluster.Key, nil); err != nil {
			return err
		}
	}
	for {
		changed, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		at := c.Sessions.In(c.store.Cached())
		for _, ref := range changed {
			if session := at.Get(ref.Key); session != nil {
				last[ref.Key] = session.Value()
				continue
			}
			if err := c.explain(ctx, ref.Key, last[ref.Key]); err != nil {
				return err
			}
			delete(last, ref.Key)
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
		if beat := last.GetLastHeartbeat(); beat.AsTime().After(after.GetLastHeartbeat().AsTime()) {
			after.LastHeartbeat = beat
		}
		c.Status.Put(tx, cluster, after)
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("explain the end of the session of cluster %s: %w", cluster, err)
	}
	return nil
}
