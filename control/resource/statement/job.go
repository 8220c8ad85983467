package statement

import (
	"maps"
	"strings"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// sqlDriver is Flink's own entry class for SQL in application mode. It is in
// the distribution since Flink 2.0.
const sqlDriver = "org.apache.flink.table.runtime.application.SqlDriver"

// configurationOf is the Flink configuration of a statement under the
// defaults of its environment, which win.
func configurationOf(spec *cmfv1.StatementSpec, defaults *cmfv1.StatementDefaults, bounded bool) map[string]string {
	out := map[string]string{}
	if bounded {
		out[flink.RuntimeMode] = "BATCH"
	}
	maps.Copy(out, spec.GetFlinkConfiguration())
	maps.Copy(out, defaults.GetFlinkConfiguration())
	return out
}

// job is what a statement makes of the specification of its pool's
// clusters.
type job struct {
	statement *cmfv1.StatementSpec
	// configuration is the statement's, with the defaults of the environment.
	configuration map[string]string
	// cluster is the pool's, with the defaults of the environment.
	cluster openjson.Object
	// detached statements keep their state when they are stopped.
	detached bool
	// script is what Flink's SqlDriver runs in an application; the statement
	// alone where it is empty.
	script string
}

// effectiveConfiguration is what the job sees: the statement's options over
// those of the cluster.
func (j job) effectiveConfiguration() openjson.Object {
	out := openjson.Merge(flink.Configuration(j.cluster), nil)
	for key, value := range j.configuration {
		out[key] = value
	}
	return out
}

func anyOption(configuration openjson.Object, names ...string) bool {
	for _, name := range names {
		if value := configuration[name]; value != nil && value != "" && value != "0" {
			return true
		}
	}
	return false
}

// refusal says why a statement cannot run with its configuration; empty where
// it can.
func (j job) refusal() string {
	configuration := j.effectiveConfiguration()
	batch := strings.EqualFold(flink.OptionText(configuration[flink.RuntimeMode]), "batch")
	if j.detached && !batch && !anyOption(configuration, flink.CheckpointInterval) {
		return "INSERT INTO needs checkpoints: set " + flink.CheckpointInterval + " in the Flink configuration of the statement, of its compute pool or of the environment's defaults."
	}
	return ""
}

// upgradeMode is savepoint if the job is configured to take savepoints.
func (j job) upgradeMode() string {
	if mode := openjson.String(j.cluster, "job", "upgradeMode"); mode != "" {
		return mode
	}
	configuration := j.effectiveConfiguration()
	if j.detached && anyOption(configuration, flink.Checkpoints...) && anyOption(configuration, flink.Savepoints...) {
		return flink.UpgradeSavepoint
	}
	return flink.UpgradeStateless
}

// remark is what users should know although the statement runs.
func (j job) remark() string {
	if j.detached && j.upgradeMode() == flink.UpgradeStateless && openjson.String(j.cluster, "job", "upgradeMode") == "" {
		return "Stopping or rescaling the statement loses its state: " + flink.Checkpoints[0] + " and " + flink.Savepoints[0] + " are not both set."
	}
	return ""
}

func (j job) operatorJob() openjson.Object {
	script := j.script
	if script == "" {
		script = j.statement.GetStatement()
	}
	return openjson.Object{
		"entryClass":  sqlDriver,
		"args":        []any{"--script", script},
		"parallelism": j.statement.GetParallelism(),
		"upgradeMode": j.upgradeMode(),
	}
}

// application is the specification of a FlinkDeployment that runs the statement
// on a cluster of its own.
func (j job) application() openjson.Object {
	out := openjson.Merge(j.cluster, nil)
	out[flink.FieldConfiguration] = j.effectiveConfiguration()
	job := j.operatorJob()
	job["jarURI"] = "local:///opt/flink/opt/flink-sql-gateway-" + flinkspec.Release(out) + ".jar"
	out["job"] = job
	return out
}

// sessionJob is the specification of a FlinkSessionJob that runs the statement
// on a session cluster. It has no jar: the operator makes an empty one, and the
// entry class is on the cluster already.
func (j job) sessionJob(deployment string) openjson.Object {
	configuration := openjson.Object{}
	for key, value := range j.configuration {
		configuration[key] = value
	}
	out := openjson.Object{"deploymentName": deployment, "job": j.operatorJob()}
	if len(configuration) > 0 {
		out[flink.FieldConfiguration] = configuration
	}
	return out
}
