package fleet

import (
	"context"

	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// addMappings puts the Kubernetes Secret of every secret mapping into its
// environment's namespace, on that environment's cluster and no other.
func (f *Fleet) addMappings() {
	addKept(f, f.State.SecretMappings, keptKind{
		collection: state.CollectionMappings,
		render:     f.renderMapping,
		follow:     []func(context.Context) error{f.followSecrets},
	})
}

func (f *Fleet) followSecrets(ctx context.Context) error {
	return follow(ctx, f.State.Secrets, func(key string) {
		for _, mapping := range f.State.SecretMappings.CachedByIndex(state.BySecret, store.Segments(key)[0]) {
			f.changed(resource{state.CollectionMappings, mapping.Key})
		}
	})
}

// renderMapping opens the secret of a mapping. The opened values live no longer
// than the message that they are sent in.
func (f *Fleet) renderMapping(env *cmfv1.Environment, key string) (*agentv1.Apply, error) {
	mapping, ok := f.State.SecretMappings.Cached(key)
	if !ok {
		return nil, nil // a tombstone has taken over
	}
	secret, ok := f.State.Secrets.Cached(store.Key(mapping.Value.GetSpec().GetSecretName()))
	if !ok {
		return nil, nil
	}
	// Both revisions only grow, and one of them does with every change.
	version := max(mapping.Revision, secret.Revision)
	data, err := f.opened(secret.Value)
	if err != nil {
		return nil, err
	}
	return render.Secret(env, mapping.Value, data, version)
}
