package statement

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// hasSQLDriver is true if the Flink release of a cluster includes a driver for SQL
// in application mode.
func hasSQLDriver(cluster openjson.Object) bool {
	major, _, _ := strings.Cut(strings.TrimPrefix(openjson.String(cluster, "flinkVersion"), "v"), "_")
	number, err := strconv.Atoi(major)
	return err == nil && number >= 2
}

// jobOptions begin the options of a cluster that Flink looks at where a job is
// submitted. The SQL gateway, which submits the job, does not have the cluster's
// configuration.
var jobOptions = []string{"execution.", "pipeline.", "restart-strategy", "state.", "table."}

// recoveryOptions are those of them that keep rows from a reader: with checkpoints
// rows come out with each checkpoint only, and with restarts not at all.
var recoveryOptions = []string{"execution.checkpointing.", "restart-strategy"}

// optionTarget is where a job is submitted to, which the gateway knows.
const optionTarget = "execution.target"

// sessionConfiguration is what the job of a statement is to be submitted with:
// the statement's options over those of its cluster that concern jobs.
func (j job) sessionConfiguration() openjson.Object {
	out := openjson.Object{}
	for key, value := range flink.Configuration(j.cluster) {
		if key != optionTarget && beginsWith(key, jobOptions) && (j.detached || !beginsWith(key, recoveryOptions)) {
			out[key] = flink.OptionText(value)
		}
	}
	for key, value := range j.configuration {
		out[key] = value
	}
	return out
}

func beginsWith(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// sessionUpgradeMode is savepoint if the job can preserve its state with one. The
// mode last-state requires an operator that observes the job.
func (j job) sessionUpgradeMode() string {
	mode := j.upgradeMode()
	if mode == flink.UpgradeLastState {
		mode = flink.UpgradeStateless
		if j.detached && anyOption(j.effectiveConfiguration(), flink.Savepoints...) {
			mode = flink.UpgradeSavepoint
		}
	}
	return mode
}

// sessionStatement is the specification of the object by which the SQL driver
// runs the statement on the session cluster of a deployment.
func (j job) sessionStatement(deployment string) openjson.Object {
	return openjson.Object{
		"deployment":    deployment,
		"detached":      j.detached,
		"statement":     j.statement.GetStatement(),
		"configuration": j.sessionConfiguration(),
		"parallelism":   j.statement.GetParallelism(),
		"upgradeMode":   j.sessionUpgradeMode(),
	}
}

// optionUnmanaged is the name of the option that releases of the operator before
// 1.15 know too.
var optionUnmanaged = flink.BlockOnUnmanagedJobs[1]

// sessionCluster is the specification of a FlinkDeployment without a job, for
// one statement alone. Its jobs go with it when it is deleted.
func (j job) sessionCluster() openjson.Object {
	out := openjson.Merge(j.cluster, nil)
	delete(out, "job")
	configuration := openjson.Merge(flink.Configuration(out), nil)
	if _, set := configuration[optionUnmanaged]; !set {
		configuration[optionUnmanaged] = "false"
	}
	out[flink.FieldConfiguration] = configuration
	return out
}

// stoppedAt is the path of the savepoint that was taken when a job was last
// stopped; empty if there is none.
func stoppedAt(reported *storev1.StatusRecord) string {
	status, err := openjson.ParseText(reported.GetStatus())
	if err != nil {
		return ""
	}
	return openjson.String(status, "jobStatus", "upgradeSavepointPath")
}
