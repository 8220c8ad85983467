package operator

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	kjson "k8s.io/apimachinery/pkg/util/json"
)

// parse reads a spec from YAML, with the operator's defaults.
func parse(t *testing.T, text string) spec {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := kjson.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return newSpec(map[string]any{"spec": value})
}

// valid is a spec that breaks no rule.
const valid = `
serviceAccount: flink
flinkVersion: v1_19
jobManager: {resource: {memory: 1024m}}
taskManager: {resource: {memory: 2 gb}}
job: {jarURI: "local:///x.jar", parallelism: 1}
`

func TestDeploymentRules(t *testing.T) {
	tests := map[string]struct {
		name string
		// change is merged over the valid spec.
		change string
		// before is the spec in force, over the valid one; empty is none.
		before string
		says   string
	}{
		"a valid spec":                             {},
		"a name of 45 characters":                  {name: strings.Repeat("a", 45)},
		"a name of 46 characters":                  {name: strings.Repeat("a", 46), says: "at most 45 characters"},
		"a name that begins with a digit":          {name: "1app", says: "must match"},
		"no version":                               {change: `{flinkVersion: ""}`, says: "spec.flinkVersion must be set"},
		"a version too old":                        {change: `{flinkVersion: v1_14}`, says: "the oldest supported version is v1_15"},
		"an option of the operator's own":          {change: `{flinkConfiguration: {kubernetes: {cluster-id: x}}}`, says: "must not set kubernetes.cluster-id"},
		"rollback without high availability":       {change: `{flinkConfiguration: {kubernetes.operator.deployment.rollback.enabled: true}}`, says: "needs high availability"},
		"rollback with it":                         {change: `{flinkConfiguration: {kubernetes.operator.deployment.rollback.enabled: true, high-availability.type: kubernetes}}`},
		"an ingress without a template":            {change: `{ingress: {className: x}}`, says: "spec.ingress.template must be set"},
		"an ingress with a template":               {change: `{ingress: {template: "{{name}}.{{namespace}}.example.com"}}`},
		"an ingress of any text":                   {change: `{ingress: {template: "{{other}}.example.com:8080/{x}"}}`},
		"an ingress with a port that is none":      {change: `{ingress: {template: "example.com:http/x"}}`, says: "does not render to a URL"},
		"an unknown log file":                      {change: `{logConfiguration: {x.properties: ""}}`, says: `unknown file "x.properties"`},
		"no parallelism":                           {change: `{job: {parallelism: 0}}`, says: "spec.job.parallelism must be greater than 0"},
		"TaskManagers instead of parallelism":      {change: `{job: {parallelism: 0}, taskManager: {replicas: 1}}`},
		"last-state without checkpoints":           {change: `{job: {upgradeMode: last-state}}`, says: "needs state.checkpoints.dir"},
		"last-state with the newer option":         {change: `{job: {upgradeMode: last-state}, flinkConfiguration: {execution.checkpointing.dir: "s3://c"}}`},
		"savepoint without savepoints":             {change: `{job: {upgradeMode: savepoint}, flinkConfiguration: {state.checkpoints.dir: "s3://c"}}`, says: "needs state.savepoints.dir"},
		"a savepoint trigger without savepoints":   {change: `{job: {savepointTriggerNonce: 1}}`, says: "savepointTriggerNonce needs"},
		"an age of checkpoints without savepoints": {change: `{flinkConfiguration: {kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age: 5m}}`, says: "a maximum age"},
		"the autoscaler":                           {change: `{flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.utilization.min: 0.7}}`},
		"the autoscaler out of range":              {change: `{flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.scale-up.max-factor: -1}}`, says: "must not be below 0"},
		"the autoscaler without a number":          {change: `{flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.utilization.target: high}}`, says: "must be a number"},
		"the autoscaler above its target":          {change: `{flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.utilization.min: 0.8}}`, says: "must not be above 0.7"},
		"the autoscaler by its name of old":        {change: `{flinkConfiguration: {kubernetes.operator.job.autoscaler.enabled: true, kubernetes.operator.job.autoscaler.memory.heap-usage.threshold: 2}}`, says: "must not be above 1"},
		"a number that does not matter":            {change: `{flinkConfiguration: {job.autoscaler.enabled: true, job.autoscaler.memory.tuning.overhead: 7}}`},
		"no TaskManager":                           {change: `{taskManager: {replicas: 0}}`, says: "spec.taskManager.replicas must be at least 1"},
		"several JobManagers":                      {change: `{jobManager: {replicas: 2}}`, says: "need high availability"},
		"no memory":                                {change: `{jobManager: {resource: {memory: ""}}}`, says: "spec.jobManager.resource.memory must be set"},
		"memory as an option of Flink":             {change: `{jobManager: {resource: {memory: ""}}, flinkConfiguration: {jobmanager.memory.process.size: 1g}}`},
		"memory that is none":                      {change: `{taskManager: {resource: {memory: plenty}}}`, says: `"plenty" is no quantity`},
		"no service account":                       {change: `{serviceAccount: ""}`, says: "spec.serviceAccount must be set"},
		"an application become a session cluster":  {change: `{job: null}`, before: `{}`, says: "between session cluster and application cluster"},
		"another mode":                             {change: `{mode: standalone}`, before: `{}`, says: "spec.mode cannot change"},
		"native said at last":                      {change: `{mode: native}`, before: `{}`},
		"a redeploy from nowhere":                  {change: `{job: {savepointRedeployNonce: 1}}`, before: `{}`, says: "needs spec.job.initialSavepointPath"},
		"a redeploy from a path":                   {change: `{job: {savepointRedeployNonce: 1, initialSavepointPath: "s3://s"}}`, before: `{}`},
		"another version while suspended by last-state": {
			change: `{flinkVersion: v1_20, job: {upgradeMode: last-state}, flinkConfiguration: {state.checkpoints.dir: "s3://c"}}`,
			before: `{job: {state: suspended, upgradeMode: last-state}}`, says: "resume it first",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			object := "app"
			if test.name != "" {
				object = test.name
			}
			var before spec
			if test.before != "" {
				before = over(parse(t, valid), parse(t, test.before))
			}
			err := validateDeployment(object, over(parse(t, valid), parse(t, test.change)), before)
			if test.says == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

// over merges a change into a spec; null takes away.
func over(base, change map[string]any) map[string]any {
	merged := map[string]any{}
	for name, value := range base {
		merged[name] = value
	}
	for name, value := range change {
		below, isMap := merged[name].(map[string]any)
		above, both := value.(map[string]any)
		switch {
		case value == nil:
			delete(merged, name)
		case isMap && both:
			merged[name] = over(below, above)
		default:
			merged[name] = value
		}
	}
	return merged
}

func TestSnapshotRules(t *testing.T) {
	tests := map[string]struct{ spec, says string }{
		"a savepoint":           {`{jobReference: {kind: FlinkDeployment, name: app}, savepoint: {}}`, ""},
		"neither kind":          {`{jobReference: {kind: FlinkDeployment, name: app}}`, "exactly one"},
		"both kinds":            {`{jobReference: {kind: FlinkDeployment, name: app}, savepoint: {}, checkpoint: {}}`, "exactly one"},
		"no job":                {`{savepoint: {}}`, "spec.jobReference"},
		"no job, but it exists": {`{savepoint: {alreadyExists: true, path: x}}`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := validateSnapshot(parse(t, test.spec))
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}
