package fleet

import (
	"context"
	"strings"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/store"
)

// tombstones stands for the objects that have to be deleted, beside the names of
// the resource.Objects.
const tombstones = "tombstones"

// trigger is what a change of a record in a scope leads to.
type trigger struct {
	scope store.Scope
	fire  func(at store.Reader, key string)
}

type triggers []trigger

// newTriggers says what each change leads to: what may have to be sent again is
// put into the outbox of the session of its cluster, and sessions learn that they
// have to end.
func (f *Fleet) newTriggers() triggers {
	all := triggers{
		{f.Environments.Records.Scope(""), f.environmentChanged},
		{f.Ownership.Tombstones.Scope(""), f.tombstoneChanged},
		{f.Clusters.Records.Scope(""), f.clusterChanged},
		{f.Clusters.Sessions.Scope(""), f.sessionChanged},
		{f.Identities.Bans.Scope(), f.bansChanged},
	}
	for _, object := range f.Registry.Objects() {
		changed := func(at store.Reader, key string) { f.resourceChanged(at, object, key) }
		all = append(all, trigger{object.Resources, changed})
		for _, dependency := range object.Depends {
			all = append(all, trigger{dependency.Scope, func(at store.Reader, key string) {
				for _, dependent := range dependency.Keys(at, key) {
					changed(at, dependent)
				}
			}})
		}
	}
	return all
}

func (t triggers) scopes() []store.Scope {
	scopes := make([]store.Scope, len(t))
	for i, trigger := range t {
		scopes[i] = trigger.scope
	}
	return scopes
}

func (t triggers) fire(at store.Reader, changed store.Ref) {
	for _, trigger := range t {
		if trigger.scope.Contains(changed) {
			trigger.fire(at, changed.Key)
		}
	}
}

// follow fires the triggers of everything that changes, and at first of
// everything that there is.
func (f *Fleet) follow(ctx context.Context) error {
	feed := f.Store.Changes(f.scopes()...)
	defer feed.Close()
	for {
		changed, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		at := f.Store.Cached()
		for _, ref := range changed {
			f.fire(at, ref)
		}
	}
}

// resourceChanged is about a resource, which is in an environment.
func (f *Fleet) resourceChanged(at store.Reader, object *resource.Object, key string) {
	if s := f.sessionOf(at, key); s != nil {
		s.out.changed(sendable{object.Name, key})
	}
}

// sessionOf is the session of the cluster that a resource is on, or the
// environment whose name begins the key, nil if there is none here.
func (f *Fleet) sessionOf(at store.Reader, key string) *session {
	env := f.Environments.Of(at, key)
	if env == nil {
		return nil
	}
	return f.Sessions.of(env.Value().GetKubernetesClusterName())
}

// environmentChanged is about everything in an environment: its defaults are part
// of what is rendered.
func (f *Fleet) environmentChanged(at store.Reader, env string) {
	s := f.sessionOf(at, env)
	if s == nil {
		return
	}
	for _, object := range f.Registry.Objects() {
		for key := range object.Resources.Under(env).Keys(at) {
			s.out.changed(sendable{object.Name, key})
		}
	}
}

func (f *Fleet) tombstoneChanged(_ store.Reader, key string) {
	cluster, _, _ := strings.Cut(key, "/")
	if s := f.Sessions.of(cluster); s != nil {
		s.out.changed(sendable{tombstones, key})
	}
}

// clusterChanged tells agents that their cluster was decommissioned. One whose
// cluster is in service again has to connect again, and lists again what it holds.
func (f *Fleet) clusterChanged(at store.Reader, name string) {
	s, record := f.Sessions.of(name), f.Clusters.Get(at, name)
	if s == nil {
		return
	}
	if record == nil {
		// Unless the session has registered the cluster again since.
		if now := f.Store.Cached(); now.Revision() >= s.epoch && f.Clusters.Get(now, name) == nil {
			s.end(errDeleted)
		}
		return
	}
	switch decommissioned := cluster.Decommissioned(record.Value()); {
	case decommissioned && s.idle.CompareAndSwap(false, true):
		s.enqueue(lifecycleMessage(true))
	case !decommissioned && s.idle.Load():
		s.end(errLifecycle)
	}
}

// sessionChanged ends a session that one on another replica has superseded.
func (f *Fleet) sessionChanged(at store.Reader, cluster string) {
	if s := f.Sessions.of(cluster); s != nil && s.superseded(at) {
		s.end(errSuperseded)
	}
}
