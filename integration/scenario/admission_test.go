package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/integration/chart"
	"github.com/openweir/weir/integration/flink"
)

// The API server refuses to the agent's identity what the chart's admission policy
// forbids, whatever the agent is told to write.
func TestAdmissionPolicyOfTheAgentsChart(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := newSite(p, west, "default-k8s-cluster")
	s.release.Values["admissionPolicy"] = map[string]any{"enabled": true, "serviceAccounts": []any{"flink"}}
	s.confine()
	admission, err := chart.Admission(s.release)
	if err != nil {
		t.Fatal(err)
	}
	if len(admission) != 2 {
		t.Fatalf("the chart has %d objects for admission", len(admission))
	}
	if err := s.Apply(t.Context(), admission...); err != nil {
		t.Fatal(err)
	}
	// The agent's identity, as if its program were somebody else's.
	access, err := chart.Access(s.release)
	if err != nil {
		t.Fatal(err)
	}
	var agent dynamic.ResourceInterface
	for _, object := range access {
		if object.GetKind() == "ServiceAccount" {
			account, err := s.ServiceAccount(t.Context(), object.GetNamespace(), object.GetName())
			if err != nil {
				t.Fatal(err)
			}
			client, err := dynamic.NewForConfig(account)
			if err != nil {
				t.Fatal(err)
			}
			agent = client.Resource(flink.Deployments).Namespace(s.namespace)
		}
	}

	deployment := func(spec string) *unstructured.Unstructured {
		t.Helper()
		object := &unstructured.Unstructured{Object: map[string]any{}}
		text := `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"judged"},"spec":{"image":"flink:1.20","flinkVersion":"v1_20",` + spec + `}}`
		if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	create := func(ctx context.Context, by dynamic.ResourceInterface, spec string) error {
		_, err := by.Create(ctx, deployment(spec), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	const flinkAccount = `"serviceAccount":"flink",`
	hostPath := flinkAccount + `"podTemplate":{"spec":{"volumes":[{"name":"root","hostPath":{"path":"/"}}]}}`
	p.await("the admission policy to be in force", func(ctx context.Context) error {
		if create(ctx, agent, hostPath) == nil {
			return errors.New("the root of the node is allowed")
		}
		return nil
	})
	container := func(template, context string) string {
		return flinkAccount + fmt.Sprintf(`%s{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","securityContext":%s}]}}}`, template, context)
	}
	for name, test := range map[string]struct{ spec, want string }{
		"the root of the node":            {hostPath, "hostPath volumes are not allowed"},
		"the network of the node":         {flinkAccount + `"podTemplate":{"spec":{"hostNetwork":true}}`, "hostNetwork, hostPID and hostIPC are not allowed"},
		"by an option":                    {flinkAccount + `"flinkConfiguration":{"kubernetes.hostnetwork.enabled":"true"}`, "kubernetes.hostnetwork.enabled is not allowed"},
		"a file of the operator":          {flinkAccount + `"flinkConfiguration":{"kubernetes.pod-template-file.jobmanager":"/etc/passwd"}`, "options that name files of the operator"},
		"a privileged JobManager":         {container(`"jobManager":`, `{"privileged":true}`), "privileged containers are not allowed"},
		"a capability of a TaskManager":   {container(`"taskManager":`, `{"capabilities":{"add":["SYS_ADMIN"]}}`), "further capabilities are not allowed"},
		"no seccomp":                      {container(`"jobManager":`, `{"seccompProfile":{"type":"Unconfined"}}`), "must not be unconfined"},
		"a privileged init container":     {flinkAccount + `"podTemplate":{"spec":{"initContainers":[{"name":"i","securityContext":{"privileged":true}}]}}`, "privileged containers are not allowed"},
		"a port of the node":              {flinkAccount + `"podTemplate":{"spec":{"containers":[{"name":"c","ports":[{"containerPort":80,"hostPort":80}]}]}}`, "host ports are not allowed"},
		"another service account":         {`"serviceAccount":"admin"`, "service accounts have to be among flink"},
		"another one in a pod template":   {flinkAccount + `"podTemplate":{"spec":{"serviceAccountName":"admin"}}`, "service accounts have to be among flink"},
		"an SELinux user":                 {container(`"jobManager":`, `{"seLinuxOptions":{"user":"root"}}`), "seLinuxOptions with a user"},
		"a sysctl that is not safe":       {flinkAccount + `"podTemplate":{"spec":{"securityContext":{"sysctls":[{"name":"kernel.msgmax","value":"1"}]}}}`, "sysctls that are not safe are not allowed"},
		"nothing that the policy forbids": {flinkAccount + `"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"},"podTemplate":{"metadata":{"annotations":{"a":"b"}},"spec":{"volumes":[{"name":"a","emptyDir":{}}],"securityContext":{"runAsUser":9999},"containers":[{"name":"flink-main-container","securityContext":{"capabilities":{"drop":["ALL"],"add":["CHOWN"]}},"ports":[{"containerPort":9249}]}]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := create(t.Context(), agent, test.spec)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("it was refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy")):
				t.Errorf("got %v, want %s", err, test.want)
			}
			// Others may do what they could before.
			if err := create(t.Context(), s.deployments(), test.spec); err != nil {
				t.Errorf("an administrator was refused: %v", err)
			}
		})
	}

	// What Weir writes, beginning with the contract's own example, is accepted.
	s.startAgent()
	s.awaitState("CONNECTED")
	env := s.createEnvironment("test")
	env.run("accepted")
	// And what Weir accepts although the cluster does not is told in its words.
	env.post("refused", "serviceAccount: flink => serviceAccount: admin")
	env.awaitProblem("refused", "service accounts have to be among flink")
}
