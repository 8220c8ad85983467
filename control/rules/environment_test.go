package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/rules"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestEnvironmentName(t *testing.T) {
	same(t, rules.EnvironmentName(&cmfv1.Environment{Name: "top"}), "top")
	same(t, rules.EnvironmentName(&cmfv1.Environment{Metadata: &cmfv1.ObjectMeta{Name: "meta"}}), "meta")
	same(t, rules.EnvironmentName(&cmfv1.Environment{}), "")
}

func TestCheckEnvironment(t *testing.T) {
	named := func(name, inMetadata string) *cmfv1.Environment {
		return &cmfv1.Environment{Name: name, Metadata: &cmfv1.ObjectMeta{Name: inMetadata}}
	}
	withDefaults := func(text string) *cmfv1.Environment {
		return &cmfv1.Environment{Name: "prod", FlinkApplicationDefaults: open(text)}
	}
	for name, test := range map[string]struct {
		env  *cmfv1.Environment
		want []string
	}{
		"named at the top":         {env: named("prod", "")},
		"named in the metadata":    {env: named("", "prod")},
		"named the same in both":   {env: named("prod", "prod")},
		"named differently":        {named("prod", "test"), []string{"metadata.name: must equal name where both are given"}},
		"not named":                {named("", ""), []string{"name: must not be empty"}},
		"named badly in metadata":  {named("", "a_b_c"), []string{`name: must match "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"`}},
		"defaults of many kinds":   {env: withDefaults(`{"kind":"FlinkApplication","metadata":{"annotations":{"Fmc.example.com/ssl":"true"}},"spec":{"flinkConfiguration":{"a":1},"job":{"upgradeMode":"savepoint"}}}`)},
		"defaults of null":         {env: withDefaults(`{"spec":null,"metadata":null}`)},
		"defaults that are none":   {withDefaults(`{"spec":[],"metadata":"x"}`), []string{"flinkApplicationDefaults.spec: must be an object", "flinkApplicationDefaults.metadata: must be an object"}},
		"a job that is none":       {withDefaults(`{"spec":{"job":1,"flinkConfiguration":"x"}}`), []string{"flinkApplicationDefaults.spec.flinkConfiguration: must be an object", "flinkApplicationDefaults.spec.job: must be an object"}},
		"a state for all":          {withDefaults(`{"spec":{"job":{"state":"running"}}}`), []string{"flinkApplicationDefaults.spec.job.state: cannot be a default: starting and suspending is done by application"}},
		"a savepoint for all":      {withDefaults(`{"spec":{"job":{"startFromSavepoint":{"uid":"u"}}}}`), []string{"flinkApplicationDefaults.spec: startFromSavepoint cannot be a default: a savepoint is of one application"}},
		"annotations that are not": {withDefaults(`{"metadata":{"annotations":{"a":1,"weir.dev/owner":"x"}}}`), []string{`flinkApplicationDefaults.metadata.annotations["a"]: must be a string`, `flinkApplicationDefaults.metadata.annotations["weir.dev/owner"]: the prefix weir.dev/ is Weir's own`}},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			rules.CheckEnvironment(&v, test.env)
			same(t, []string(v), test.want)
		})
	}
}

func TestCheckPlacement(t *testing.T) {
	active := rules.Cluster{Registered: true, Namespaces: []string{"default", "flink"}}
	in := func(namespace string) *cmfv1.Environment {
		return &cmfv1.Environment{KubernetesNamespace: namespace, KubernetesClusterName: "edge"}
	}
	for name, test := range map[string]struct {
		env     *cmfv1.Environment
		cluster rules.Cluster
		want    []string
	}{
		"a namespace of the cluster": {env: in("flink"), cluster: active},
		"another namespace":          {in("fl"), active, []string{"Environment's kubernetesNamespace 'fl' does not exist."}},
		"no namespace":               {in(""), active, []string{"kubernetesNamespace: must not be empty"}},
		"no such cluster": {in("fl"), rules.Cluster{}, []string{
			"Environment's kubernetesNamespace 'fl' does not exist.", "Environment's kubernetesClusterName 'edge' does not exist."}},
		"a decommissioned cluster": {in("flink"), rules.Cluster{Registered: true, Decommissioned: true, Namespaces: []string{"flink"}}, []string{
			"Environment's kubernetesClusterName 'edge' is decommissioned."}},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			rules.CheckPlacement(&v, test.env, test.cluster)
			same(t, []string(v), test.want)
		})
	}
}

func TestCheckUnmoved(t *testing.T) {
	before := &cmfv1.Environment{KubernetesNamespace: "flink", KubernetesClusterName: "edge"}
	for name, test := range map[string]struct {
		after *cmfv1.Environment
		want  []string
	}{
		"absent":   {after: &cmfv1.Environment{}},
		"the same": {after: before},
		"moved": {&cmfv1.Environment{KubernetesNamespace: "other", KubernetesClusterName: "default-k8s-cluster"}, []string{
			"kubernetesNamespace: cannot change after creation, it is 'flink'", "kubernetesClusterName: cannot change after creation, it is 'edge'"}},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			rules.CheckUnmoved(&v, before, test.after)
			same(t, []string(v), test.want)
		})
	}
}

func TestUpdateEnvironment(t *testing.T) {
	configuration := func(value string) *cmfv1.StatementDefaults {
		return &cmfv1.StatementDefaults{FlinkConfiguration: map[string]string{"key": value}}
	}
	before := &cmfv1.Environment{
		Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge",
		FlinkApplicationDefaults: open(`{"spec":{"image":"a"}}`),
		ComputePoolDefaults:      open(`{"clusterSpec":{}}`),
		StatementDefaults:        &cmfv1.AllStatementDefaults{Detached: configuration("a"), Interactive: configuration("b")},
		Metadata:                 &cmfv1.ObjectMeta{Name: "prod", Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b"}},
	}
	for name, test := range map[string]struct {
		update *cmfv1.Environment
		change func(*cmfv1.Environment) // of a copy of before
	}{
		"what is absent stays": {&cmfv1.Environment{Name: "prod"}, func(*cmfv1.Environment) {}},
		"a value replaces the whole": {
			&cmfv1.Environment{FlinkApplicationDefaults: open(`{"metadata":{}}`)},
			func(e *cmfv1.Environment) { e.FlinkApplicationDefaults = open(`{"metadata":{}}`) },
		},
		"an empty object clears": {
			&cmfv1.Environment{FlinkApplicationDefaults: open(`{}`)},
			func(e *cmfv1.Environment) { e.FlinkApplicationDefaults = nil },
		},
		"a spacious one too": {
			&cmfv1.Environment{ComputePoolDefaults: open("{ \n }")},
			func(e *cmfv1.Environment) { e.ComputePoolDefaults = nil },
		},
		"empty statement defaults change nothing": {
			&cmfv1.Environment{StatementDefaults: &cmfv1.AllStatementDefaults{}}, func(*cmfv1.Environment) {},
		},
		"statement defaults of one way to run": {
			&cmfv1.Environment{StatementDefaults: &cmfv1.AllStatementDefaults{Detached: configuration("c")}},
			func(e *cmfv1.Environment) { e.StatementDefaults.Detached = configuration("c") },
		},
		"and none of them": {
			&cmfv1.Environment{StatementDefaults: &cmfv1.AllStatementDefaults{Interactive: &cmfv1.StatementDefaults{}}},
			func(e *cmfv1.Environment) { e.StatementDefaults.Interactive = &cmfv1.StatementDefaults{} },
		},
		"labels and annotations": {
			&cmfv1.Environment{Metadata: &cmfv1.ObjectMeta{Labels: map[string]string{"x": "y"}, Annotations: map[string]string{}}},
			func(e *cmfv1.Environment) {
				e.Metadata.Labels, e.Metadata.Annotations = map[string]string{"x": "y"}, nil
			},
		},
		"what is output only, or fixed, stays": {
			&cmfv1.Environment{
				KubernetesNamespace: "other", Secrets: map[string]string{"a": "b"}, Status: &cmfv1.EnvironmentStatus{},
				Metadata: &cmfv1.ObjectMeta{Name: "other", Uid: "u"},
			},
			func(*cmfv1.Environment) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, original := proto.CloneOf(before), proto.CloneOf(before)
			test.change(want)
			same(t, rules.UpdateEnvironment(before, test.update), want, protocmp.Transform())
			if !cmp.Equal(before, original, protocmp.Transform()) {
				t.Error("the stored environment has been changed")
			}
		})
	}
}
