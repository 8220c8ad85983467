// Package manifest makes the Kubernetes objects that agents are to keep. It is
// pure: the same arguments give the same bytes.
package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"github.com/openweir/weir/control/validate"
	"github.com/openweir/weir/flink"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// EnvironmentLabel names the environment of an object, where a label can hold
// that.
const EnvironmentLabel = validate.MarkPrefix + "environment"

// Labels are a resource's labels, and the one that names its environment. A label
// holds 63 characters, an environment's name may be longer.
func Labels(env *cmfv1.Environment, own map[string]string) map[string]string {
	labels := maps.Clone(own)
	if labels == nil {
		labels = map[string]string{}
	}
	if len(env.GetName()) <= 63 {
		labels[EnvironmentLabel] = env.GetName()
	}
	return labels
}

// Object makes the object of an owner from its specification. Flink configuration
// is text throughout, as the definitions of older operators want it.
func Object(ref *agentv1.ObjectRef, owner string, generation int64, labels, annotations map[string]string, spec openjson.Object) *agentv1.Apply {
	metadata := openjson.Object{"name": ref.GetName(), "namespace": ref.GetNamespace()}
	if len(labels) > 0 {
		metadata["labels"] = texts(labels)
	}
	if len(annotations) > 0 {
		metadata["annotations"] = texts(annotations)
	}
	manifest := escapeHTML.Replace(openjson.Encode(openjson.Object{
		"apiVersion": ref.GetApiVersion(),
		"kind":       ref.GetKind(),
		"metadata":   metadata,
		"spec":       flink.WithTextConfiguration(spec),
	}))
	sum := sha256.Sum256([]byte(manifest))
	return &agentv1.Apply{
		Ref:        ref,
		OwnerUid:   owner,
		Generation: generation,
		Hash:       hex.EncodeToString(sum[:16]),
		Manifest:   manifest,
	}
}

// escapeHTML escapes what encoding/json does beside what JSON needs. In JSON, the
// characters occur in strings only.
var escapeHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`)

func texts(m map[string]string) openjson.Object {
	out := make(openjson.Object, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}
