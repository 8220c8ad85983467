package fleet

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// keptKind is a kind of resource each of which has an object on the cluster of
// its environment. What the fleet does for a kind it finds here; how objects
// are sent, compared, reported on and fenced is the same for all.
type keptKind struct {
	collection string
	// keys are those of the resources in an environment.
	keys func(env string) []string
	// render makes the object of a resource; nil where the cluster is to have
	// none, for now or any more.
	render func(env *cmfv1.Environment, key string) (*agentv1.Apply, error)
	// store stores what an agent reports; nil where nothing is kept of it.
	store func(ctx context.Context, next *report, claim *storev1.ClaimRecord) error
	// status is what is stored of a resource's reports; nil where nothing is.
	status func(key string) (*storev1.StatusRecord, bool)
	// follow are the loops that notice what resources depend on.
	follow []func(context.Context) error
}

// addKept makes a kind known to the fleet. Resources are announced when their
// own record changes; follow may add to that.
func addKept[T proto.Message](f *Fleet, collection *store.Collection[T], kind keptKind) {
	kind.keys = func(env string) []string {
		var keys []string
		for _, object := range collection.CachedUnder(env) {
			keys = append(keys, object.Key)
		}
		return keys
	}
	kind.follow = append(kind.follow, func(ctx context.Context) error {
		return follow(ctx, collection, func(key string) { f.changed(resource{kind.collection, key}) })
	})
	f.kept[kind.collection] = kind
	f.keptOrder = append(f.keptOrder, kind.collection)
}

// statusIn looks statuses up in a collection of them.
func statusIn(collection *store.Collection[*storev1.StatusRecord]) func(string) (*storev1.StatusRecord, bool) {
	return func(key string) (*storev1.StatusRecord, bool) {
		status, ok := collection.Cached(key)
		return status.Value, ok
	}
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

// render makes the object of a resource, if it is on the session's cluster
// still: its environment may have been deleted, and created again elsewhere.
func (s *session) render(r resource) (*agentv1.Apply, error) {
	name, _, _ := strings.Cut(r.key, "/")
	env, ok := s.fleet.State.Environments.Cached(name)
	if !ok || env.Value.GetKubernetesClusterName() != s.cluster {
		return nil, nil
	}
	return s.fleet.kept[r.collection].render(env.Value, r.key)
}
