package flinkspec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/openjson"
)

func TestClusterSpec(t *testing.T) {
	const own = `{"image":"flink:1","flinkVersion":"v2_0","flinkConfiguration":{"a":{"b":1},"c":2}}`
	for name, test := range map[string]struct{ defaults, want string }{
		"no defaults": {"", `{"flinkConfiguration":{"a.b":1,"c":2},"flinkVersion":"v2_0","image":"flink:1","serviceAccount":"flink"}`},
		"the environment wins": {`{"clusterSpec":{"image":"flink:2","serviceAccount":"sql","flinkConfiguration":{"a.b":9}}}`,
			`{"flinkConfiguration":{"a.b":9,"c":2},"flinkVersion":"v2_0","image":"flink:2","serviceAccount":"sql"}`},
		"with spec around it": {`{"spec":{"clusterSpec":{"image":"flink:2"}}}`,
			`{"flinkConfiguration":{"a.b":1,"c":2},"flinkVersion":"v2_0","image":"flink:2","serviceAccount":"flink"}`},
	} {
		t.Run(name, func(t *testing.T) {
			template, err := openjson.ParseText(own)
			if err != nil {
				t.Fatal(err)
			}
			defaults, err := openjson.ParseText(test.defaults)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, openjson.Text(flinkspec.ClusterSpec(template, defaults))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestClusterSpecThatTheOperatorWouldRefuse(t *testing.T) {
	effective, err := openjson.ParseText(`{"flinkVersion":"2.0","flinkConfiguration":{"kubernetes.cluster-id":"x","high-availability.type":"NONE"},"jobManager":{"replicas":2,"resource":{"memory":"much"}},
		"logConfiguration":{"x":""},"job":{"upgradeMode":"never"}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`spec.clusterSpec.flinkVersion: must look like v1_20, got "2.0"`,
		`spec.clusterSpec.flinkConfiguration: must not set "kubernetes.cluster-id", which the operator sets`,
		`spec.clusterSpec.logConfiguration: must not have the key "x", only log4j-console.properties and logback-console.xml`,
		`spec.clusterSpec.jobManager.resource.memory: "much" is not a memory size such as 1024m or 2g`,
		"spec.clusterSpec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1",
		"spec.clusterSpec.serviceAccount: must be set",
		`spec.clusterSpec.job.upgradeMode: must be one of stateless, savepoint, last-state, got "never"`,
	}
	if diff := cmp.Diff(want, messages(t, flinkspec.CheckClusterSpec(nil, effective, podsecurity.Baseline))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
