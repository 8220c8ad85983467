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
	instance := a.instances.In(at).Get(store.Join(key, record.Value().GetInstance()))
	spec, _ := record.Derived().(openjson.Object)
	var effective openjson.Object
	if instance != nil {
		effective, _ = instance.Derived().(openjson.Object)
	}
	return render(env.Value(), record.Value(), instance.Message(), spec, effective)
}

// Render makes the FlinkDeployment of an application. The instance is the current
// one, nil where the application has never run; the specification is the
// instance's, so that a change of the environment's defaults reaches the cluster
// together with the instance that it begins, not before.
func Render(env *cmfv1.Environment, record *storev1.ApplicationRecord, instance *cmfv1.FlinkApplicationInstance) (*agentv1.Apply, error) {
	return render(env, record, instance, nil, nil)
}

// render is Render where the specifications of the application and of the instance
// may be parsed already.
func render(env *cmfv1.Environment, record *storev1.ApplicationRecord, instance *cmfv1.FlinkApplicationInstance, spec, effective openjson.Object) (*agentv1.Apply, error) {
	app := record.GetApplication()
	var err error
	if spec == nil {
		if spec, err = openjson.Parse(app.GetSpec()); err != nil {
			return nil, fmt.Errorf("specification of application %s: %w", app.GetMetadata().GetName(), err)
		}
	}
	defaults, err := openjson.Parse(env.GetFlinkApplicationDefaults())
	if err != nil {
		return nil, fmt.Errorf("defaults of environment %s: %w", env.GetName(), err)
	}
	switch {
	case instance == nil:
		effective = flinkspec.Effective(spec, defaults)
	case effective != nil:
		effective = openjson.Merge(effective, nil) // others may read it
	default:
		if effective, err = openjson.Parse(instance.GetStatus().GetSpec()); err != nil {
			return nil, fmt.Errorf("specification of instance %s: %w", instance.GetMetadata().GetName(), err)
		}
	}
	if effective == nil {
		return nil, fmt.Errorf("instance %s has no specification", instance.GetMetadata().GetName())
	}
	openjson.Set(effective, flinkspec.DesiredState(spec), "job", "state")
	manifest.SetStart(effective, record.GetStart())
	setInitialSavepoint(effective, record)
	if instance != nil {
		for key, value := range podMarks(record, instance.GetMetadata().GetName()) {
			openjson.Set(effective, value, append(slices.Clone(podAnnotations), key)...)
		}
	}
	metadata := app.GetMetadata()
	apply := manifest.Object(manifest.DeploymentRef(env, metadata.GetName()), metadata.GetUid(), record.GetGeneration(),
		manifest.Labels(env, metadata.GetLabels()), annotations(metadata, defaults), effective)
	apply.Adopt = adoptionOf(record)
	return apply, nil
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
