package reconcile

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// expired is what users read of a cluster whose session ended with no word:
// the replica that held it is gone, or was cut off from etcd.
const expired = "The agent's session has expired: no heartbeat of it has reached the control plane."

// followSessions gives a reason to clusters that lost their session without
// one.
func (r *Reconciler) followSessions(ctx context.Context) error {
	feed := r.State.Sessions.Changes("")
	defer feed.Close()
	// What the records said while they were there.
	last := map[string]*storev1.SessionRecord{}
	for _, cluster := range r.State.Clusters.CachedUnder("") {
		if err := r.explain(ctx, cluster.Key, nil); err != nil {
			return err
		}
	}
	for {
		clusters, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, cluster := range clusters {
			if session, ok := r.State.Sessions.Cached(cluster); ok {
				last[cluster] = session.Value
				continue
			}
			if err := r.explain(ctx, cluster, last[cluster]); err != nil {
				return err
			}
			delete(last, cluster)
		}
	}
}

func (r *Reconciler) explain(ctx context.Context, cluster string, session *storev1.SessionRecord) error {
	status, ok := r.State.ClusterStatus.Cached(cluster)
	if _, live := r.State.Sessions.Cached(cluster); live || !ok || status.Value.GetDisconnectMessage() != "" {
		return nil
	}
	after := proto.Clone(status.Value).(*storev1.ClusterStatusRecord)
	after.DisconnectMessage = expired
	if beat := session.GetLastHeartbeat(); beat.AsTime().After(after.GetLastHeartbeat().AsTime()) {
		after.LastHeartbeat = beat
	}
	_, err := r.State.Store.Commit(ctx,
		[]store.Cond{r.State.Sessions.Absent(cluster), r.State.ClusterStatus.Unchanged(cluster, status.Revision)},
		[]store.Op{r.State.ClusterStatus.Put(cluster, after)})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("explain the end of the session of cluster %s: %w", cluster, err)
	}
	return nil
}
