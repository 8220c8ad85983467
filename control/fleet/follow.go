package fleet

import (
	"context"
	"strings"

	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
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

// followEnvironments looks at all applications of an environment that changes:
// its defaults are part of what is rendered.
func (f *Fleet) followEnvironments(ctx context.Context) error {
	return follow(ctx, f.State.Environments, func(key string) {
		for _, app := range f.State.Applications.CachedUnder(key) {
			f.changed(resource{applications, app.Key})
		}
	})
}

func (f *Fleet) followApplications(ctx context.Context) error {
	return follow(ctx, f.State.Applications, func(key string) { f.changed(resource{applications, key}) })
}

func (f *Fleet) followMappings(ctx context.Context) error {
	return follow(ctx, f.State.SecretMappings, func(key string) { f.changed(resource{mappings, key}) })
}

func (f *Fleet) followSecrets(ctx context.Context) error {
	return follow(ctx, f.State.Secrets, func(key string) {
		for _, mapping := range f.State.SecretMappings.CachedByIndex(state.BySecret, store.Segments(key)[0]) {
			f.changed(resource{mappings, mapping.Key})
		}
	})
}

// changed tells the session of a resource's cluster that it has changed. The
// resource is in an environment, whose name begins its key.
func (f *Fleet) changed(r resource) {
	name, _, _ := strings.Cut(r.key, "/")
	env, ok := f.State.Environments.Cached(name)
	if !ok {
		return
	}
	if s := f.sessionOf(env.Value.GetKubernetesClusterName()); s != nil {
		s.out.changed(r)
	}
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
