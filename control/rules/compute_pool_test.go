package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/rules"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func pool(kind, state, spec string) *cmfv1.ComputePool {
	return &cmfv1.ComputePool{
		Metadata: &cmfv1.ObjectMeta{Name: "pool-a"},
		Spec:     &cmfv1.ComputePoolSpec{Type: kind, State: state, ClusterSpec: &cmfv1.JsonObject{Json: spec}},
	}
}

func TestComputePool(t *testing.T) {
	named := func(name string) *cmfv1.ComputePool {
		p := pool("DEDICATED", "", "{}")
		p.Metadata.Name = name
		return p
	}
	for name, test := range map[string]struct {
		pool *cmfv1.ComputePool
		want []string
	}{
		"dedicated":          {pool("DEDICATED", "", `{"flinkVersion":"v2_0"}`), nil},
		"shared":             {pool("SHARED", "SUSPENDED", `{"flinkVersion":"v2_0"}`), nil},
		"what the CLI sends": {pool("DEDICATED", "", `{"serviceAccount":"flink","job":{"parallelism":2}}`), nil},
		"state of a dedicated pool": {pool("DEDICATED", "RUNNING", "{}"),
			[]string{"spec.state: can only be set for pools of type SHARED"}},
		"a job": {pool("SHARED", "", `{"job":{"jarURI":"local:///x.jar","state":"running"}}`), []string{
			"spec.clusterSpec.job.jarURI: must not be set: statements bring their own job",
			"spec.clusterSpec.job.state: must not be set: statements bring their own job",
		}},
		"a name too long for the operator": {named("a123456789012345678901234567890123456789012345"),
			[]string{"metadata.name: size must be between 4 and 45"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, messages(t, rules.CheckComputePool(test.pool))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTypeOfAComputePoolStays(t *testing.T) {
	err := rules.CheckPoolUpdate(pool("SHARED", "", "{}"), pool("DEDICATED", "", "{}"))
	if diff := cmp.Diff([]string{"spec.type: cannot change after creation, it is 'SHARED'"}, messages(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

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
			if diff := cmp.Diff(test.want, openjson.Text(rules.ClusterSpec(template, defaults))); diff != "" {
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
		`spec.clusterSpec.job.upgradeMode: must be one of stateless, savepoint, last-state, got "never"`,
		"spec.clusterSpec.jobManager.replicas: needs high availability, by high-availability.type, where it is more than 1",
	}
	if diff := cmp.Diff(want, messages(t, rules.CheckClusterSpec(effective))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPoolPhase(t *testing.T) {
	const revision = 7
	shared := pool("SHARED", "RUNNING", "{}")
	said := func(manager, lifecycle, failure string) *storev1.StatusRecord {
		return &storev1.StatusRecord{Status: "{}", Generation: revision, JobManagerStatus: manager, LifecycleState: lifecycle, Error: failure}
	}
	problem := func(retrying bool) *storev1.StatusRecord {
		return &storev1.StatusRecord{Problem: &storev1.Problem{Reason: "Forbidden", Message: "No.", Retrying: retrying}}
	}
	old := said("READY", "STABLE", "")
	old.Generation = revision - 1
	for name, test := range map[string]struct {
		pool           *cmfv1.ComputePool
		reported       *storev1.StatusRecord
		phase, message string
	}{
		"dedicated":                  {pool("DEDICATED", "", "{}"), nil, "DEDICATED", ""},
		"suspended":                  {pool("SHARED", "SUSPENDED", "{}"), said("READY", "STABLE", ""), "SUSPENDED", ""},
		"not reported":               {shared, nil, "PENDING", ""},
		"reported of an older one":   {shared, old, "PENDING", ""},
		"deploying":                  {shared, said("DEPLOYING", "DEPLOYED", ""), "PENDING", ""},
		"ready":                      {shared, said("READY", "STABLE", ""), "RUNNING", ""},
		"missing with an error":      {shared, said("MISSING", "DEPLOYED", "gone"), "FAILING", "gone"},
		"JobManager in error":        {shared, said("ERROR", "DEPLOYED", "no image"), "FAILED", "no image"},
		"failed":                     {shared, said("MISSING", "FAILED", "manual restore"), "FAILED", "manual restore"},
		"refused by the API server":  {shared, problem(false), "FAILED", "Forbidden: No."},
		"tried again by the agent":   {shared, problem(true), "PENDING", "Forbidden: No."},
		"in error when it was ready": {shared, said("READY", "STABLE", "a passing error"), "RUNNING", ""},
	} {
		t.Run(name, func(t *testing.T) {
			phase, message := rules.PoolPhase(test.pool, revision, test.reported)
			if phase != test.phase || message != test.message {
				t.Errorf("is %s %q, want %s %q", phase, message, test.phase, test.message)
			}
		})
	}
}
