package flinkspec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/openjson"
)

// defaultServiceAccount is the one that the operator's chart makes for jobs.
// Pools may not choose another, says CMF, and applications have to.
const defaultServiceAccount = "flink"

const clusterSpec = "clusterSpec"

// jobOfStatements are the fields of a job that Weir fills in from statements.
// job.parallelism is one too, but clients of CMF send it, so it is passed over.
var jobOfStatements = []string{"jarURI", "entryClass", "args", "state"}

// CheckTemplate notes what is wrong with the clusterSpec of a pool by itself.
func CheckTemplate(v *apierror.Violations, template openjson.Object) {
	job := checkObjectAt(v, "spec.clusterSpec", template, "job")
	for _, field := range jobOfStatements {
		if job[field] != nil {
			v.Addf("spec.clusterSpec.job.%s: must not be set: statements bring their own job", field)
		}
	}
}

// ClusterSpec is the specification of a pool's clusters: its own under the
// environment's computePoolDefaults, which win key by key.
func ClusterSpec(template, defaults openjson.Object) openjson.Object {
	own := withFlatConfiguration(template)
	out := openjson.Merge(own, withFlatConfiguration(poolDefaults(defaults)))
	if account := out["serviceAccount"]; account == nil || account == "" {
		out["serviceAccount"] = defaultServiceAccount
	}
	return out
}

// poolDefaults is the clusterSpec of defaults, which clients write with the
// specification of a pool around it and without.
func poolDefaults(defaults openjson.Object) openjson.Object {
	if inner, ok := openjson.Field(defaults, "spec", clusterSpec).(openjson.Object); ok {
		return inner
	}
	inner, _ := openjson.Field(defaults, clusterSpec).(openjson.Object)
	return inner
}

// CheckPoolDefaults notes defaults that no pool could be given.
func CheckPoolDefaults(v *apierror.Violations, defaults openjson.Object) {
	const field = "computePoolDefaults"
	for _, path := range [][]string{{clusterSpec}, {"spec"}, {"spec", clusterSpec}} {
		checkObjectAt(v, field, defaults, path...)
	}
	within := poolDefaults(defaults)
	checkObjectAt(v, field+"."+clusterSpec, within, flink.FieldConfiguration)
	for _, name := range jobOfStatements {
		if openjson.Field(within, "job", name) != nil {
			v.Addf("%s.%s.job.%s: must not be set: statements bring their own job", field, clusterSpec, name)
		}
	}
}

// CheckClusterSpec notes what the Flink operator would refuse in the
// specification that a pool's clusters have, by itself and because of the one in
// force.
func CheckClusterSpec(inForce, effective openjson.Object, level podsecurity.Level) error {
	cluster := openjson.Without(effective, "job")
	v := refusals(validation.Deployment(cluster))
	if len(v) == 0 {
		v = refusals(podsecurity.Check(level, cluster))
	}
	if mode := openjson.Field(effective, "job", "upgradeMode"); mode != nil && !slices.Contains(flink.UpgradeModes, fmt.Sprint(mode)) {
		v.Addf("spec.job.upgradeMode: must be one of %s, got %q", strings.Join(flink.UpgradeModes, ", "), fmt.Sprint(mode))
	}
	if len(v) == 0 {
		v = refusals(validation.Change(inForce, cluster))
	}
	for i := range v {
		v[i] = "spec.clusterSpec." + strings.TrimPrefix(v[i], "spec.")
	}
	return v.Unprocessable()
}
