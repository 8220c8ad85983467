package flink

import (
	"strings"

	"github.com/openweir/weir/openjson"
)

// Change is how much a change of a specification asks of the operator. Of several
// changed fields, the greatest counts.
type Change int

// What a change asks for, in the operator's order.
const (
	ChangeNone Change = iota
	ChangeIgnore
	ChangeScale
	ChangeUpgrade
	ChangeRedeploy
)

// String returns the operator's word for it.
func (c Change) String() string {
	return [...]string{"NONE", "IGNORE", "SCALE", "UPGRADE", "SAVEPOINT_REDEPLOY"}[c]
}

// OptionField begins the name that ChangeOf knows a Flink option by.
const OptionField = FieldConfiguration + "."

// ignoredFields are the fields of which a change alone does nothing.
var ignoredFields = map[string]bool{
	"job.upgradeMode": true, "job.initialSavepointPath": true, "job.savepointTriggerNonce": true,
	"job.checkpointTriggerNonce": true, "job.allowNonRestoredState": true, "job.autoscalerResetNonce": true,
}

// ignoredOptions are prefixes of Flink options of which a change does nothing.
var ignoredOptions = []string{"job.autoscaler", "parallelism.default", "kubernetes.operator"}

// Fields returns what the operator compares of a specification, by the names that
// ChangeOf knows: the fields of the job and of both kinds of process, Flink options as
// text, and everything else by its field. What is null is not there.
func Fields(spec openjson.Object) map[string]any {
	fields := map[string]any{}
	for name, value := range spec {
		nested, isObject := value.(openjson.Object)
		switch {
		case name == FieldConfiguration:
			for option, text := range Options(spec) {
				fields[OptionField+option] = text
			}
		case isObject && (name == "job" || name == "jobManager" || name == "taskManager"):
			for field, value := range nested {
				if value != nil {
					fields[name+"."+field] = value
				}
			}
		case value != nil:
			fields[name] = value
		}
	}
	return fields
}

// ChangeOf tells what a change of one field asks for. to is what it changes to, nil
// where it is taken away; standalone is set for specifications of that mode. Fields
// of the job and of both kinds of process go by their path, such as
// "job.parallelism", options by their name behind OptionField, everything else by
// the name of the field that it is in.
func ChangeOf(field string, to any, standalone bool) Change {
	option, isOption := strings.CutPrefix(field, OptionField)
	switch {
	case isOption:
		for _, prefix := range ignoredOptions {
			if strings.HasPrefix(option, prefix) {
				return ChangeIgnore
			}
		}
		if option == "pipeline.jobvertex-parallelism-overrides" && !standalone {
			return ChangeScale
		}
		return ChangeUpgrade
	case ignoredFields[field]:
		return ChangeIgnore
	case field == "job.savepointRedeployNonce" || field == "restartNonce":
		// Taking a nonce away is no request.
		if to == nil {
			return ChangeIgnore
		}
		if field == "restartNonce" {
			return ChangeUpgrade
		}
		return ChangeRedeploy
	case standalone && (field == "job.parallelism" || field == "taskManager.replicas"):
		return ChangeScale
	}
	return ChangeUpgrade
}
