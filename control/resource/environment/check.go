package environment

import (
	"slices"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/validate"
	"github.com/openweir/weir/flink/podsecurity"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// check validates an environment without other resources. Rules for lengths and
// patterns are in the proto.
func check(v *apierror.Violations, env *cmfv1.Environment) {
	inMetadata := env.GetMetadata().GetName()
	switch {
	case env.GetName() == "":
		validate.Name(v, "name", inMetadata)
	case inMetadata != "" && inMetadata != env.GetName():
		v.Addf("metadata.name: must equal name where both are given")
	}
	if _, err := podsecurity.ParseLevel(env.GetMetadata().GetLabels()[podsecurity.Label]); err != nil {
		v.Addf("metadata.labels[%q]: %v", podsecurity.Label, err)
	}
	if defaults, err := openjson.Parse(env.GetFlinkApplicationDefaults()); err == nil {
		flinkspec.CheckApplicationDefaults(v, defaults)
		flinkspec.CheckDefaultsPodSecurity(v, defaults, PodSecurity(env))
	}
	if defaults, err := openjson.Parse(env.GetComputePoolDefaults()); err == nil {
		flinkspec.CheckPoolDefaults(v, defaults)
		flinkspec.CheckPoolDefaultsPodSecurity(v, defaults, PodSecurity(env))
	}
}

// PodSecurity is the level of the Pod Security Standards for the Flink clusters of an
// environment: that of its label, else the baseline.
func PodSecurity(env *cmfv1.Environment) podsecurity.Level {
	level, err := podsecurity.ParseLevel(env.GetMetadata().GetLabels()[podsecurity.Label])
	if err != nil {
		return podsecurity.Baseline // stored before the label was checked
	}
	return level
}

// placement is what is known of the cluster that a new environment is to be on.
type placement struct {
	registered     bool
	decommissioned bool
	namespaces     []string
}

// checkPlacement notes what is wrong with where a new environment is to be.
func checkPlacement(v *apierror.Violations, env *cmfv1.Environment, cluster placement) {
	namespace := env.GetKubernetesNamespace()
	switch {
	case namespace == "":
		v.Addf("kubernetesNamespace: must not be empty")
	case podsecurity.IsSystemNamespace(namespace):
		v.Addf("kubernetesNamespace: must not be '%s', a namespace of Kubernetes itself", namespace)
	case !slices.Contains(cluster.namespaces, namespace):
		v.Addf("Environment's kubernetesNamespace '%s' does not exist.", namespace)
	}
	switch {
	case !cluster.registered:
		v.Addf("Environment's kubernetesClusterName '%s' does not exist.", env.GetKubernetesClusterName())
	case cluster.decommissioned:
		v.Addf("Environment's kubernetesClusterName '%s' is decommissioned.", env.GetKubernetesClusterName())
	}
}

// checkPlacementUnchanged rejects a change of the cluster or namespace of an
// environment.
func checkPlacementUnchanged(v *apierror.Violations, before, after *cmfv1.Environment) {
	if ns := after.GetKubernetesNamespace(); ns != "" && ns != before.GetKubernetesNamespace() {
		v.Addf("kubernetesNamespace: cannot change after creation, it is '%s'", before.GetKubernetesNamespace())
	}
	if cluster := after.GetKubernetesClusterName(); cluster != "" && cluster != before.GetKubernetesClusterName() {
		v.Addf("kubernetesClusterName: cannot change after creation, it is '%s'", before.GetKubernetesClusterName())
	}
}
