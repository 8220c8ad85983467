package rules

import (
	"slices"
	"strconv"
	"strings"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// StatementResource is what an agent lists among its custom resource
// definitions if it has a driver that runs SQL on session clusters.
const StatementResource = "statements.sql.weir.dev"

// RunsSQL tells whether the agent of a cluster runs SQL on session clusters. A
// cluster that no agent has told of yet is taken for one whose agent will.
func RunsSQL(cluster *storev1.ClusterStatusRecord) bool {
	return cluster == nil || slices.Contains(cluster.GetCustomResourceDefinitions(), StatementResource)
}

// HasSQLDriver tells whether the release of Flink of a cluster runs SQL in
// application mode by itself.
func HasSQLDriver(cluster openjson.Object) bool {
	major, _, _ := strings.Cut(strings.TrimPrefix(openjson.String(cluster, "flinkVersion"), "v"), "_")
	number, err := strconv.Atoi(major)
	return err == nil && number >= 2
}

// jobOptions begin the options of a cluster that Flink looks at where a job is
// submitted. The SQL gateway, which submits the job, has not the cluster's
// configuration.
var jobOptions = []string{"execution.", "pipeline.", "restart-strategy", "state.", "table."}

// recoveryOptions are those of them that keep rows from a reader: with checkpoints
// rows come out with each checkpoint only, and with restarts not at all.
var recoveryOptions = []string{"execution.checkpointing.", "restart-strategy"}

// optionTarget is where a job is submitted to, which the gateway knows.
const optionTarget = "execution.target"

// sessionConfiguration is what the job of a statement is to be submitted with:
// the statement's options over those of its cluster that concern jobs.
func (j StatementJob) sessionConfiguration() openjson.Object {
	out := openjson.Object{}
	inherited, _ := j.Cluster[flinkConfigurations].(openjson.Object)
	for key, value := range inherited {
		if key != optionTarget && beginsWith(key, jobOptions) && (j.Detached || !beginsWith(key, recoveryOptions)) {
			out[key] = element(value)
		}
	}
	for key, value := range j.Configuration {
		out[key] = value
	}
	return out
}

func beginsWith(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// sessionUpgradeMode is savepoint where the job can keep its state through one.
// There is no last-state mode for a job that no operator watches.
func (j StatementJob) sessionUpgradeMode() string {
	mode := j.upgradeMode()
	if mode == "last-state" {
		mode = "stateless"
		if j.Detached && anyOption(j.effectiveConfiguration(), optionSavepoints...) {
			mode = "savepoint"
		}
	}
	return mode
}

// SessionStatement is the specification of the object by which the SQL driver
// runs the statement on the session cluster of a deployment.
func (j StatementJob) SessionStatement(deployment string) openjson.Object {
	return openjson.Object{
		"deployment":    deployment,
		"detached":      j.Detached,
		"statement":     j.Statement.GetStatement(),
		"configuration": j.sessionConfiguration(),
		"parallelism":   j.Statement.GetParallelism(),
		"upgradeMode":   j.sessionUpgradeMode(),
	}
}

// optionUnmanaged keeps the operator from deleting a session cluster that runs
// jobs which it has not submitted.
const optionUnmanaged = "kubernetes.operator.session.block-on-unmanaged-jobs"

// SessionCluster is the specification of a FlinkDeployment without a job, for
// one statement alone. Its jobs go with it when it is deleted.
func (j StatementJob) SessionCluster() openjson.Object {
	out := openjson.Merge(j.Cluster, nil)
	delete(out, "job")
	configuration, _ := out[flinkConfigurations].(openjson.Object)
	configuration = openjson.Merge(configuration, nil)
	if _, set := configuration[optionUnmanaged]; !set {
		configuration[optionUnmanaged] = "false"
	}
	out[flinkConfigurations] = configuration
	return out
}

// StoppedAt is where the savepoint is that was taken when a job was last
// stopped; empty where there is none.
func StoppedAt(reported *storev1.StatusRecord) string {
	status, err := openjson.ParseText(reported.GetStatus())
	if err != nil {
		return ""
	}
	return openjson.String(status, "jobStatus", "upgradeSavepointPath")
}
