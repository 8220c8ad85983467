package environment

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestCheck(t *testing.T) {
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
		"named at the top":              {env: named("prod", "")},
		"named in the metadata":         {env: named("", "prod")},
		"named the same in both":        {env: named("prod", "prod")},
		"named differently":             {named("prod", "test"), []string{"metadata.name: must equal name where both are given"}},
		"not named":                     {named("", ""), []string{"name: must not be empty"}},
		"named badly in metadata":       {named("", "a_b_c"), []string{`name: must match "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"`}},
		"defaults of many kinds":        {env: withDefaults(`{"kind":"FlinkApplication","metadata":{"annotations":{"Fmc.example.com/ssl":"true"}},"spec":{"flinkConfiguration":{"a":1},"job":{"upgradeMode":"savepoint"}}}`)},
		"defaults of null":              {env: withDefaults(`{"spec":null,"metadata":null}`)},
		"defaults that are not objects": {withDefaults(`{"spec":[],"metadata":"x"}`), []string{"flinkApplicationDefaults.spec: must be an object", "flinkApplicationDefaults.metadata: must be an object"}},
		"a job that is not an object":   {withDefaults(`{"spec":{"job":1,"flinkConfiguration":"x"}}`), []string{"flinkApplicationDefaults.spec.flinkConfiguration: must be an object", "flinkApplicationDefaults.spec.job: must be an object"}},
		"a state for all":               {withDefaults(`{"spec":{"job":{"state":"running"}}}`), []string{"flinkApplicationDefaults.spec.job.state: cannot be a default: starting and suspending is done by application"}},
		"a savepoint for all":           {withDefaults(`{"spec":{"job":{"startFromSavepoint":{"uid":"u"}}}}`), []string{"flinkApplicationDefaults.spec: startFromSavepoint cannot be a default: a savepoint is of one application"}},
		"invalid annotations":           {withDefaults(`{"metadata":{"annotations":{"a":1,"weir.dev/owner":"x"}}}`), []string{`flinkApplicationDefaults.metadata.annotations["a"]: must be a string`, `flinkApplicationDefaults.metadata.annotations["weir.dev/owner"]: the prefix weir.dev/ is reserved for Weir`}},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			check(&v, test.env)
			same(t, []string(v), test.want)
		})
	}
}

func TestCheckPlacement(t *testing.T) {
	active := placement{registered: true, namespaces: []string{"default", "flink"}}
	in := func(namespace string) *cmfv1.Environment {
		return &cmfv1.Environment{KubernetesNamespace: namespace, KubernetesClusterName: "edge"}
	}
	for name, test := range map[string]struct {
		env     *cmfv1.Environment
		cluster placement
		want    []string
	}{
		"a namespace of the cluster": {env: in("flink"), cluster: active},
		"another namespace":          {in("fl"), active, []string{"Environment's kubernetesNamespace 'fl' does not exist."}},
		"no namespace":               {in(""), active, []string{"kubernetesNamespace: must not be empty"}},
		"no such cluster": {in("fl"), placement{}, []string{
			"Environment's kubernetesNamespace 'fl' does not exist.", "Environment's kubernetesClusterName 'edge' does not exist."}},
		"a decommissioned cluster": {in("flink"), placement{registered: true, decommissioned: true, namespaces: []string{"flink"}}, []string{
			"Environment's kubernetesClusterName 'edge' is decommissioned."}},
	} {
		t.Run(name, func(t *testing.T) {
			var v apierror.Violations
			checkPlacement(&v, test.env, test.cluster)
			same(t, []string(v), test.want)
		})
	}
}

func TestCheckPlacementIsImmutable(t *testing.T) {
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
			checkPlacementUnchanged(&v, before, test.after)
			same(t, []string(v), test.want)
		})
	}
}

func open(text string) *cmfv1.JsonObject { return &cmfv1.JsonObject{Json: text} }

// same fails the test unless both are equal.
func same(t testing.TB, got, want any, options ...cmp.Option) {
	t.Helper()
	if difference := cmp.Diff(want, got, options...); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
