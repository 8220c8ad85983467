package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// KindSecret is Kubernetes' Secret.
const KindSecret = "Secret"

// SecretRef names the Kubernetes Secret of a secret mapping. The name says what
// it is for, and its digest keeps apart the mappings of environments that share
// a namespace, and names that are cut.
func SecretRef(env *cmfv1.Environment, mapping string) *agentv1.ObjectRef {
	const maxReadable = 200
	sum := sha256.Sum256([]byte(env.GetName() + "/" + mapping))
	readable := strings.TrimRight(mapping[:min(len(mapping), maxReadable)], "-.")
	return &agentv1.ObjectRef{
		ApiVersion: "v1",
		Kind:       KindSecret,
		Namespace:  env.GetKubernetesNamespace(),
		Name:       "weir-" + readable + "-" + hex.EncodeToString(sum[:5]),
	}
}

// Secret renders the Kubernetes Secret of a mapping from the opened values of
// the secret that it names. version grows with every change of either; the
// agent compares hashes of it and not of the values, which could be guessed
// from theirs.
func Secret(env *cmfv1.Environment, mapping *cmfv1.EnvironmentSecretMapping, data map[string]string, version int64) (*agentv1.Apply, error) {
	ref := SecretRef(env, mapping.GetMetadata().GetName())
	labels := map[string]string{}
	if len(env.GetName()) <= 63 {
		labels[environmentLabel] = env.GetName()
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": ref.GetApiVersion(),
		"kind":       ref.GetKind(),
		"metadata":   map[string]any{"name": ref.GetName(), "namespace": ref.GetNamespace(), "labels": labels},
		"type":       "Opaque",
		"data":       encoded(data),
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
		Manifest:   string(manifest),
	}, nil
}

// encoded is the values as Kubernetes wants them: base64, which encoding/json
// makes of bytes.
func encoded(data map[string]string) map[string][]byte {
	out := make(map[string][]byte, len(data))
	for key, value := range data {
		out[key] = []byte(value)
	}
	return out
}
