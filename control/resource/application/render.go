// Package render turns stored resources into the Kubernetes objects that
// agents keep. It is pure: the same records give the same bytes.
package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/openweir/weir/control/rules"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// The operator's API.
const (
	FlinkAPIVersion = "flink.apache.org/v1beta1"
	KindDeployment  = "FlinkDeployment"
)

// Marks that Weir puts on objects beside those of the agent.
const (
	environmentLabel = rules.MarkPrefix + "environment"
	// The two that CMF writes, so that logs can be told apart by instance.
	instanceAnnotation = "platform.confluent.io/cmf-fa-instance"
	originAnnotation   = "platform.confluent.io/origin"
)

// DeploymentRef names the FlinkDeployment of an application.
func DeploymentRef(env *cmfv1.Environment, application string) *agentv1.ObjectRef {
	return &agentv1.ObjectRef{
		ApiVersion: FlinkAPIVersion,
		Kind:       KindDeployment,
		Namespace:  env.GetKubernetesNamespace(),
		Name:       application,
	}
}

// Application renders the FlinkDeployment of an application. The instance is
// the current one, nil where the application has never run; the specification
// is the instance's, so that a change of the environment's defaults reaches the
// cluster together with the instance that it begins, not before.
func Application(env *cmfv1.Environment, record *storev1.ApplicationRecord, instance *cmfv1.FlinkApplicationInstance) (*agentv1.Apply, error) {
	app := record.GetApplication()
	spec, err := openjson.Parse(app.GetSpec())
	if err != nil {
		return nil, fmt.Errorf("specification of application %s: %w", app.GetMetadata().GetName(), err)
	}
	defaults, err := openjson.Parse(env.GetFlinkApplicationDefaults())
	if err != nil {
		return nil, fmt.Errorf("defaults of environment %s: %w", env.GetName(), err)
	}
	var effective openjson.Object
	if instance == nil {
		effective = rules.Effective(spec, defaults)
	} else if effective, err = openjson.Parse(instance.GetStatus().GetSpec()); err != nil {
		return nil, fmt.Errorf("specification of instance %s: %w", instance.GetMetadata().GetName(), err)
	}
	if effective == nil {
		return nil, fmt.Errorf("instance %s has no specification", instance.GetMetadata().GetName())
	}
	openjson.Set(effective, rules.DesiredState(spec), "job", "state")
	setStart(effective, record.GetStart())
	if instance != nil {
		openjson.Set(effective, instance.GetMetadata().GetName(), "podTemplate", "metadata", "annotations", instanceAnnotation)
		openjson.Set(effective, "flink", "podTemplate", "metadata", "annotations", originAnnotation)
	}
	metadata := app.GetMetadata()
	labels := maps.Clone(metadata.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	// A label holds 63 characters, an environment's name may be longer.
	if len(env.GetName()) <= 63 {
		labels[environmentLabel] = env.GetName()
	}
	ref := DeploymentRef(env, metadata.GetName())
	return object(ref, metadata.GetUid(), record.GetGeneration(), labels, annotations(metadata, defaults), effective)
}

// annotations are the application's under those of the environment's defaults.
func annotations(metadata *cmfv1.ObjectMeta, defaults openjson.Object) map[string]string {
	out := maps.Clone(metadata.GetAnnotations())
	if out == nil {
		out = map[string]string{}
	}
	enforced, _ := openjson.Field(defaults, "metadata", "annotations").(openjson.Object)
	for key, value := range enforced {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}

func object(ref *agentv1.ObjectRef, owner string, generation int64, labels, annotations map[string]string, spec openjson.Object) (*agentv1.Apply, error) {
	metadata := map[string]any{"name": ref.GetName(), "namespace": ref.GetNamespace()}
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": ref.GetApiVersion(),
		"kind":       ref.GetKind(),
		"metadata":   metadata,
		"spec":       rules.WithTextConfiguration(spec),
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", ref.GetKind(), ref.GetNamespace(), ref.GetName(), err)
	}
	sum := sha256.Sum256(manifest)
	return &agentv1.Apply{
		Ref:        ref,
		OwnerUid:   owner,
		Generation: generation,
		Hash:       hex.EncodeToString(sum[:16]),
		Manifest:   string(manifest),
	}, nil
}
