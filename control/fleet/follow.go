package fleet

import (
	"context"
	"strings"

	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/store"
	"google.golang.org/protobuf/proto"
)

// follow calls changed with every key of a collection that changes, and once
// with each that is there already.
func follow[T proto.Message](ctx context.Context, collection *store.Collection[T], changed func(key string)) error {
	feed := collection.Changes("")
	defer feed.Close()
	for {
		keys, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			changed(key)
		}
	}
}

// followEnvironments looks at everything in an environment that changes: its
// defaults are part of what is rendered.
func (f *Fleet) followEnvironments(ctx context.Context) error {
	return follow(ctx, f.State.Environments, func(key string) {
		for _, collection := range f.keptOrder {
			for _, in := range f.kept[collection].keys(key) {
				f.changed(resource{collection, in})
			}
		}
	})
}

func (f *Fleet) followTombstones(ctx context.Context) error {
	return follow(ctx, f.State.Tombstones, func(key string) {
		cluster, _, _ := strings.Cut(key, "/")
		if s := f.sessionOf(cluster); s != nil {
			s.out.changed(resource{tombstones, key})
		}
	})
}

// followClusters tells agents that their cluster was decommissioned. One whose
// cluster is in service again connects anew, and says again what it holds.
func (f *Fleet) followClusters(ctx context.Context) error {
	return follow(ctx, f.State.Clusters, func(key string) {
		s := f.sessionOf(key)
		cluster, ok := f.State.Clusters.Cached(key)
		if s == nil || !ok {
			return
		}
		switch decommissioned := rules.Decommissioned(cluster.Value); {
		case decommissioned && s.idle.CompareAndSwap(false, true):
			s.say(lifecycleMessage(true))
		case !decommissioned && s.idle.Load():
			s.end(errLifecycle)
		}
	})
}

// followSessions ends sessions that another replica has superseded.
func (f *Fleet) followSessions(ctx context.Context) error {
	return follow(ctx, f.State.Sessions, func(key string) {
		s := f.sessionOf(key)
		if s != nil && s.superseded() {
			s.end(errSuperseded)
		}
	})
}
