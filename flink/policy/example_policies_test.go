package policy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/flink/policy"
)

// document reads the blocks of a kind in the documentation.
func document(t *testing.T, kind string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range regexp.MustCompile("(?ms)^```yaml "+kind+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// TestTheExamplesOfTheDocumentation evaluates each example on objects that comply and
// on some that do not.
func TestTheExamplesOfTheDocumentation(t *testing.T) {
	const deployment = `{"kind":"FlinkDeployment","metadata":{"labels":{"team":"a","cost-center":"7"}},"spec":`
	type example struct {
		manifest string
		want     []string
	}
	tests := map[string][]example{
		"allowed-registries": {
			{deployment + `{"image":"registry.example.com/flink:1","podTemplate":{"spec":{"containers":[{"name":"flink-main-container"},{"name":"s","image":"registry.example.com/s"}]}}}}`, nil},
			{deployment + `{"image":"flink:1"}}`, []string{"the image flink:1 is not from registry.example.com"}},
			{deployment + `{}}`, []string{"the image is not from registry.example.com"}},
			{deployment + `{"image":"registry.example.com/flink","taskManager":{"podTemplate":{"spec":{"initContainers":[{"name":"i","image":"busybox"}]}}}}}`, []string{"the images of all containers have to be from registry.example.com"}},
			{deployment + `{"image":"registry.example.com/flink","flinkConfiguration":{"kubernetes":{"container":{"image":{"ref":"x"}}}}}}`, []string{"options must not replace the image"}},
		},
		"no-latest": {
			{deployment + `{"image":"registry.example.com:5000/flink:1.20"}}`, nil},
			{deployment + `{"image":"flink@sha256:00"}}`, nil},
			{deployment + `{"image":"flink:latest"}}`, []string{"the image needs a tag other than latest, or a digest"}},
			{deployment + `{"image":"registry.example.com:5000/flink"}}`, []string{"the image needs a tag other than latest, or a digest"}},
		},
		"max-parallelism": {
			{deployment + `{"job":{"parallelism":64}}}`, nil},
			{deployment + `{"job":{"parallelism":65}}}`, []string{"the parallelism must be at most 64"}},
			{`{"kind":"Statement","spec":{"parallelism":65}}`, []string{"the parallelism must be at most 64"}},
			{`{"kind":"FlinkSessionJob","spec":{"flinkConfiguration":{"parallelism.default":"100"}}}`, []string{"parallelism.default must be at most 64"}},
		},
		"required-labels": {
			{deployment + `{}}`, nil},
			{`{"kind":"FlinkDeployment","metadata":{"labels":{"team":"a"}},"spec":{}}`, []string{"the labels team and cost-center are required"}},
			{`{"kind":"FlinkDeployment","metadata":{},"spec":{}}`, []string{"the labels team and cost-center are required"}},
		},
		"keep-state": {
			{deployment + `{"job":{"upgradeMode":"last-state"}}}`, nil},
			{deployment + `{}}`, nil},
			{deployment + `{"job":{"upgradeMode":"stateless"}}}`, []string{"spec.job.upgradeMode has to be savepoint or last-state in production"}},
			{deployment + `{"job":{}}}`, []string{"spec.job.upgradeMode has to be savepoint or last-state in production"}},
		},
		"jar-places": {
			{deployment + `{"job":{"jarURI":"local:///opt/flink/examples/a.jar"}}}`, nil},
			{deployment + `{"job":{"jarURI":"s3://flink-jars/a.jar"}}}`, nil},
			{deployment + `{"job":{"jarURI":"https://evil.example.com/a.jar"}}}`, []string{"spec.job.jarURI has to be in the image, in s3://flink-jars or at https://artifacts.example.com"}},
			{deployment + `{"job":{"jarURI":"local:///opt/flink/../a.jar"}}}`, []string{"spec.job.jarURI must not contain .."}},
		},
		"pod-options": {
			{deployment + `{"flinkConfiguration":{"kubernetes.operator.savepoint.history.max.count":"1","state.backend.type":"rocksdb"}}}`, nil},
			{deployment + `{"flinkConfiguration":{"env":{"java":{"opts":"-D"}}}}}`, []string{"options that begin with env., containerized. or kubernetes. are not allowed"}},
			{`{"kind":"Statement","spec":{"configuration":{"containerized.master.env.A":"b"}}}`, []string{"options that begin with env., containerized. or kubernetes. are not allowed"}},
		},
		"checkpoints-move": {
			{deployment + `{"flinkConfiguration":{"execution.checkpointing.dir":"s3://old"}}}`, nil},
			{deployment + `{"flinkConfiguration":{"execution.checkpointing.dir":"s3://new"}}}`, []string{"the checkpoints are in another place from now on"}},
		},
	}
	old := object(t, `{"kind":"FlinkDeployment","spec":{"flinkConfiguration":{"execution.checkpointing.dir":"s3://old"}}}`)
	for _, block := range document(t, "policy") {
		var written struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				Environments []string `json:"environments"`
				Action       string   `json:"action"`
				policy.Definition
			} `json:"spec"`
		}
		if err := yaml.UnmarshalStrict([]byte(block), &written); err != nil {
			t.Fatal(err)
		}
		name := written.Metadata.Name
		t.Run(name, func(t *testing.T) {
			p := compile(t, written.Spec.Definition)
			if len(tests[name]) == 0 {
				t.Fatal("the example has no test")
			}
			for _, test := range tests[name] {
				on := policy.Object{Content: object(t, test.manifest), Old: func() (map[string]any, error) { return old, nil }}
				if diff := cmp.Diff(test.want, p.Evaluate(t.Context(), on)); diff != "" {
					t.Errorf("%s:\n%s", test.manifest, diff)
				}
			}
			delete(tests, name)
		})
	}
	if len(tests) > 0 {
		t.Errorf("the documentation has no examples for %v", tests)
	}
}

func TestTheFileOfTheDocumentation(t *testing.T) {
	blocks := document(t, "agent-policy")
	if len(blocks) != 1 {
		t.Fatalf("got %d blocks", len(blocks))
	}
	policies, err := policy.ParseFile([]byte(blocks[0]))
	if err != nil {
		t.Fatal(err)
	}
	got := policies[0].Evaluate(t.Context(), policy.Object{Content: object(t, `{"kind":"FlinkDeployment","metadata":{"namespace":"kube-system"},"spec":{}}`)})
	if len(got) != 1 || got[0] != "this cluster runs payments and fraud only" {
		t.Errorf("got %v", got)
	}
}
