package rules

import (
	"maps"
	"regexp"
	"strings"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// SQLDriver is Flink's own entry class for SQL in application mode. It is in
// the distribution since Flink 2.0.
const SQLDriver = "org.apache.flink.table.runtime.application.SqlDriver"

// Options of Flink that Weir looks at. Both names of an option are the same to
// Flink.
const (
	optionInterval    = "execution.checkpointing.interval"
	optionRuntimeMode = "execution.runtime-mode"
)

// StatementConfiguration is the Flink configuration of a statement under the
// defaults of its environment, which win.
func StatementConfiguration(spec *cmfv1.StatementSpec, defaults *cmfv1.StatementDefaults, bounded bool) map[string]string {
	out := map[string]string{}
	if bounded {
		out[optionRuntimeMode] = "BATCH"
	}
	maps.Copy(out, spec.GetFlinkConfiguration())
	maps.Copy(out, defaults.GetFlinkConfiguration())
	return out
}

// StatementJob is what a statement makes of the specification of its pool's
// clusters.
type StatementJob struct {
	Statement *cmfv1.StatementSpec
	// Configuration is the statement's, with the defaults of the environment.
	Configuration map[string]string
	// Cluster is the pool's, with the defaults of the environment.
	Cluster openjson.Object
	// Detached statements keep their state when they are stopped.
	Detached bool
	// Script is what Flink's SqlDriver runs in an application; the statement
	// alone where it is empty.
	Script string
}

// effectiveConfiguration is what the job sees: the statement's options over
// those of the cluster.
func (j StatementJob) effectiveConfiguration() openjson.Object {
	configuration, _ := j.Cluster[flinkConfigurations].(openjson.Object)
	out := openjson.Merge(configuration, nil)
	for key, value := range j.Configuration {
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

// Refusal says why a statement cannot run with its configuration; empty where
// it can.
func (j StatementJob) Refusal() string {
	configuration := j.effectiveConfiguration()
	batch := strings.EqualFold(element(configuration[optionRuntimeMode]), "batch")
	if j.Detached && !batch && !anyOption(configuration, optionInterval) {
		return "INSERT INTO needs checkpoints: set " + optionInterval + " in the Flink configuration of the statement, of its compute pool or of the environment's defaults."
	}
	return ""
}

// upgradeMode is savepoint where the job can take savepoints by itself.
func (j StatementJob) upgradeMode() string {
	if mode := openjson.String(j.Cluster, "job", "upgradeMode"); mode != "" {
		return mode
	}
	configuration := j.effectiveConfiguration()
	if j.Detached && anyOption(configuration, flinkspec.OptionCheckpoints...) && anyOption(configuration, flinkspec.OptionSavepoints...) {
		return "savepoint"
	}
	return "stateless"
}

// Remark is what users should know although the statement runs.
func (j StatementJob) Remark() string {
	if j.Detached && j.upgradeMode() == "stateless" && openjson.String(j.Cluster, "job", "upgradeMode") == "" {
		return "Stopping or rescaling the statement loses its state: " + flinkspec.OptionCheckpoints[0] + " and " + flinkspec.OptionSavepoints[0] + " are not both set."
	}
	return ""
}

func (j StatementJob) job() openjson.Object {
	script := j.Script
	if script == "" {
		script = j.Statement.GetStatement()
	}
	return openjson.Object{
		"entryClass":  SQLDriver,
		"args":        []any{"--script", script},
		"parallelism": j.Statement.GetParallelism(),
		"upgradeMode": j.upgradeMode(),
	}
}

// Application is the specification of a FlinkDeployment that runs the statement
// on a cluster of its own.
func (j StatementJob) Application() openjson.Object {
	out := openjson.Merge(j.Cluster, nil)
	out[flinkConfigurations] = j.effectiveConfiguration()
	job := j.job()
	job["jarURI"] = "local:///opt/flink/opt/flink-sql-gateway-" + flinkspec.Release(out) + ".jar"
	out["job"] = job
	return out
}

// SessionJob is the specification of a FlinkSessionJob that runs the statement
// on a session cluster. It has no jar: the operator makes an empty one, and the
// entry class is on the cluster already.
func (j StatementJob) SessionJob(deployment string) openjson.Object {
	configuration := openjson.Object{}
	for key, value := range j.Configuration {
		configuration[key] = value
	}
	out := openjson.Object{"deploymentName": deployment, "job": j.job()}
	if len(configuration) > 0 {
		out[flinkConfigurations] = configuration
	}
	return out
}

var release = regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+`)
