package validation

import (
	"math"
	"slices"
	"strings"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// job checks the job of a specification, if it has one.
func (c *checker) job() {
	job := c.object("job")
	if job == nil {
		return
	}
	c.text("job", "jarURI")
	c.text("job", "entryClass")
	c.text("job", "initialSavepointPath")
	for _, name := range []string{"savepointTriggerNonce", "checkpointTriggerNonce", "savepointRedeployNonce", "autoscalerResetNonce"} {
		c.integer(math.MinInt64, math.MaxInt64, "job", name)
	}
	if value := job["allowNonRestoredState"]; value != nil && value != true && value != false {
		c.addf("spec.job.allowNonRestoredState", "must be true or false")
	}
	c.oneOf([]string{flink.Running, flink.Suspended}, "job", "state")
	mode := c.oneOf(flink.UpgradeModes, "job", "upgradeMode")
	c.parallelism(job["parallelism"])
	if args := job["args"]; args != nil {
		if list, ok := args.([]any); !ok || slices.ContainsFunc(list, func(a any) bool { _, isText := a.(string); return !isText }) {
			c.addf("spec.job.args", "must be a list of strings")
		}
	}
	c.directories(job, mode)
}

func (c *checker) parallelism(parallelism any) {
	switch replicas := openjson.Field(c.spec, "taskManager", "replicas"); {
	case replicas != nil:
		// The operator takes the parallelism from the TaskManagers.
		c.integer(math.MinInt32, math.MaxInt32, "job", "parallelism")
	case parallelism != nil:
		c.integer(1, math.MaxInt32, "job", "parallelism")
	default:
		c.addf("spec.job.parallelism", "must be at least 1 where spec.taskManager.replicas is not set")
	}
}

// directories checks that there is a directory for whatever state the job and
// the operator keep.
func (c *checker) directories(job openjson.Object, mode string) {
	isSet := func(option flink.Option) bool {
		_, directory := option.In(c.options)
		return strings.TrimSpace(directory) != ""
	}
	if mode == flink.UpgradeSavepoint || mode == flink.UpgradeLastState {
		c.need(isSet(flink.Checkpoints), "spec.job.upgradeMode", flink.Checkpoints,
			"a directory for checkpoints, by %s, where it is %s", flink.Checkpoints[0], mode)
	}
	savepoint := func(field string) {
		c.need(isSet(flink.Savepoints), field, flink.Savepoints, "a directory for savepoints, by %s", flink.Savepoints[0])
	}
	if mode == flink.UpgradeSavepoint {
		savepoint("spec.job.upgradeMode")
	}
	if job["savepointTriggerNonce"] != nil {
		savepoint("spec.job.savepointTriggerNonce")
	}
	for _, name := range []string{periodicSavepoint, maxCheckpointAge} {
		if _, set := c.options[name]; set {
			savepoint(optionField(name))
		}
	}
}
