package validation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/flink/validation"
	"github.com/openweir/weir/openjson"
)

// object parses the text of a JSON object that a test is written with.
func object(t testing.TB, text string) openjson.Object {
	t.Helper()
	parsed, err := openjson.ParseText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return parsed
}

// expect fails the test unless the problems are those that are wanted, as text. A
// problem that configuration of the operator may solve ends with "(unset)".
func expect(t testing.TB, problems []validation.Problem, want ...string) {
	t.Helper()
	var got []string
	for _, problem := range problems {
		text := problem.Error()
		if problem.Unset {
			text += " (unset)"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// least is the least that a specification must have.
const least = `{"flinkVersion":"v1_20","serviceAccount":"flink","jobManager":{"resource":{"memory":"1g"}},"taskManager":{"resource":{"memory":"1g"}},"job":{"parallelism":1}}`

// rules are those for a FlinkDeployment: a change of the least specification that
// keeps the rule, one that breaks it, and the problem.
var rules = []struct{ name, kept, broken, problem string }{
	{"version", `{"flinkVersion":"v1_15"}`, `{"flinkVersion":null}`, "spec.flinkVersion: must be set, such as v1_20"},
	{"form of a version", `{"flinkVersion":"v2_0"}`, `{"flinkVersion":"1.20"}`, `spec.flinkVersion: must look like v1_20, got "1.20"`},
	{"oldest version", `{"flinkVersion":"v1_16"}`, `{"flinkVersion":"v1_14"}`, `spec.flinkVersion: must be v1_15 or newer, got "v1_14"`},
	{"version before the first", `{"flinkVersion":"v1_99"}`, `{"flinkVersion":"v0_20"}`, `spec.flinkVersion: must be v1_15 or newer, got "v0_20"`},
	{"image", `{"image":"flink:1.20"}`, `{"image":{}}`, "spec.image: must be a string"},
	{"pull policy", `{"imagePullPolicy":"Sometimes"}`, `{"imagePullPolicy":1}`, "spec.imagePullPolicy: must be a string"},
	{"mode", `{"mode":"standalone"}`, `{"mode":"Native"}`, `spec.mode: must be one of native, standalone, got "Native"`},
	{"mode of no text", `{"mode":null}`, `{"mode":""}`, `spec.mode: must be one of native, standalone, got ""`},
	{"restart nonce", `{"restartNonce":-1}`, `{"restartNonce":"1"}`, "spec.restartNonce: must be an integer"},
	{"service account", `{"serviceAccount":"sql"}`, `{"serviceAccount":null}`, "spec.serviceAccount: must be set"},
	{"type of a service account", `{"serviceAccount":"1"}`, `{"serviceAccount":1}`, "spec.serviceAccount: must be a string"},

	{"ingress", `{"ingress":null}`, `{"ingress":"x"}`, "spec.ingress: must be an object"},
	{"template of an ingress", `{"ingress":{"template":"{{name}}.{{namespace}}.example.com","className":"nginx"}}`, `{"ingress":{}}`, "spec.ingress.template: must be set, such as {{name}}.{{namespace}}.example.com"},
	{"type of a template", `{"ingress":{"template":""}}`, `{"ingress":{"template":1}}`, "spec.ingress.template: must be a string"},
	{"port", `{"ingress":{"template":"HTTPS://flink.example.com:8443/{{namespace}}/{{name}}(/|$)(.*)"}}`, `{"ingress":{"template":"{{name}}.example.com:http"}}`, `spec.ingress.template: must result in a URL: "http" is not a port`},
	{"one port", `{"ingress":{"template":"user:password@example.com:/x"}}`, `{"ingress":{"template":"http://example.com:80:81/x"}}`, `spec.ingress.template: must result in a URL: "80:81" is not a port`},
	{"a port that can be", `{"ingress":{"template":"[::1]:80/x"}}`, `{"ingress":{"template":"example.com:99999999999"}}`, `spec.ingress.template: must result in a URL: "99999999999" is not a port`},
	{"a colon in a path", `{"ingress":{"template":"/{{namespace}}/{{name}}:ui"}}`, `{"ingress":{"template":"{{name}}:ui/{{namespace}}"}}`, `spec.ingress.template: must result in a URL: "ui" is not a port`},
	{"files of logging", `{"logConfiguration":{"log4j-console.properties":"x","logback-console.xml":null}}`, `{"logConfiguration":{"log4j.properties":""}}`, `spec.logConfiguration: must not have the key "log4j.properties", only log4j-console.properties and logback-console.xml`},
	{"text of logging", `{"logConfiguration":{"logback-console.xml":""}}`, `{"logConfiguration":{"logback-console.xml":1}}`, `spec.logConfiguration["logback-console.xml"]: must be a string`},
	{"annotations of pods", `{"podTemplate":{"metadata":{"annotations":{}}}}`, `{"podTemplate":{"metadata":{"annotations":["x"]}}}`, "spec.podTemplate.metadata.annotations: must be an object"},
	{"containers", `{"podTemplate":{"spec":{"containers":[]}}}`, `{"podTemplate":{"spec":{"containers":{}}}}`, "spec.podTemplate.spec.containers: must be a list"},

	{"reserved option", `{"flinkConfiguration":{"kubernetes.cluster":"x","kubernetes.namespace":null}}`, `{"flinkConfiguration":{"kubernetes.namespace":"x"}}`, `spec.flinkConfiguration: must not set "kubernetes.namespace", which the operator sets`},
	{"reserved option, nested", `{"flinkConfiguration":{"kubernetes":{"cluster":"x"}}}`, `{"flinkConfiguration":{"kubernetes":{"cluster-id":"x"}}}`, `spec.flinkConfiguration: must not set "kubernetes.cluster-id", which the operator sets`},
	{"reserved option of high availability", `{"flinkConfiguration":{"high-availability.storageDir":"x"}}`, `{"flinkConfiguration":{"high-availability.cluster-id":""}}`, `spec.flinkConfiguration: must not set "high-availability.cluster-id", which the operator sets`},
	{"rollback", `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true,"high-availability":{"type":"kubernetes"}}}`,
		`{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"TRUE","high-availability.type":"none"}}`,
		`spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: needs high availability, by high-availability.type`},
	{"rollback, nothing set", `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"false","high-availability.type":"NONE"}}`,
		`{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true}}`,
		`spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: needs high availability, by high-availability.type (unset)`},
	{"rollback, an older name set", `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true,"high-availability":"zookeeper"}}`,
		`{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":true,"high-availability":"NONE"}}`,
		`spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: needs high availability, by high-availability.type (unset)`},
	{"switch", `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"False"}}`, `{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"yes"}}`,
		`spec.flinkConfiguration["kubernetes.operator.deployment.rollback.enabled"]: must be true or false, got "yes"`},
	{"health check", `{"flinkConfiguration":{"kubernetes.operator.cluster.health-check.enabled":true}}`,
		`{"flinkConfiguration":{"kubernetes.operator.cluster.health-check.enabled":true,"kubernetes.operator.jm-deployment-recovery.enabled":false}}`,
		`spec.flinkConfiguration["kubernetes.operator.cluster.health-check.enabled"]: needs kubernetes.operator.jm-deployment-recovery.enabled to be true`},

	{"memory", `{"jobManager":{"resource":{"memory":"2048MB"}}}`, `{"jobManager":{"resource":{"memory":"1.5Gi"}}}`, `spec.jobManager.resource.memory: "1.5Gi" is not a memory size such as 1024m or 2g`},
	{"type of memory", `{"jobManager":{"resource":{"memory":"1024"}}}`, `{"jobManager":{"resource":{"memory":1024}}}`, "spec.jobManager.resource.memory: must be a string"},
	{"memory of a JobManager", `{"jobManager":{"resource":null},"flinkConfiguration":{"jobmanager.heap.mb":1024}}`, `{"jobManager":null}`,
		"spec.jobManager.resource.memory: is not set, nor is jobmanager.memory.process.size (unset)"},
	{"memory of a TaskManager", `{"taskManager":null,"flinkConfiguration":{"taskmanager.memory.task.heap.size":"1g","taskmanager.memory.managed.size":"1g"}}`,
		`{"taskManager":null,"flinkConfiguration":{"taskmanager.memory.task.heap.size":"1g","taskmanager.heap.size":"1g"}}`,
		"spec.taskManager.resource.memory: is not set, nor is taskmanager.memory.process.size (unset)"},
	{"memory of no text", `{"taskManager":{"resource":{"memory":null}},"flinkConfiguration":{"taskmanager.memory.process.size":"1g"}}`,
		`{"taskManager":{"resource":{"memory":""}},"flinkConfiguration":{"taskmanager.memory.process.size":"1g"}}`, `spec.taskManager.resource.memory: "" is not a memory size such as 1024m or 2g`},
	{"storage", `{"taskManager":{"resource":{"ephemeralStorage":"1.5Gi"}}}`, `{"taskManager":{"resource":{"ephemeralStorage":"2 gb"}}}`, `spec.taskManager.resource.ephemeralStorage: "2 gb" is not a quantity such as 2Gi`},
	{"type of storage", `{"taskManager":{"resource":{"ephemeralStorage":"2"}}}`, `{"taskManager":{"resource":{"ephemeralStorage":2}}}`, "spec.taskManager.resource.ephemeralStorage: must be a string"},
	{"CPUs", `{"taskManager":{"resource":{"cpu":0.5}}}`, `{"taskManager":{"resource":{"cpu":"1"}}}`, "spec.taskManager.resource.cpu: must be a number greater than 0"},
	{"replicas", `{"taskManager":{"replicas":2147483647}}`, `{"taskManager":{"replicas":0}}`, "spec.taskManager.replicas: must be between 1 and 2147483647"},
	{"whole replicas", `{"taskManager":{"replicas":1}}`, `{"taskManager":{"replicas":1.5}}`, "spec.taskManager.replicas: must be an integer"},
	{"several JobManagers", `{"jobManager":{"replicas":2},"flinkConfiguration":{"high-availability.type":"org.example.Services"}}`,
		`{"jobManager":{"replicas":2},"flinkConfiguration":{"high-availability.type":"NONE"}}`,
		"spec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1"},

	{"job", `{"job":null}`, `{"job":"x"}`, "spec.job: must be an object"},
	{"jar", `{"job":{"jarURI":"not a uri"}}`, `{"job":{"jarURI":1}}`, "spec.job.jarURI: must be a string"},
	{"arguments", `{"job":{"args":["a",""]}}`, `{"job":{"args":["a",1]}}`, "spec.job.args: must be a list of strings"},
	{"state", `{"job":{"state":"suspended"}}`, `{"job":{"state":"paused"}}`, `spec.job.state: must be one of running, suspended, got "paused"`},
	{"upgrade mode", `{"job":{"upgradeMode":"stateless"}}`, `{"job":{"upgradeMode":"never"}}`, `spec.job.upgradeMode: must be one of stateless, savepoint, last-state, got "never"`},
	{"nonces", `{"job":{"checkpointTriggerNonce":0}}`, `{"job":{"autoscalerResetNonce":1.5}}`, "spec.job.autoscalerResetNonce: must be an integer"},
	{"state that is not restored", `{"job":{"allowNonRestoredState":false}}`, `{"job":{"allowNonRestoredState":"yes"}}`, "spec.job.allowNonRestoredState: must be true or false"},
	{"parallelism", `{"job":{"parallelism":2147483647}}`, `{"job":{"parallelism":0}}`, "spec.job.parallelism: must be between 1 and 2147483647"},
	{"parallelism with TaskManagers", `{"job":{"parallelism":0},"taskManager":{"replicas":2}}`, `{"job":{"parallelism":2147483648},"taskManager":{"replicas":2}}`, "spec.job.parallelism: must be between -2147483648 and 2147483647"},
	{"no parallelism", `{"job":{"parallelism":null},"taskManager":{"replicas":2}}`, `{"job":{"parallelism":null}}`, "spec.job.parallelism: must be at least 1 where spec.taskManager.replicas is not set"},
	{"directory for checkpoints", `{"job":{"upgradeMode":"last-state"},"flinkConfiguration":{"state.checkpoints.dir":"s3://c"}}`,
		`{"job":{"upgradeMode":"last-state"},"flinkConfiguration":{"execution.checkpointing.dir":" ","state.checkpoints.dir":"s3://c"}}`,
		"spec.job.upgradeMode: needs a directory for checkpoints, by execution.checkpointing.dir, where it is last-state"},
	{"directory for checkpoints, not set", `{"job":{"upgradeMode":"stateless"}}`, `{"job":{"upgradeMode":"last-state"}}`,
		"spec.job.upgradeMode: needs a directory for checkpoints, by execution.checkpointing.dir, where it is last-state (unset)"},
	{"directory for savepoints", `{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","state.savepoints.dir":"s3://s"}}`,
		`{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"execution.checkpointing.dir":"s3://c","execution.checkpointing.savepoint-dir":""}}`,
		"spec.job.upgradeMode: needs a directory for savepoints, by execution.checkpointing.savepoint-dir"},
	{"savepoint", `{"job":{"savepointTriggerNonce":1},"flinkConfiguration":{"state.savepoints.dir":"s3://s"}}`, `{"job":{"savepointTriggerNonce":1}}`,
		"spec.job.savepointTriggerNonce: needs a directory for savepoints, by execution.checkpointing.savepoint-dir (unset)"},
	{"periodic savepoints", `{"flinkConfiguration":{"kubernetes.operator.periodic.savepoint.interval":"0","state.savepoints.dir":"s3://s"}}`,
		`{"flinkConfiguration":{"kubernetes.operator.periodic.savepoint.interval":"0","execution.checkpointing.savepoint-dir":""}}`,
		`spec.flinkConfiguration["kubernetes.operator.periodic.savepoint.interval"]: needs a directory for savepoints, by execution.checkpointing.savepoint-dir`},
	{"maximum age of checkpoints", `{"flinkConfiguration":{"kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age":"abc","state.savepoints.dir":"s3://s"}}`,
		`{"flinkConfiguration":{"kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age":"5m"}}`,
		`spec.flinkConfiguration["kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"]: needs a directory for savepoints, by execution.checkpointing.savepoint-dir (unset)`},

	{"autoscaler", `{"flinkConfiguration":{"job.autoscaler.enabled":false,"job.autoscaler.utilization.target":7}}`, `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.utilization.target":7}}`,
		`spec.flinkConfiguration["job.autoscaler.utilization.target"]: must be between 0 and 1, got 7`},
	{"open range", `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.scale-up.max-factor":"Infinity"}}`, `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.scale-down.max-factor":-1}}`,
		`spec.flinkConfiguration["job.autoscaler.scale-down.max-factor"]: must be 0 or more, got -1`},
	{"number", `{"flinkConfiguration":{"job.autoscaler.enabled":"true","job.autoscaler.utilization.target":"0.7d","job.autoscaler.utilization.min":0.7}}`, `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.scale-up.max-factor":"twice"}}`,
		`spec.flinkConfiguration["job.autoscaler.scale-up.max-factor"]: must be a number, got "twice"`},
	{"number of a feature", `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.memory.tuning.overhead":7}}`,
		`{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.memory.tuning.enabled":true,"job.autoscaler.memory.tuning.overhead":7}}`,
		`spec.flinkConfiguration["job.autoscaler.memory.tuning.overhead"]: must be between 0 and 1, got 7`},
	{"older names", `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.utilization.target":0.5,"job.autoscaler.target.utilization":2}}`,
		`{"flinkConfiguration":{"kubernetes.operator.job.autoscaler.enabled":true,"job.autoscaler.target.utilization":2}}`,
		`spec.flinkConfiguration["job.autoscaler.target.utilization"]: must be between 0 and 1, got 2`},
	{"upper bound", `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.utilization.max":1}}`,
		`{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.utilization.target":0.7,"job.autoscaler.utilization.max":0.6}}`,
		`spec.flinkConfiguration["job.autoscaler.utilization.max"]: must not be below job.autoscaler.utilization.target`},
	{"lower bound, of the default", `{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.utilization.min":0.7}}`,
		`{"flinkConfiguration":{"job.autoscaler.enabled":true,"job.autoscaler.utilization.min":0.8}}`,
		`spec.flinkConfiguration["job.autoscaler.utilization.min"]: must not be above job.autoscaler.utilization.target (unset)`},
}

func TestRules(t *testing.T) {
	expect(t, validation.Deployment(object(t, least)))
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			expect(t, validation.Deployment(openjson.Merge(object(t, least), object(t, rule.kept))))
			expect(t, validation.Deployment(openjson.Merge(object(t, least), object(t, rule.broken))), rule.problem)
		})
	}
}

func TestName(t *testing.T) {
	for _, name := range []string{"a", "app-1", strings.Repeat("a", 45)} {
		expect(t, validation.Name("metadata.name", name))
	}
	for _, name := range []string{"", "1app", "app-", "App", "a.b", strings.Repeat("a", 46)} {
		expect(t, validation.Name("metadata.name", name), "metadata.name: must match ^[a-z]([-a-z0-9]{0,43}[a-z0-9])?$, got "+`"`+name+`"`)
	}
}

func TestChange(t *testing.T) {
	const (
		suspended = `{"flinkVersion":"v1_19","job":{"state":"suspended","upgradeMode":"last-state"}}`
		version   = "spec.flinkVersion: cannot change while the job is suspended by last-state: start it with v1_19 first, and change the version then"
		redeploy  = "spec.job.savepointRedeployNonce: needs spec.job.initialSavepointPath when it changes"
		session   = "spec.job: cannot be added to or taken from a cluster that was deployed"
	)
	for name, test := range map[string]struct {
		inForce, spec string
		want          []string
	}{
		"nothing in force":            {``, `{"mode":"standalone","job":{"savepointRedeployNonce":1}}`, nil},
		"native said at last":         {`{}`, `{"mode":"native"}`, nil},
		"another mode":                {`{}`, `{"mode":"standalone"}`, []string{"spec.mode: cannot change after the cluster was deployed: it is native"}},
		"and back":                    {`{"mode":"standalone"}`, `{"mode":null}`, []string{"spec.mode: cannot change after the cluster was deployed: it is standalone"}},
		"a job for a session cluster": {`{}`, `{"job":{}}`, []string{session}},
		"a job taken away":            {`{"job":{}}`, `{"job":null}`, []string{session}},
		"another version":             {`{"flinkVersion":"v1_19","job":{"upgradeMode":"last-state"}}`, `{"flinkVersion":"v1_20","job":{"upgradeMode":"last-state"}}`, nil},
		"another version on resuming": {suspended, `{"flinkVersion":"v1_20","job":{"upgradeMode":"savepoint"}}`, []string{version}},
		"the same on resuming":        {suspended, `{"flinkVersion":"v1_19","job":{"upgradeMode":"last-state"}}`, nil},
		"another, without state":      {suspended, `{"flinkVersion":"v1_20","job":{"upgradeMode":"stateless"}}`, nil},
		"another, by default so":      {suspended, `{"flinkVersion":"v1_20","job":{}}`, nil},
		"suspended by savepoint":      {`{"flinkVersion":"v1_19","job":{"state":"suspended","upgradeMode":"savepoint"}}`, `{"flinkVersion":"v1_20","job":{"upgradeMode":"savepoint"}}`, nil},
		"a redeploy from nowhere":     {`{"job":{}}`, `{"job":{"savepointRedeployNonce":1,"initialSavepointPath":" "}}`, []string{redeploy}},
		"from somewhere":              {`{"job":{"savepointRedeployNonce":1}}`, `{"job":{"savepointRedeployNonce":2,"initialSavepointPath":"s3://s"}}`, nil},
		"no redeploy":                 {`{"job":{"savepointRedeployNonce":9007199254740993}}`, `{"job":{"savepointRedeployNonce":9007199254740993}}`, nil},
		"the nonce taken away":        {`{"job":{"savepointRedeployNonce":1}}`, `{"job":{}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var inForce openjson.Object
			if test.inForce != "" {
				inForce = object(t, test.inForce)
			}
			expect(t, validation.Change(inForce, object(t, test.spec)), test.want...)
		})
	}
}

func TestSessionJob(t *testing.T) {
	for name, test := range map[string]struct {
		spec, inForce, cluster string
		want                   []string
	}{
		"of a cluster that is not there": {spec: `{"deploymentName":"pool","job":{}}`},
		"of a cluster": {
			spec: `{"deploymentName":"pool","job":{"parallelism":1,"upgradeMode":"savepoint"},"flinkConfiguration":{"state.savepoints.dir":"s3://s"}}`, inForce: `{"deploymentName":"pool"}`,
			cluster: `{"flinkConfiguration":{"state":{"checkpoints":{"dir":"s3://c"}}}}`},
		"without a name":            {`{"job":{}}`, ``, ``, []string{`spec.deploymentName: must match ^[a-z]([-a-z0-9]{0,43}[a-z0-9])?$, got ""`}},
		"without a job":             {`{"deploymentName":"pool"}`, ``, ``, []string{"spec.job: must be set"}},
		"moved":                     {`{"deploymentName":"pool","job":{}}`, `{"deploymentName":"other"}`, ``, []string{"spec.deploymentName: cannot change"}},
		"of an application":         {`{"deploymentName":"app","job":{}}`, ``, `{"job":{}}`, []string{`spec.deploymentName: must name a session cluster: "app" is an application cluster`}},
		"without parallelism":       {`{"deploymentName":"pool","job":{"parallelism":0}}`, ``, `{"taskManager":{"replicas":2}}`, []string{"spec.job.parallelism: must be between 1 and 2147483647"}},
		"with the wrong autoscaler": {`{"deploymentName":"pool","job":{"parallelism":1}}`, ``, `{"flinkConfiguration":{"job.autoscaler.enabled":"maybe"}}`, []string{`spec.flinkConfiguration["job.autoscaler.enabled"]: must be true or false, got "maybe"`}},
	} {
		t.Run(name, func(t *testing.T) {
			part := func(text string) openjson.Object {
				if text == "" {
					return nil
				}
				return object(t, text)
			}
			expect(t, validation.SessionJob(object(t, test.spec), part(test.inForce), part(test.cluster)), test.want...)
		})
	}
}

func TestJarURI(t *testing.T) {
	for _, uri := range []string{"", "https://example.com/job.jar", "https://203.0.113.1/job.jar"} {
		expect(t, validation.JarURI(uri))
	}
	for _, uri := range []string{"local:///job.jar", "http://example.com/job.jar", "job.jar", ":"} {
		expect(t, validation.JarURI(uri), `spec.job.jarURI: must have one of the allowed schemes: https, got "`+uri+`"`)
	}
	for _, uri := range []string{"https://localhost/job.jar", "https://127.0.0.1/job.jar", "https://[fe80::1]/job.jar", "https://10.0.0.1/job.jar"} {
		expect(t, validation.JarURI(uri), `spec.job.jarURI: must not be on a restricted host, got "`+uri+`"`)
	}
}

func TestStateSnapshot(t *testing.T) {
	const (
		one       = "spec: must have exactly one of savepoint and checkpoint"
		reference = "spec.jobReference: must have a kind and a name"
	)
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"a savepoint":           {`{"jobReference":{"kind":"FlinkDeployment","name":"app"},"savepoint":{}}`, nil},
		"neither kind":          {`{"jobReference":{"kind":"FlinkDeployment","name":"app"}}`, []string{one}},
		"both kinds":            {`{"jobReference":{"kind":"FlinkDeployment","name":"app"},"savepoint":{},"checkpoint":{}}`, []string{one}},
		"no job":                {`{"savepoint":{}}`, []string{reference}},
		"a job of no kind":      {`{"jobReference":{"name":"app"},"checkpoint":{}}`, []string{reference}},
		"no job, but it exists": {`{"savepoint":{"alreadyExists":true,"path":"x"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) { expect(t, validation.StateSnapshot(object(t, test.spec)), test.want...) })
	}
}
