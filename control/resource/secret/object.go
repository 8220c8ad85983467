package secret

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// kubernetesSecret is the Secret of every mapping in the namespace of its
// environment. Nothing is kept of what agents report of it.
func (s *Secrets) kubernetesSecret() *resource.Object {
	return &resource.Object{
		Name:      s.Mappings.Name(),
		Resources: s.Mappings.Scope(""),
		Render:    s.render,
		Depends: []resource.Dependency{{
			Scope: s.Records.Scope(""),
			Keys: func(at store.Reader, key string) []string {
				var mappings []string
				for mapping := range s.Mappings.In(at).By(bySecret, store.Segments(key)[0]) {
					mappings = append(mappings, mapping.Key)
				}
				return mappings
			},
		}},
	}
}

// render opens the secret of a mapping. The opened values live no longer than the
// message that they are sent in.
func (s *Secrets) render(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
	mapping := s.Mappings.In(at).Get(key)
	if mapping == nil {
		return nil, nil
	}
	secret := s.Records.In(at).Get(store.Key(mapping.Value().GetSpec().GetSecretName()))
	if secret == nil {
		return nil, nil
	}
	data, err := s.open(secret.Value())
	if err != nil {
		return nil, err
	}
	// Both revisions only grow, and one of them does with every change.
	return rendered(env.Value(), mapping.Value(), data, max(mapping.Revision, secret.Revision))
}

// ref names the Secret of a mapping. The name says what it is for, and its digest
// keeps apart the mappings of environments that share a namespace, and names that
// are cut.
func ref(env *cmfv1.Environment, mapping string) *agentv1.ObjectRef {
	const maxReadable = 200
	sum := sha256.Sum256([]byte(env.GetName() + "/" + mapping))
	readable := strings.TrimRight(mapping[:min(len(mapping), maxReadable)], "-.")
	return &agentv1.ObjectRef{
		ApiVersion: "v1",
		Kind:       "Secret",
		Namespace:  env.GetKubernetesNamespace(),
		Name:       "weir-" + readable + "-" + hex.EncodeToString(sum[:5]),
	}
}

// rendered makes the Secret of a mapping from the values of the secret that it
// names. version grows with every change of either; the agent compares hashes of
// it and not of the values, which could be guessed from theirs.
func rendered(env *cmfv1.Environment, mapping *cmfv1.EnvironmentSecretMapping, data map[string]string, version int64) (*agentv1.Apply, error) {
	ref := ref(env, mapping.GetMetadata().GetName())
	encoded := make(map[string][]byte, len(data)) // as base64, which is what Kubernetes takes
	for key, value := range data {
		encoded[key] = []byte(value)
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": ref.GetApiVersion(),
		"kind":       ref.GetKind(),
		"metadata":   map[string]any{"name": ref.GetName(), "namespace": ref.GetNamespace(), "labels": manifest.Labels(env, nil)},
		"type":       "Opaque",
		"data":       encoded,
	})
	if err != nil {
		return nil, fmt.Errorf("encode Secret %s/%s: %w", ref.GetNamespace(), ref.GetName(), err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", mapping.GetMetadata().GetUid(), version))
	return &agentv1.Apply{
		Ref:        ref,
		OwnerUid:   mapping.GetMetadata().GetUid(),
		Generation: version,
		Hash:       hex.EncodeToString(sum[:16]),
		Manifest:   string(text),
	}, nil
}
