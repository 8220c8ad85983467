package flinkspec

import (
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/openjson"
)

// CheckDefaultsPodSecurity notes what the level of the Pod Security Standards forbids
// in the flinkApplicationDefaults of an environment.
func CheckDefaultsPodSecurity(v *apierror.Violations, defaults openjson.Object, level podsecurity.Level) {
	spec, _ := openjson.Field(defaults, "spec").(openjson.Object)
	for _, problem := range podsecurity.Check(level, spec) {
		v.Addf("flinkApplicationDefaults.%s", problem.Error())
	}
}

// CheckPoolDefaultsPodSecurity is CheckDefaultsPodSecurity for computePoolDefaults.
func CheckPoolDefaultsPodSecurity(v *apierror.Violations, defaults openjson.Object, level podsecurity.Level) {
	for _, problem := range podsecurity.Check(level, poolDefaults(defaults)) {
		v.Addf("computePoolDefaults.%s.%s", clusterSpec, strings.TrimPrefix(problem.Error(), "spec."))
	}
}
