package flinkspec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// Options of Flink and of its operator that the operator's validator looks at.
// The first name of an option is the current one, which goes before the others.
var (
	optionAvailability = []string{"high-availability.type", "high-availability"}
	jobManagerMemory   = []string{
		"jobmanager.memory.process.size", "jobmanager.memory.flink.size", "jobmanager.memory.heap.size",
		"jobmanager.heap.size", "jobmanager.heap.mb",
	}
	taskManagerMemory = []string{
		"taskmanager.memory.process.size", "taskmanager.memory.flink.size", "taskmanager.memory.task.heap.size",
		"taskmanager.heap.size", "taskmanager.heap.mb",
	}
)

const (
	operatorRollback    = "kubernetes.operator.deployment.rollback.enabled"
	operatorHealthCheck = "kubernetes.operator.cluster.health-check.enabled"
	operatorRecovery    = "kubernetes.operator.jm-deployment-recovery.enabled"
	operatorPeriodic    = "kubernetes.operator.periodic.savepoint.interval"
	operatorMaxAge      = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"
)

// demand is what the validator asks for because of something that a
// specification says. The operator lays specifications over configuration of
// its own, which Weir does not know: only a demand that the specification
// itself goes against is sure to be refused.
type demand struct {
	field, needs string
	refused      bool
}

// demands are those that a specification does not meet by itself.
func demands(effective openjson.Object) []demand {
	configuration, _ := effective[flinkConfigurations].(openjson.Object)
	var open []demand
	ask := func(field string, option settled, needs string) {
		if option != on {
			open = append(open, demand{field: field, needs: needs, refused: option == off})
		}
	}
	available := availability(configuration)
	if isTrue(configuration[operatorRollback]) {
		ask(optionField(operatorRollback), available, "high availability, by "+optionAvailability[0])
	}
	if n := integer(openjson.Field(effective, "jobManager", "replicas"), 1); n > 1 {
		ask("spec.jobManager.replicas", available, "high availability, by "+optionAvailability[0]+", where it is more than 1")
	}
	mode := openjson.String(effective, "job", "upgradeMode")
	if mode == flink.UpgradeSavepoint || mode == flink.UpgradeLastState {
		ask("spec.job.upgradeMode", option(configuration, OptionCheckpoints), "a directory for checkpoints, by "+OptionCheckpoints[0]+", where it is "+mode)
	}
	if effective["job"] != nil {
		for _, field := range savepointUsers(effective, configuration) {
			ask(field, option(configuration, OptionSavepoints), "a directory for savepoints, by "+OptionSavepoints[0])
		}
	}
	return open
}

// savepointUsers are the fields for which the operator would have to know where
// to put savepoints.
func savepointUsers(effective, configuration openjson.Object) []string {
	var fields []string
	if openjson.String(effective, "job", "upgradeMode") == flink.UpgradeSavepoint {
		fields = append(fields, "spec.job.upgradeMode")
	}
	if openjson.Field(effective, "job", "savepointTriggerNonce") != nil {
		fields = append(fields, "spec.job.savepointTriggerNonce")
	}
	for _, name := range []string{operatorPeriodic, operatorMaxAge} {
		if value := configuration[name]; value != nil && value != "" {
			fields = append(fields, optionField(name))
		}
	}
	return fields
}

// settled is how far a specification settles an option: not at all, that it is
// on, or that it is off whatever the operator's own configuration says.
type settled int

const (
	open settled = iota
	on
	off
)

// option tells whether an option has a value. That an outdated name of it is
// empty settles nothing, for the operator may set the current one.
func option(configuration openjson.Object, names []string) settled {
	for i, name := range names {
		value := configuration[name]
		switch {
		case value == nil:
		case strings.TrimSpace(element(value)) != "":
			return on
		case i == 0:
			return off
		}
	}
	return open
}

// availability tells whether JobManagers are highly available.
func availability(configuration openjson.Object) settled {
	for i, name := range optionAvailability {
		value := configuration[name]
		switch {
		case value == nil:
		case !strings.EqualFold(element(value), "none"):
			return on
		case i == 0:
			return off
		}
	}
	return open
}

func optionField(name string) string { return fmt.Sprintf("spec.%s[%q]", flinkConfigurations, name) }

func isTrue(value any) bool  { return value == true || strings.EqualFold(element(value), "true") }
func isFalse(value any) bool { return value == false || strings.EqualFold(element(value), "false") }

func checkDemands(v *apierror.Violations, effective openjson.Object) {
	configuration, _ := effective[flinkConfigurations].(openjson.Object)
	for _, demand := range demands(effective) {
		if demand.refused {
			v.Addf("%s: needs %s", demand.field, demand.needs)
		}
	}
	if isTrue(configuration[operatorHealthCheck]) && isFalse(configuration[operatorRecovery]) {
		v.Addf("%s: needs %s to be true", optionField(operatorHealthCheck), operatorRecovery)
	}
}

// demandWarnings are the demands that the operator's own configuration may
// meet, and that nothing meets if it does not.
func demandWarnings(effective openjson.Object) []string {
	var warnings []string
	for _, demand := range demands(effective) {
		if !demand.refused {
			warnings = append(warnings, fmt.Sprintf("%s: needs %s. Neither the application nor its environment sets it: the operator refuses the application unless its own configuration does.", demand.field, demand.needs))
		}
	}
	configuration, _ := effective[flinkConfigurations].(openjson.Object)
	for _, process := range []struct {
		name    string
		options []string
	}{{"jobManager", jobManagerMemory}, {"taskManager", taskManagerMemory}} {
		memory := openjson.Field(effective, process.name, "resource", "memory")
		if (memory == nil || memory == "") && !slices.ContainsFunc(process.options, func(name string) bool { return configuration[name] != nil }) {
			warnings = append(warnings, fmt.Sprintf("spec.%s.resource.memory: is not set, nor is %s in the Flink configuration: the operator refuses the application unless its own configuration says how much memory there is.", process.name, process.options[0]))
		}
	}
	return warnings
}

// oldest is the first minor release of Flink 1 that the operator still runs.
const oldest = 15

var flinkVersion = regexp.MustCompile(`^v([0-9]+)_([0-9]+)$`)

func checkVersion(v *apierror.Violations, effective openjson.Object) {
	version := checkString(v, effective, "flinkVersion")
	parts := flinkVersion.FindStringSubmatch(version)
	switch {
	case effective["flinkVersion"] == nil, effective["flinkVersion"] == "":
		v.Addf("spec.flinkVersion: must be set, such as v1_20")
	case version != "" && parts == nil:
		v.Addf("spec.flinkVersion: must look like v1_20, got %q", version)
	case version != "" && tooOld(parts[1], parts[2]):
		v.Addf("spec.flinkVersion: must be v1_%d or newer, got %q", oldest, version)
	}
}

func tooOld(major, minor string) bool {
	n, err := strconv.Atoi(minor)
	return major == "0" || major == "1" && err == nil && n < oldest
}

// logFiles are the only files that the operator puts into the configuration of
// a cluster's logging.
var logFiles = []string{"log4j-console.properties", "logback-console.xml"}

func checkLogging(v *apierror.Violations, effective openjson.Object) {
	files := checkObject(v, effective, "logConfiguration")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !slices.Contains(logFiles, name) {
			v.Addf("spec.logConfiguration: must not have the key %q, only %s", name, strings.Join(logFiles, " and "))
		} else if _, isText := files[name].(string); !isText && files[name] != nil {
			v.Addf("spec.logConfiguration[%q]: must be a string", name)
		}
	}
}

// ingressPort finds what stands for a port in the template of an ingress, which
// is a URL with or without its scheme.
var ingressPort = regexp.MustCompile(`(?i)^(?:https?://)?(?:[^/?#@]*@)?[^/?#:\[\]]*:([^/?#]*)`)

var digits = regexp.MustCompile(`^[0-9]*$`)

func checkIngress(v *apierror.Violations, effective openjson.Object) {
	ingress := checkObject(v, effective, "ingress")
	if ingress == nil {
		return
	}
	template := checkString(v, effective, "ingress", "template")
	if ingress["template"] == nil {
		v.Addf("spec.ingress.template: must be set, such as {{name}}.{{namespace}}.example.com")
	}
	if port := ingressPort.FindStringSubmatch(template); port != nil && !digits.MatchString(port[1]) {
		v.Addf("spec.ingress.template: must make a URL: %q is not a port", port[1])
	}
}

func checkStorage(v *apierror.Violations, effective openjson.Object, process string) {
	storage := checkString(v, effective, process, "resource", "ephemeralStorage")
	if storage == "" {
		return
	}
	if _, err := resource.ParseQuantity(storage); err != nil {
		v.Addf("spec.%s.resource.ephemeralStorage: %q is not a quantity such as 2Gi", process, storage)
	}
}

// checkNonces holds the fields of a job by which users make the operator act to
// their types.
func checkNonces(v *apierror.Violations, job openjson.Object) {
	for _, name := range []string{"savepointTriggerNonce", "checkpointTriggerNonce", "savepointRedeployNonce", "autoscalerResetNonce"} {
		if value := job[name]; value != nil && !isInteger(value) {
			v.Addf("spec.job.%s: must be an integer", name)
		}
	}
	if value := job["allowNonRestoredState"]; value != nil && value != true && value != false {
		v.Addf("spec.job.allowNonRestoredState: must be true or false")
	}
}
