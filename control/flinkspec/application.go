// Package flinkspec is the specification of a FlinkDeployment as users, defaults
// and the Flink operator see it: how defaults are merged into it, what is refused in
// it, which changes of it are, and what it asks a cluster for. All of it is pure.
package flinkspec

import (
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/openjson"
)

// startFromSavepoint is the field of a specification by which it starts from a
// savepoint.
const startFromSavepoint = "startFromSavepoint"

// CheckInstructions notes what is wrong with the instructions to Weir in the
// specification of an application.
func CheckInstructions(v *apierror.Violations, spec openjson.Object) { checkSavepointStart(v, spec) }

// Effective is what an application runs with: its own specification under the
// environment's defaults, which win key by key. startFromSavepoint is taken
// out: it is an instruction to Weir, not a field of the operator.
func Effective(spec, defaults openjson.Object) openjson.Object {
	enforced, _ := openjson.Field(defaults, "spec").(openjson.Object)
	own := withFlatConfiguration(spec)
	out := openjson.Merge(own, withFlatConfiguration(enforced))
	delete(out, startFromSavepoint)
	if job, ok := out["job"].(openjson.Object); ok {
		out["job"] = openjson.Without(job, startFromSavepoint)
	}
	return out
}

func withFlatConfiguration(spec openjson.Object) openjson.Object {
	configuration := flink.Configuration(spec)
	if configuration == nil {
		return spec
	}
	return openjson.With(spec, flink.FieldConfiguration, flink.FlattenConfiguration(configuration))
}

// EffectiveHash identifies what an instance runs. job.state does not count:
// suspending ends a run, it makes no other one.
func EffectiveHash(effective openjson.Object) string {
	job, ok := effective["job"].(openjson.Object)
	if !ok {
		return openjson.Hash(effective)
	}
	return openjson.Hash(openjson.With(effective, "job", openjson.Without(job, "state")))
}

// DesiredState is job.state of a specification: running unless suspended.
func DesiredState(spec openjson.Object) string {
	if openjson.String(spec, "job", "state") == flink.Suspended {
		return flink.Suspended
	}
	return flink.Running
}

// CheckEffective notes what the Flink operator would refuse: a user learns of it at
// once and not from a status later. Only rules that hold whatever the operator's own
// configuration is are checked here; the others are in the warnings. What the level
// of the Pod Security Standards forbids is refused too.
func CheckEffective(effective openjson.Object, level podsecurity.Level) (warnings []string, err error) {
	problems := validation.Deployment(effective)
	v := refusals(problems)
	for i := range v {
		if v[i] == "spec.serviceAccount: must be set" {
			v[i] += ", in the application or in the environment's flinkApplicationDefaults"
		}
	}
	if len(v) == 0 {
		v = refusals(podsecurity.Check(level, effective))
	}
	if effective["job"] == nil {
		v.Addf("spec.job: must be set: a FlinkApplication runs one job")
	}
	return warningsOf(effective, problems), v.Unprocessable()
}

// CheckChange notes what the operator would refuse in a specification because
// of the one in force.
func CheckChange(inForce, effective openjson.Object) error {
	return refusals(validation.Change(inForce, effective)).Unprocessable()
}

// refusals are the problems that no configuration of the operator solves.
func refusals(problems []validation.Problem) apierror.Violations {
	var v apierror.Violations
	for _, problem := range problems {
		if !problem.Unset {
			v = append(v, problem.Error())
		}
	}
	return v
}

// warningsOf are what a user should know of an effective specification although
// it is accepted.
func warningsOf(effective openjson.Object, problems []validation.Problem) []string {
	var warnings []string
	for _, problem := range problems {
		if problem.Unset {
			warnings = append(warnings, problem.Error()+". Neither the application nor its environment sets it: the operator refuses the application unless its own configuration does.")
		}
	}
	if openjson.Field(effective, "job", "upgradeMode") == nil {
		warnings = append(warnings, "spec.job.upgradeMode is not set. The operator's default is stateless: every change of the application, and suspending it, loses the job's state. Set savepoint or last-state to keep it.")
	}
	return warnings
}

func checkString(v *apierror.Violations, o openjson.Object, path ...string) string {
	value := openjson.Field(o, path...)
	if value == nil {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		v.Addf("spec.%s: must be a string", strings.Join(path, "."))
	}
	return s
}

// checkObject gives the object under a path of a specification, nil where
// there is none.
func checkObject(v *apierror.Violations, spec openjson.Object, path ...string) openjson.Object {
	return checkObjectAt(v, "spec", spec, path...)
}

func checkObjectAt(v *apierror.Violations, field string, o openjson.Object, path ...string) openjson.Object {
	value := openjson.Field(o, path...)
	object, ok := value.(openjson.Object)
	if value != nil && !ok {
		v.Addf("%s.%s: must be an object", field, strings.Join(path, "."))
	}
	return object
}
