// Package flinkspec is the specification of a FlinkDeployment as users, defaults
// and the Flink operator see it: how defaults are merged into it, what is refused in
// it, which changes of it are, and what it asks a cluster for. All of it is pure.
package flinkspec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// Fields of a specification.
const (
	startFromSavepoint  = "startFromSavepoint"
	flinkConfigurations = "flinkConfiguration"
)

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
	configuration, ok := spec[flinkConfigurations].(openjson.Object)
	if !ok {
		return spec
	}
	return openjson.With(spec, flinkConfigurations, FlattenConfiguration(configuration))
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

var (
	// ForbiddenKeys identify the cluster; the operator sets them itself.
	ForbiddenKeys = []string{"kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id"}
	// podTemplateMarks is where Weir adds to the specification.
	podTemplateMarks = []string{"podTemplate", "metadata", "annotations"}
)

// CheckEffective notes what the Flink operator's validator would refuse, and
// what its custom resource definition would: a user learns of it at once and
// not from a status later. Only rules that hold whatever the operator's own
// configuration is are checked here.
func CheckEffective(effective openjson.Object) error {
	var v apierror.Violations
	checkCluster(&v, effective)
	if account := effective["serviceAccount"]; account == nil || account == "" {
		v.Addf("spec.serviceAccount: must be set, in the application or in the environment's flinkApplicationDefaults")
	}
	checkJob(&v, effective)
	checkDemands(&v, effective)
	return v.Unprocessable()
}

func checkConfiguration(v *apierror.Violations, effective openjson.Object) {
	configuration := checkObject(v, effective, flinkConfigurations)
	for _, key := range ForbiddenKeys {
		if _, set := configuration[key]; set {
			v.Addf("spec.flinkConfiguration: must not set %q, which the operator sets", key)
		}
	}
}

func checkProcess(v *apierror.Violations, effective openjson.Object, process string) {
	section := checkObject(v, effective, process)
	if replicas := section["replicas"]; replicas != nil {
		checkPositive(v, "spec."+process+".replicas", replicas)
	}
	resource := checkObject(v, effective, process, "resource")
	if cpu := resource["cpu"]; cpu != nil && !isPositive(cpu) {
		v.Addf("spec.%s.resource.cpu: must be a number greater than 0", process)
	}
	if memory := resource["memory"]; memory != nil {
		if _, err := ParseMemory(fmt.Sprint(memory)); err != nil {
			v.Addf("spec.%s.resource.memory: %v", process, err)
		}
	}
	checkStorage(v, effective, process)
}

func checkJob(v *apierror.Violations, effective openjson.Object) {
	if effective["job"] == nil {
		v.Addf("spec.job: must be set: a FlinkApplication runs one job")
		return
	}
	job := checkObject(v, effective, "job")
	if job == nil {
		return
	}
	checkString(v, effective, "job", "jarURI")
	checkString(v, effective, "job", "entryClass")
	checkString(v, effective, "job", "initialSavepointPath")
	checkNonces(v, job)
	checkOneOf(v, effective, []string{flink.Running, flink.Suspended}, "job", "state")
	checkOneOf(v, effective, flink.UpgradeModes, "job", "upgradeMode")
	switch parallelism, replicas := job["parallelism"], openjson.Field(effective, "taskManager", "replicas"); {
	case parallelism != nil && replicas != nil:
		// The operator takes the parallelism from the TaskManagers.
		if !isInteger(parallelism) {
			v.Addf("spec.job.parallelism: must be an integer")
		}
	case parallelism != nil:
		checkPositive(v, "spec.job.parallelism", parallelism)
	case replicas == nil:
		v.Addf("spec.job.parallelism: must be at least 1 where spec.taskManager.replicas is not set")
	}
	if args := job["args"]; args != nil {
		if list, ok := args.([]any); !ok || slices.ContainsFunc(list, func(a any) bool { _, isString := a.(string); return !isString }) {
			v.Addf("spec.job.args: must be a list of strings")
		}
	}
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

func checkOneOf(v *apierror.Violations, o openjson.Object, allowed []string, path ...string) {
	if s := checkString(v, o, path...); s != "" && !slices.Contains(allowed, s) {
		v.Addf("spec.%s: must be one of %s, got %q", strings.Join(path, "."), strings.Join(allowed, ", "), s)
	}
}

func checkPositive(v *apierror.Violations, field string, value any) {
	number, ok := value.(json.Number)
	if !ok {
		v.Addf("%s: must be an integer", field)
		return
	}
	n, err := number.Int64()
	if err != nil {
		v.Addf("%s: must be an integer", field)
	} else if n < 1 || n > 1<<31-1 {
		v.Addf("%s: must be between 1 and %d", field, 1<<31-1)
	}
}

func isInteger(value any) bool {
	number, isNumber := value.(json.Number)
	_, err := number.Int64()
	return isNumber && err == nil
}

func isPositive(value any) bool {
	number, _ := value.(json.Number)
	n, err := number.Float64()
	return err == nil && n > 0
}

// Warnings are what a user should know of an effective specification although
// it is accepted.
func Warnings(effective openjson.Object) []string {
	warnings := demandWarnings(effective)
	if openjson.Field(effective, "job", "upgradeMode") == nil {
		warnings = append(warnings, "spec.job.upgradeMode is not set. The operator's default is stateless: every change of the application, and suspending it, loses the job's state. Set savepoint or last-state to keep it.")
	}
	return warnings
}
