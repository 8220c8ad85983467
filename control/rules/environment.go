package rules

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// EnvironmentName is the name of an environment, which clients give at the top
// level or in the metadata.
func EnvironmentName(env *cmfv1.Environment) string {
	if env.GetName() != "" {
		return env.GetName()
	}
	return env.GetMetadata().GetName()
}

// CheckEnvironment notes what is wrong with an environment by itself. Its
// length and pattern rules are in the proto.
func CheckEnvironment(v *apierror.Violations, env *cmfv1.Environment) {
	inMetadata := env.GetMetadata().GetName()
	switch {
	case env.GetName() == "":
		CheckName(v, "name", inMetadata)
	case inMetadata != "" && inMetadata != env.GetName():
		v.Addf("metadata.name: must equal name where both are given")
	}
	if defaults, err := openjson.Parse(env.GetFlinkApplicationDefaults()); err == nil {
		flinkspec.CheckApplicationDefaults(v, defaults)
	}
	if defaults, err := openjson.Parse(env.GetComputePoolDefaults()); err == nil {
		flinkspec.CheckPoolDefaults(v, defaults)
	}
}

// Cluster is what the rules of an environment need to know of its cluster.
type Cluster struct {
	Registered     bool
	Decommissioned bool
	Namespaces     []string
}

// CheckPlacement notes what is wrong with where a new environment is to be.
func CheckPlacement(v *apierror.Violations, env *cmfv1.Environment, cluster Cluster) {
	namespace := env.GetKubernetesNamespace()
	switch {
	case namespace == "":
		v.Addf("kubernetesNamespace: must not be empty")
	case !slices.Contains(cluster.Namespaces, namespace):
		v.Addf("Environment's kubernetesNamespace '%s' does not exist.", namespace)
	}
	switch {
	case !cluster.Registered:
		v.Addf("Environment's kubernetesClusterName '%s' does not exist.", env.GetKubernetesClusterName())
	case cluster.Decommissioned:
		v.Addf("Environment's kubernetesClusterName '%s' is decommissioned.", env.GetKubernetesClusterName())
	}
}

// CheckUnmoved notes an attempt to move an environment to another place.
func CheckUnmoved(v *apierror.Violations, before, after *cmfv1.Environment) {
	if ns := after.GetKubernetesNamespace(); ns != "" && ns != before.GetKubernetesNamespace() {
		v.Addf("kubernetesNamespace: cannot change after creation, it is '%s'", before.GetKubernetesNamespace())
	}
	if cluster := after.GetKubernetesClusterName(); cluster != "" && cluster != before.GetKubernetesClusterName() {
		v.Addf("kubernetesClusterName: cannot change after creation, it is '%s'", before.GetKubernetesClusterName())
	}
}

// UpdateEnvironment lays an update over what is stored: what is absent stays,
// an empty object clears.
func UpdateEnvironment(before, update *cmfv1.Environment) *cmfv1.Environment {
	after := proto.CloneOf(before)
	if update.GetFlinkApplicationDefaults() != nil {
		after.FlinkApplicationDefaults = nonEmpty(update.GetFlinkApplicationDefaults())
	}
	if update.GetComputePoolDefaults() != nil {
		after.ComputePoolDefaults = nonEmpty(update.GetComputePoolDefaults())
	}
	if defaults := update.GetStatementDefaults(); defaults != nil {
		if after.StatementDefaults == nil {
			after.StatementDefaults = &cmfv1.AllStatementDefaults{}
		}
		if defaults.GetDetached() != nil {
			after.StatementDefaults.Detached = defaults.GetDetached()
		}
		if defaults.GetInteractive() != nil {
			after.StatementDefaults.Interactive = defaults.GetInteractive()
		}
	}
	if labels := update.GetMetadata().GetLabels(); labels != nil {
		after.Metadata.Labels = labels
	}
	if annotations := update.GetMetadata().GetAnnotations(); annotations != nil {
		after.Metadata.Annotations = annotations
	}
	return after
}

func nonEmpty(o *cmfv1.JsonObject) *cmfv1.JsonObject {
	if parsed, err := openjson.Parse(o); err == nil && len(parsed) == 0 {
		return nil
	}
	return o
}
