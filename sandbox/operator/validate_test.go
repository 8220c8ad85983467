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

// The rules are tested where they are, in flink/validation.
func TestTheFirstRuleBrokenIsTheError(t *testing.T) {
	running := parse(t, valid)
	for name, test := range map[string]struct {
		name string
		// change is merged over the valid spec.
		change     string
		reconciled spec
		says       string
	}{
		"none":                   {name: "app", reconciled: running},
		"of the name":            {name: "1app", change: `{serviceAccount: ""}`, says: "metadata.name: must match"},
		"of the spec":            {name: "app", change: `{jobManager: {replicas: 2}, job: {parallelism: 0}}`, says: "spec.jobManager.replicas: needs high availability"},
		"of the change":          {name: "app", change: `{mode: standalone}`, reconciled: running, says: "spec.mode: cannot change"},
		"of a change of numbers": {name: "app", change: `{job: {savepointRedeployNonce: 1}}`, reconciled: running, says: "needs spec.job.initialSavepointPath"},
	} {
		t.Run(name, func(t *testing.T) {
			err := validateDeployment(test.name, over(parse(t, valid), parse(t, test.change)), test.reconciled)
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
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
