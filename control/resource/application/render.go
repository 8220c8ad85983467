package application

import (
	"fmt"
	"maps"
	"slices"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// Annotations that CMF writes, so that logs can be distinguished by instance.
const (
	instanceAnnotation = "platform.confluent.io/cmf-fa-instance"
	originAnnotation   = "platform.confluent.io/origin"
)

// deployment is the FlinkDeployment of each application.
func (a *Applications) deployment() *resource.Object {
	return &resource.Object{
		Name:      a.Records.Name(),
		Resources: a.Records.Scope(""),
		Render:    a.renderKey,
		Store:     resource.Reported(a.Records, a.Status, func(r *storev1.ApplicationRecord) string { return metadataOf(r).GetUid() }, a.observe),
		Status:    func(at store.Reader, key string) *storev1.StatusRecord { return a.Status.In(at).Get(key).Message() },
	}
}

func (a *Applications) renderKey(at store.Reader, env *store.Object[*cmfv1.Environment], key string) (*agentv1.Apply, error) {
	record := a.Records.In(at).Get(key)
	if record == nil {
		return nil, nil // a tombstone has it deleted
	}
	return Render(env, record, a.instances.In(at).Get(store.Join(key, record.Value().GetInstance())))
}

// Render makes the FlinkDeployment of an application. The instance is the current
// one, nil where the application has never run; the specification is the
// instance's, so that a change of the environment's defaults reaches the cluster
// together with the instance that it begins, not before.
func Render(env *store.Object[*cmfv1.Environment], o *store.Object[*storev1.ApplicationRecord], instance *store.Object[*cmfv1.FlinkApplicationInstance]) (*agentv1.Apply, error) {
	record := o.Value()
	spec, err := specOf(o)
	if err != nil {
		return nil, err
	}
	defaults, err := defaultsOf(env)
	if err != nil {
		return nil, err
	}
	var effective openjson.Object
	if instance == nil {
		effective = flinkspec.Effective(spec, defaults)
	} else {
		shared, err := effectiveOf(instance)
		if err != nil {
			return nil, err
		}
		if shared == nil {
			return nil, fmt.Errorf("instance %s has no specification", instance.Key)
		}
		effective = openjson.Merge(shared, nil)
	}
	return render(env, record, spec, defaults, effective, instance.Message().GetMetadata().GetName()), nil
}

// render makes the FlinkDeployment of an application whose specification, defaults and
// effective specification are parsed. It changes the latter. instance is empty where the
// application has never run.
func render(env *store.Object[*cmfv1.Environment], record *storev1.ApplicationRecord, spec, defaults, effective openjson.Object, instance string) *agentv1.Apply {
	openjson.Set(effective, flinkspec.DesiredState(spec), "job", "state")
	manifest.SetStart(effective, record.GetStart())
	setInitialSavepoint(effective, record)
	if instance != "" {
		for key, value := range podMarks(record, instance) {
			openjson.Set(effective, value, append(slices.Clone(podAnnotations), key)...)
		}
	}
	metadata := metadataOf(record)
	apply := manifest.Object(manifest.DeploymentRef(env.Value(), metadata.GetName()), metadata.GetUid(), record.GetGeneration(),
		manifest.Labels(env.Value(), metadata.GetLabels()), annotations(metadata, defaults), effective)
	apply.Adopt = adoptionOf(record)
	return apply
}

// annotations are the application's under those of the environment's defaults.
func annotations(metadata *cmfv1.ObjectMeta, defaults openjson.Object) map[string]string {
	out := maps.Clone(metadata.GetAnnotations())
	if out == nil {
		out = map[string]string{}
	}
	delete(out, AdoptAnnotation) // an instruction to Weir
	enforced, _ := openjson.Field(defaults, "metadata", "annotations").(openjson.Object)
	for key, value := range enforced {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}
