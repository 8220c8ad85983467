package validate_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/validate"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestValidate(t *testing.T) {
	const pattern = `must match "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"`
	environment := func(env *cmfv1.Environment) proto.Message {
		return &cmfv1.CreateOrUpdateEnvironmentRequest{Environment: env}
	}
	application := func(app *cmfv1.FlinkApplication) proto.Message {
		return &cmfv1.CreateOrUpdateApplicationRequest{EnvName: "prod", Application: app}
	}
	cluster := func(cluster *cmfv1.KubernetesCluster) proto.Message {
		return &cmfv1.UpdateKubernetesClusterRequest{KubernetesClusterName: "edge", Cluster: cluster}
	}
	for name, test := range map[string]struct {
		request proto.Message
		want    []string
	}{
		"right": {request: environment(&cmfv1.Environment{
			Name: "prod", KubernetesNamespace: "f", FlinkApplicationDefaults: open(`{"spec":{}}`),
			Metadata: &cmfv1.ObjectMeta{Labels: map[string]string{"a": ""}},
		})},
		"the contract's example": {environment(&cmfv1.Environment{Name: "fl"}), []string{"name: size must be between 4 and 2147483647"}},
		"too long":               {environment(&cmfv1.Environment{Name: strings.Repeat("a", 254)}), []string{"name: size must be between 4 and 253"}},
		"everything at once": {
			environment(&cmfv1.Environment{Name: "F", KubernetesNamespace: "F", KubernetesClusterName: "a..b", FlinkApplicationDefaults: open(`[]`)}),
			[]string{
				"flinkApplicationDefaults: must be a JSON object",
				"name: size must be between 4 and 2147483647", "name: " + pattern,
				"kubernetesNamespace: " + pattern, "kubernetesClusterName: " + pattern,
			},
		},
		"no body": {environment(nil), []string{"environment: must not be null"}},
		"fields that are required": {application(&cmfv1.FlinkApplication{}), []string{
			"metadata: must not be null", "spec: must not be null"}},
		"keys and values of maps": {
			application(&cmfv1.FlinkApplication{Spec: open(`{}`), Metadata: &cmfv1.ObjectMeta{
				Labels: map[string]string{"": "x", "long": strings.Repeat("v", 4097)},
			}}),
			[]string{
				`metadata.labels[""]: size must be between 1 and 2147483647`,
				`metadata.labels["long"]: size must be between 0 and 4096`,
			},
		},
		"maps that tell absent from empty": {
			cluster(&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{
				Labels: &cmfv1.StringMap{Entries: map[string]string{strings.Repeat("k", 318): "x"}},
			}}),
			[]string{`metadata.labels["` + strings.Repeat("k", 318) + `"]: size must be between 1 and 317`},
		},
		"one of several words": {
			cluster(&cmfv1.KubernetesCluster{Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: "GONE"}}),
			[]string{"spec.lifecycleState: must be one of ACTIVE, DECOMMISSIONED"},
		},
		"none of several fields": {
			&cmfv1.BanAgentRequest{Ban: &cmfv1.AgentBan{}},
			[]string{"kubernetesClusterName, serialNumber: exactly one must be set"},
		},
		"none of several fields of the request": {
			&cmfv1.LiftAgentBanRequest{},
			[]string{"kubernetesClusterName, serialNumber: exactly one must be set"},
		},
		"text that is required": {
			&cmfv1.CreateRoleBindingRequest{RoleBinding: &cmfv1.RoleBinding{Metadata: &cmfv1.ObjectMeta{Name: "developers"}, Spec: &cmfv1.RoleBindingSpec{
				Resources: []*cmfv1.ResourcePattern{{}},
			}}},
			[]string{
				"spec.principal: must not be empty", "spec.role: must not be empty",
				"spec.resources[0].resourceType: must not be empty", "spec.resources[0].name: must not be empty",
			},
		},
		"one of several words or none": {
			&cmfv1.CreateRoleBindingRequest{RoleBinding: &cmfv1.RoleBinding{Metadata: &cmfv1.ObjectMeta{Name: "developers"}, Spec: &cmfv1.RoleBindingSpec{
				Principal: "User:alice", Role: "DeveloperRead", Resources: []*cmfv1.ResourcePattern{{ResourceType: "Secret", Name: "a", PatternType: "SUFFIXED"}},
			}}},
			[]string{"spec.resources[0].patternType: must be one of LITERAL, PREFIXED"},
		},
		"open-ended JSON that is not an object": {
			application(&cmfv1.FlinkApplication{
				Metadata: &cmfv1.ObjectMeta{}, Spec: open(`{"a":1,"a":2}`), Status: open(``),
			}),
			[]string{"spec: must not have the same key twice: /a", "status: must be a JSON object"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := validate.Request(test.request)
			if err != nil {
				t.Fatal(err)
			}
			// What is wrong with a map comes in any order.
			slices.Sort(got)
			slices.Sort(test.want)
			same(t, []string(got), test.want)
		})
	}
}

// Requests with no rules at all, and messages of streams, pass.
func TestValidateOfOtherMessages(t *testing.T) {
	for _, message := range []proto.Message{&cmfv1.ListEnvironmentsRequest{}, &agentv1.ConnectRequest{}} {
		if got, err := validate.Request(message); err != nil || len(got) > 0 {
			t.Errorf("%T: %v, %v", message, got, err)
		}
	}
}
