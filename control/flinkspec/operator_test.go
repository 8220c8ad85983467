package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/openjson"
)

// What the operator refuses whatever its own configuration is.
func TestWhatTheOperatorIsSureToRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		over string // laid over runnable
		want []string
	}{
		"the oldest version that runs": {over: `{"flinkVersion":"v1_15"}`},
		"a version of Flink 2":         {over: `{"flinkVersion":"v2_0"}`},
		"a version too old":            {`{"flinkVersion":"v1_14"}`, []string{`spec.flinkVersion: must be v1_15 or newer, got "v1_14"`}},
		"a version before the first":   {`{"flinkVersion":"v0_20"}`, []string{`spec.flinkVersion: must be v1_15 or newer, got "v0_20"`}},

		"an ingress":                      {over: `{"ingress":{"template":"{{name}}.{{namespace}}.example.com","className":"nginx"}}`},
		"an ingress of a whole URL":       {over: `{"ingress":{"template":"HTTPS://flink.example.com:8443/{{namespace}}/{{name}}(/|$)(.*)"}}`},
		"an ingress of a path":            {over: `{"ingress":{"template":"/{{namespace}}/{{name}}:ui"}}`},
		"an ingress of an IPv6 address":   {over: `{"ingress":{"template":"[::1]:80/x"}}`},
		"no ingress":                      {over: `{"ingress":null}`},
		"an ingress without a template":   {`{"ingress":{}}`, []string{"spec.ingress.template: must be set, such as {{name}}.{{namespace}}.example.com"}},
		"an ingress that is none":         {`{"ingress":"x"}`, []string{"spec.ingress: must be an object"}},
		"a template that is none":         {`{"ingress":{"template":1}}`, []string{"spec.ingress.template: must be a string"}},
		"a template that makes no URL":    {`{"ingress":{"template":"{{name}}.example.com:http"}}`, []string{`spec.ingress.template: must make a URL: "http" is not a port`}},
		"a template with a port too many": {`{"ingress":{"template":"http://example.com:80:81/x"}}`, []string{`spec.ingress.template: must make a URL: "80:81" is not a port`}},

		"configuration of logging": {over: `{"logConfiguration":{"log4j-console.properties":"rootLogger.level = INFO","logback-console.xml":""}}`},
		"unknown files of logging": {`{"logConfiguration":{"log4j.properties":"","logback-console.xml":1}}`, []string{
			`spec.logConfiguration: must not have the key "log4j.properties", only log4j-console.properties and logback-console.xml`,
			`spec.logConfiguration["logback-console.xml"]: must be a string`}},

		"storage":              {over: `{"taskManager":{"resource":{"ephemeralStorage":"2Gi"}}}`},
		"storage of no amount": {`{"taskManager":{"resource":{"ephemeralStorage":"plenty"}}}`, []string{`spec.taskManager.resource.ephemeralStorage: "plenty" is not a quantity such as 2Gi`}},
		"storage that is none": {`{"jobManager":{"resource":{"ephemeralStorage":2}}}`, []string{"spec.jobManager.resource.ephemeralStorage: must be a string"}},

		"rollback, with high availability":         {over: `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true,"high-availability.type":"kubernetes"}}`},
		"rollback that is off":                     {over: `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"false","high-availability.type":"NONE"}}`},
		"rollback, by the operator's own word":     {over: `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true}}`},
		"rollback, the outdated option being none": {over: `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true,"high-availability":"NONE"}}`},
		"rollback without high availability": {`{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"TRUE","high-availability.type":"none"}}`, []string{
			`spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: needs high availability, by high-availability.type`}},
		"several JobManagers, with high availability": {over: `{"jobManager":{"replicas":2},"flinkConfiguration":{"high-availability":"zookeeper"}}`},
		"several JobManagers without it": {`{"jobManager":{"replicas":2},"flinkConfiguration":{"high-availability.type":"NONE"}}`, []string{
			"spec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1"}},
		"checks of health": {over: `{"flinkConfiguration":{"kubernetes.operator.cluster.health-check.enabled":true}}`},
		"checks of health, without recovery": {`{"flinkConfiguration":{"kubernetes.operator.cluster.health-check.enabled":true,"kubernetes.operator.jm-deployment-recovery.enabled":false}}`, []string{
			`spec.flinkConfiguration["kubernetes.operator.cluster.health-check.enabled"]: needs kubernetes.operator.jm-deployment-recovery.enabled to be true`}},

		"last-state, with checkpoints":      {over: `{"job":{"upgradeMode":"last-state"},"flinkConfiguration":{"state.checkpoints.dir":"s3://c"}}`},
		"savepoint, with both directories":  {over: `{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","state.savepoints.dir":"s3://s"}}`},
		"savepoint, by the operator's word": {over: `{"job":{"upgradeMode":"savepoint"}}`},
		"savepoint, with empty directories": {`{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"execution.checkpointing.dir":" ","execution.checkpointing.savepoint-dir":""}}`, []string{
			"spec.job.upgradeMode: needs a directory for checkpoints, by execution.checkpointing.dir, where it is savepoint",
			"spec.job.upgradeMode: needs a directory for savepoints, by execution.checkpointing.savepoint-dir"}},
		"all that takes savepoints, without a directory": {`{"job":{"savepointTriggerNonce":1},"flinkConfiguration":{"execution.checkpointing.savepoint-dir":"",
			"kubernetes.operator.periodic.savepoint.interval":"1h","kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age":"5m"}}`, []string{
			"spec.job.savepointTriggerNonce: needs a directory for savepoints, by execution.checkpointing.savepoint-dir",
			`spec.flinkConfiguration["kubernetes.operator.periodic.savepoint.interval"]: needs a directory for savepoints, by execution.checkpointing.savepoint-dir`,
			`spec.flinkConfiguration["kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"]: needs a directory for savepoints, by execution.checkpointing.savepoint-dir`}},
	} {
		t.Run(name, func(t *testing.T) {
			effective := flinkspec.Effective(openjson.Merge(object(t, runnable), object(t, test.over)), nil)
			same(t, messages(t, flinkspec.CheckEffective(effective)), test.want)
		})
	}
}

// Defaults of the environment meet what an application asks for, and ask for
// what it lacks.
func TestTheOperatorSeesTheEnvironmentsDefaults(t *testing.T) {
	spec := object(t, `{"flinkVersion":"v1_20","serviceAccount":"flink","jobManager":{"replicas":2},"flinkConfiguration":{"high-availability.type":"NONE"},"job":{"parallelism":1}}`)
	if err := flinkspec.CheckEffective(flinkspec.Effective(spec, object(t, `{"spec":{"flinkConfiguration":{"high-availability":{"type":"kubernetes"}}}}`))); err != nil {
		t.Errorf("with high availability by default: %v", err)
	}
	same(t, messages(t, flinkspec.CheckEffective(flinkspec.Effective(spec, object(t, `{"spec":{"flinkVersion":"v1_13"}}`)))), []string{
		`spec.flinkVersion: must be v1_15 or newer, got "v1_13"`,
		"spec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1",
	})
}

// What the operator's own configuration may settle is told, and not refused.
func TestWarnings(t *testing.T) {
	const (
		stateless   = "spec.job.upgradeMode is not set. The operator's default is stateless: every change of the application, and suspending it, loses the job's state. Set savepoint or last-state to keep it."
		unlessSet   = ". Neither the application nor its environment sets it: the operator refuses the application unless its own configuration does."
		unlessSized = " in the Flink configuration: the operator refuses the application unless its own configuration says how much memory there is."
		sized       = `"jobManager":{"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}}`
	)
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"nothing":         {`{` + sized + `,"job":{"upgradeMode":"stateless"}}`, nil},
		"no upgrade mode": {`{` + sized + `,"job":{}}`, []string{stateless}},
		"savepoint without directories": {`{` + sized + `,"job":{"upgradeMode":"savepoint"}}`, []string{
			"spec.job.upgradeMode: needs a directory for checkpoints, by execution.checkpointing.dir, where it is savepoint" + unlessSet,
			"spec.job.upgradeMode: needs a directory for savepoints, by execution.checkpointing.savepoint-dir" + unlessSet}},
		"last-state with a directory": {`{` + sized + `,"flinkConfiguration":{"state.checkpoints.dir":"s3://c"},"job":{"upgradeMode":"last-state"}}`, nil},
		"several JobManagers": {`{"jobManager":{"replicas":2,"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}},"job":{"upgradeMode":"stateless"}}`, []string{
			"spec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1" + unlessSet}},
		"no memory": {`{"job":{"upgradeMode":"stateless"}}`, []string{
			"spec.jobManager.resource.memory: is not set, nor is jobmanager.memory.process.size" + unlessSized,
			"spec.taskManager.resource.memory: is not set, nor is taskmanager.memory.process.size" + unlessSized}},
		"memory as options of Flink": {`{"flinkConfiguration":{"jobmanager.memory.flink.size":"1g","taskmanager.memory.process.size":"1g"},"job":{"upgradeMode":"stateless"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, flinkspec.Warnings(object(t, test.spec)), test.want)
		})
	}
}
