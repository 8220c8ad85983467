package operator

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/openweir/weir/flink"
)

// change is how much a change of a spec asks for. The greatest of all changed
// fields counts.
type change int

const (
	changeNone change = iota
	changeIgnore
	changeScale
	changeUpgrade
	changeRedeploy
)

// String returns the operator's word for it.
func (c change) String() string {
	return [...]string{"NONE", "IGNORE", "SCALE", "UPGRADE", "SAVEPOINT_REDEPLOY"}[c]
}

// ignored are the fields of which a change alone does nothing.
var ignored = map[string]bool{
	"job.upgradeMode": true, "job.initialSavepointPath": true, "job.savepointTriggerNonce": true,
	"job.checkpointTriggerNonce": true, "job.allowNonRestoredState": true, "job.autoscalerResetNonce": true,
}

// ignoredOptions are prefixes of Flink options of which a change does nothing.
var ignoredOptions = []string{"job.autoscaler", "parallelism.default", "kubernetes.operator"}

// classify tells what a change of one field asks for.
func classify(field string, to any, standalone bool) change {
	option, isOption := strings.CutPrefix(field, "flinkConfiguration.")
	switch {
	case isOption:
		for _, prefix := range ignoredOptions {
			if strings.HasPrefix(option, prefix) {
				return changeIgnore
			}
		}
		if option == "pipeline.jobvertex-parallelism-overrides" && !standalone {
			return changeScale
		}
		return changeUpgrade
	case ignored[field]:
		return changeIgnore
	case field == "job.savepointRedeployNonce" || field == "restartNonce":
		// Taking a nonce away is no request.
		if to == nil {
			return changeIgnore
		}
		if field == "restartNonce" {
			return changeUpgrade
		}
		return changeRedeploy
	case standalone && (field == "job.parallelism" || field == "taskManager.replicas"):
		return changeScale
	}
	return changeUpgrade
}

// compare tells what the change between two specs asks for, and describes it.
func compare(from, to spec) (change, string) {
	before, after := from.fields(), to.fields()
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	greatest := changeNone
	var described []string
	for name := range names {
		if reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		greatest = max(greatest, classify(name, after[name], to.text("mode") == flink.Standalone))
		described = append(described, fmt.Sprintf("%s : %v -> %v", name, before[name], after[name]))
	}
	sort.Strings(described)
	return greatest, strings.Join(described, ", ")
}

// fields returns the leaves of a spec by their path; open parts of it, and
// lists, are leaves.
func (s spec) fields() map[string]any {
	leaves := map[string]any{}
	for name, value := range s {
		fields, isMap := value.(map[string]any)
		switch {
		case name == "flinkConfiguration":
			for option, value := range s.config() {
				leaves[name+"."+option] = value
			}
		case isMap && (name == "job" || name == "jobManager" || name == "taskManager"):
			for field, value := range fields {
				if value != nil {
					leaves[name+"."+field] = value
				}
			}
		case value != nil:
			leaves[name] = value
		}
	}
	return leaves
}
