package flinkspec_test

import (
	"testing"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/openjson"
)

// runnable is the least that a specification must have.
const runnable = `{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"parallelism":1}}`

func TestCheckEffective(t *testing.T) {
	for name, test := range map[string]struct {
		over string // laid over runnable
		want []string
	}{
		"the least": {over: `{}`},
		"all that is checked, and right": {over: `{
			"image":"flink:1.20","mode":"native","flinkConfiguration":{"a":1},
			"jobManager":{"replicas":1,"resource":{"cpu":0.5,"memory":"1g"}},
			"taskManager":{"replicas":2147483647,"resource":{"cpu":1,"memory":"1073741824"}},
			"podTemplate":{"metadata":{"annotations":{}}},
			"job":{"jarURI":"local:///a.jar","entryClass":"A","args":["a",""],"state":"suspended","upgradeMode":"last-state"}}`},
		"nulls are as good as absent": {over: `{"image":null,"mode":null,"flinkConfiguration":null,"jobManager":null,"podTemplate":null,
			"taskManager":{"replicas":null,"resource":null},"job":{"args":null,"state":null}}`},
		"task managers instead of parallelism":   {over: `{"taskManager":{"replicas":2},"job":{"parallelism":null}}`},
		"task managers whatever the parallelism": {over: `{"taskManager":{"replicas":2},"job":{"parallelism":0}}`},

		"no version":              {`{"flinkVersion":null}`, []string{"spec.flinkVersion: must be set, such as v1_20"}},
		"an empty version":        {`{"flinkVersion":""}`, []string{"spec.flinkVersion: must be set, such as v1_20"}},
		"a version in other form": {`{"flinkVersion":"1.20"}`, []string{`spec.flinkVersion: must look like v1_20, got "1.20"`}},
		"a version that is none":  {`{"flinkVersion":1.20}`, []string{"spec.flinkVersion: must be a string"}},
		"no service account": {`{"serviceAccount":null}`, []string{
			"spec.serviceAccount: must be set, in the application or in the environment's flinkApplicationDefaults"}},
		"an empty service account": {`{"serviceAccount":""}`, []string{
			"spec.serviceAccount: must be set, in the application or in the environment's flinkApplicationDefaults"}},
		"a service account that is none": {`{"serviceAccount":1}`, []string{"spec.serviceAccount: must be a string"}},
		"an image that is none":          {`{"image":{}}`, []string{"spec.image: must be a string"}},
		"a mode unknown":                 {`{"mode":"Native"}`, []string{`spec.mode: must be one of native, standalone, got "Native"`}},
		"a configuration that is none":   {`{"flinkConfiguration":"a: b"}`, []string{"spec.flinkConfiguration: must be an object"}},
		"keys that the operator sets": {`{"flinkConfiguration":{"kubernetes.cluster-id":"x","kubernetes.namespace":"y"}}`, []string{
			`spec.flinkConfiguration: must not set "kubernetes.namespace", which the operator sets`,
			`spec.flinkConfiguration: must not set "kubernetes.cluster-id", which the operator sets`}},
		"sections that are none": {`{"jobManager":1,"taskManager":{"resource":[]}}`, []string{
			"spec.jobManager: must be an object", "spec.taskManager.resource: must be an object"}},
		"replicas": {`{"jobManager":{"replicas":0},"taskManager":{"replicas":1.5}}`, []string{
			"spec.jobManager.replicas: must be between 1 and 2147483647", "spec.taskManager.replicas: must be an integer"}},
		"replicas that are no number": {`{"jobManager":{"replicas":"2"}}`, []string{"spec.jobManager.replicas: must be an integer"}},
		"too many replicas":           {`{"taskManager":{"replicas":2147483648}}`, []string{"spec.taskManager.replicas: must be between 1 and 2147483647"}},
		"memory": {`{"jobManager":{"resource":{"memory":"much"}},"taskManager":{"resource":{"memory":true}}}`, []string{
			`spec.jobManager.resource.memory: "much" is not a memory size such as 1024m or 2g`,
			`spec.taskManager.resource.memory: "true" is not a memory size such as 1024m or 2g`}},
		"CPUs": {`{"jobManager":{"resource":{"cpu":"1"}},"taskManager":{"resource":{"cpu":0}}}`, []string{
			"spec.jobManager.resource.cpu: must be a number greater than 0", "spec.taskManager.resource.cpu: must be a number greater than 0"}},
		"more CPUs than there are numbers": {`{"jobManager":{"resource":{"cpu":1e999}}}`, []string{"spec.jobManager.resource.cpu: must be a number greater than 0"}},
		"a pod template that is none":      {`{"podTemplate":"x"}`, []string{"spec.podTemplate: must be an object"}},
		"annotations of pods that are none": {`{"podTemplate":{"metadata":{"annotations":["x"]}}}`, []string{
			"spec.podTemplate.metadata.annotations: must be an object"}},
		"no job":           {`{"job":null}`, []string{"spec.job: must be set: a FlinkApplication runs one job"}},
		"a job that is no": {`{"job":"x"}`, []string{"spec.job: must be an object"}},
		"a job's fields": {`{"job":{"jarURI":1,"entryClass":[],"state":"RUNNING","upgradeMode":"none","parallelism":"2","args":["a",1]}}`, []string{
			"spec.job.jarURI: must be a string", "spec.job.entryClass: must be a string",
			`spec.job.state: must be one of running, suspended, got "RUNNING"`,
			`spec.job.upgradeMode: must be one of stateless, savepoint, last-state, got "none"`,
			"spec.job.parallelism: must be an integer", "spec.job.args: must be a list of strings"}},
		"a job's fields by which the operator acts": {`{"job":{"initialSavepointPath":1,"savepointTriggerNonce":"1","checkpointTriggerNonce":1.5,"savepointRedeployNonce":true,"autoscalerResetNonce":9223372036854775808,"allowNonRestoredState":"yes"}}`, []string{
			"spec.job.initialSavepointPath: must be a string", "spec.job.savepointTriggerNonce: must be an integer",
			"spec.job.checkpointTriggerNonce: must be an integer", "spec.job.savepointRedeployNonce: must be an integer",
			"spec.job.autoscalerResetNonce: must be an integer", "spec.job.allowNonRestoredState: must be true or false"}},
		"arguments that are no list": {`{"job":{"args":"a b"}}`, []string{"spec.job.args: must be a list of strings"}},
		"nothing says how many task managers": {`{"job":{"parallelism":null}}`, []string{
			"spec.job.parallelism: must be at least 1 where spec.taskManager.replicas is not set"}},
		"everything at once": {`{"image":1,"flinkVersion":"x","serviceAccount":null,"mode":"y","taskManager":{"replicas":-1},"job":null}`, []string{
			"spec.image: must be a string", `spec.flinkVersion: must look like v1_20, got "x"`,
			`spec.mode: must be one of native, standalone, got "y"`,
			"spec.taskManager.replicas: must be between 1 and 2147483647",
			"spec.serviceAccount: must be set, in the application or in the environment's flinkApplicationDefaults",
			"spec.job: must be set: a FlinkApplication runs one job"}},
	} {
		t.Run(name, func(t *testing.T) {
			effective := openjson.Merge(object(t, runnable), object(t, test.over))
			_, err := flinkspec.CheckEffective(effective, podsecurity.Baseline)
			same(t, messages(t, err), test.want)
		})
	}
}

func TestDesiredState(t *testing.T) {
	for text, want := range map[string]string{
		`{"job":{"state":"suspended"}}`: flink.Suspended,
		`{"job":{"state":"running"}}`:   flink.Running,
		`{"job":{"state":null}}`:        flink.Running,
		`{"job":{}}`:                    flink.Running,
		`{}`:                            flink.Running,
	} {
		same(t, flinkspec.DesiredState(object(t, text)), want)
	}
}
