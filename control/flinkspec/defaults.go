package flinkspec

import (
	"maps"
	"slices"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/validate"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// CheckApplicationDefaults notes what no application could be given. Whether a
// specification is complete shows only with that of an application.
func CheckApplicationDefaults(v *apierror.Violations, defaults openjson.Object) {
	const field = "flinkApplicationDefaults"
	checkObjectAt(v, field, defaults, "spec")
	checkObjectAt(v, field, defaults, "spec", flink.FieldConfiguration)
	job := checkObjectAt(v, field, defaults, "spec", "job")
	if job["state"] != nil {
		v.Addf("%s.spec.job.state: cannot be a default: starting and suspending is done by application", field)
	}
	if openjson.Field(defaults, "spec", startFromSavepoint) != nil || job[startFromSavepoint] != nil {
		v.Addf("%s.spec: startFromSavepoint cannot be a default: a savepoint is of one application", field)
	}
	checkObjectAt(v, field, defaults, "metadata")
	annotations := checkObjectAt(v, field, defaults, "metadata", "annotations")
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		validate.AnnotationKey(v, field+".metadata", key)
		if _, ok := annotations[key].(string); !ok {
			v.Addf("%s.metadata.annotations[%q]: must be a string", field, key)
		}
	}
}
