package podsecurity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/flink/podsecurity"
	"github.com/openweir/weir/openjson"
)

func TestBaseline(t *testing.T) {
	const standard = `violates the Pod Security Standard "baseline": `
	tests := []struct {
		name, spec string
		want       []string
	}{
		{"no templates", `{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"}}`, nil},
		{"volumes that are allowed", `{"podTemplate":{"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","secret":{"secretName":"s"}},{"name":"c","persistentVolumeClaim":{"claimName":"c"}}]}}}`, nil},
		{"the root of the node", `{"podTemplate":{"spec":{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}}}`,
			[]string{`spec.podTemplate: ` + standard + `hostPath volumes: volume "root"`}},
		{"a privileged container of the JobManager", `{"jobManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","securityContext":{"privileged":true}}]}}}}`,
			[]string{`spec.jobManager.podTemplate: ` + standard + `privileged: container "flink-main-container" must not set securityContext.privileged=true`}},
		{"a privileged init container of the TaskManagers", `{"taskManager":{"podTemplate":{"spec":{"initContainers":[{"name":"i","securityContext":{"privileged":true}}]}}}}`,
			[]string{`spec.taskManager.podTemplate: ` + standard + `privileged: container "i" must not set securityContext.privileged=true`}},
		{"namespaces of the node", `{"podTemplate":{"spec":{"hostNetwork":true,"hostPID":true,"hostIPC":true}}}`,
			[]string{`spec.podTemplate: ` + standard + `host namespaces: hostNetwork=true, hostPID=true, hostIPC=true`}},
		{"a capability", `{"podTemplate":{"spec":{"containers":[{"name":"c","securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}}]}}}`,
			[]string{`spec.podTemplate: ` + standard + `non-default capabilities: container "c" must not include "SYS_ADMIN" in securityContext.capabilities.add`}},
		{"another case of a field's name, which Kubernetes ignores", `{"podTemplate":{"spec":{"HOSTNETWORK":true}}}`, nil},
		{"no pod template", `{"podTemplate":{"spec":{"volumes":"none"}}}`,
			[]string{`spec.podTemplate: is not a valid pod template: json: cannot unmarshal string into Go struct field PodSpec.spec.volumes of type []v1.Volume`}},
		{"the option for the node's network, nested", `{"flinkConfiguration":{"kubernetes":{"hostnetwork":{"enabled":true}}}}`,
			[]string{`spec.flinkConfiguration: must not set "kubernetes.hostnetwork.enabled" (hostNetwork), which violates the Pod Security Standard "baseline"`}},
		{"the option for the node's network, turned off", `{"flinkConfiguration":{"kubernetes.hostnetwork.enabled":"false"}}`, nil},
		{"a file of the operator", `{"flinkConfiguration":{"kubernetes.pod-template-file":"/etc/passwd"}}`,
			[]string{`spec.flinkConfiguration: must not set "kubernetes.pod-template-file", which names a file of the operator's pod; use spec.podTemplate`}},
		{"another service account", `{"flinkConfiguration":{"kubernetes.taskmanager.service-account":"admin"}}`,
			[]string{`spec.flinkConfiguration: must not set "kubernetes.taskmanager.service-account", which would replace the service account of the cluster; use spec.serviceAccount`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var spec openjson.Object
			if err := json.Unmarshal([]byte(test.spec), &spec); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, problem := range podsecurity.Check(podsecurity.Baseline, spec) {
				got = append(got, problem.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if problems := podsecurity.Check(podsecurity.Privileged, spec); problems != nil {
				t.Errorf("the level privileged forbids something: %v", problems)
			}
		})
	}
}

func TestParseLevel(t *testing.T) {
	for name, want := range map[string]podsecurity.Level{"": podsecurity.Baseline, "baseline": podsecurity.Baseline, "privileged": podsecurity.Privileged} {
		if got, err := podsecurity.ParseLevel(name); got != want || err != nil {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
	if _, err := podsecurity.ParseLevel("restricted"); err == nil || !strings.Contains(err.Error(), `"restricted"`) {
		t.Errorf("got %v", err)
	}
}
