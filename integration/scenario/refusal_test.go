package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/integration/kube"
	"github.com/openweir/weir/internal/await"
)

// A cluster that the operator is not installed on yet: it is registered, its
// applications wait, and go on by themselves once it is. The agent here may
// work in every namespace, as the chart has it by default.
func TestClusterWithoutFlinkDefinitions(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	bare, err := startWorkload(t.Context(), p.dir, "bare")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bare.stop)
	s := newSite(p, bare, "default-k8s-cluster")
	if err := bare.CreateNamespace(t.Context(), s.namespace); err != nil {
		t.Fatal(err)
	}
	s.installAgent()
	s.startAgent()
	s.awaitState("CONNECTED")
	env := s.createEnvironment("test")

	env.post("waiting")
	env.awaitProblem("waiting", "MissingCustomResourceDefinition", "flinkdeployments.flink.apache.org", s.name)
	if err := bare.installFlink(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 3*time.Minute, "the application to run", func(ctx context.Context) error {
		app, err := p.Object(ctx, http.MethodGet, env.path+"/applications/waiting", "", http.StatusOK)
		if err == nil && app.String("status", "jobStatus", "state") != "RUNNING" {
			err = fmt.Errorf("its status is %v", app.At("status"))
		}
		return err
	})
	if problem := p.get(env.path+"/applications/waiting").String("status", "error"); problem != "" {
		t.Errorf("the problem is still told of: %q", problem)
	}
}

// A namespace that is not there when the environment is made, and one that
// goes afterwards.
func TestMissingNamespace(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")

	refused := p.object(http.MethodPost, "/v1/environments",
		`{"name":"test","kubernetesClusterName":"`+s.name+`","kubernetesNamespace":"nowhere"}`, http.StatusBadRequest)
	if message := messageOf(t, refused); !strings.Contains(message, "nowhere") {
		t.Errorf("the refusal %q does not name the namespace", message)
	}

	env := s.createEnvironment("test")
	s.deleteNamespace()
	env.post("waiting")
	env.awaitProblem("waiting", "MissingNamespace", s.namespace)

	if err := s.CreateNamespace(t.Context(), s.namespace); err != nil {
		t.Fatal(err)
	}
	env.awaitApplication("waiting", "RUNNING")
}

// deleteNamespace deletes the site's namespace and plays the controller that
// would finalize it.
func (s *site) deleteNamespace() {
	s.t.Helper()
	namespaces := s.Client.Resource(kube.Namespaces)
	if err := namespaces.Delete(s.t.Context(), s.namespace, metav1.DeleteOptions{}); err != nil {
		s.t.Fatal(err)
	}
	s.plane.await("the namespace to be gone", func(ctx context.Context) error {
		namespace, err := namespaces.Get(ctx, s.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		unstructured.RemoveNestedField(namespace.Object, "spec", "finalizers")
		if _, err := namespaces.Update(ctx, namespace, metav1.UpdateOptions{}, "finalize"); err != nil {
			return err
		}
		return errors.New("it is still there")
	})
}

// An agent without the rights that its chart gives it.
func TestAgentWithoutPermissionToCreate(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")

	s.forbid("create", "patch")
	env.post("waiting")
	env.awaitProblem("waiting", "Forbidden", "flinkdeployments.flink.apache.org", s.namespace)

	s.installAgent() // as the chart has it
	env.awaitApplication("waiting", "RUNNING")
}

// forbid takes verbs from the Role that the chart gave the agent.
func (s *site) forbid(verbs ...string) {
	s.t.Helper()
	roles := s.Client.Resource(kube.Roles).Namespace(s.namespace)
	list, err := roles.List(s.t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		s.t.Fatalf("the agent's Role: %v, %v", list, err)
	}
	role := &list.Items[0]
	rules, _, _ := unstructured.NestedSlice(role.Object, "rules")
	for _, rule := range rules {
		var left []any
		for _, verb := range rule.(map[string]any)["verbs"].([]any) {
			if !slices.Contains(verbs, verb.(string)) {
				left = append(left, verb)
			}
		}
		rule.(map[string]any)["verbs"] = left
	}
	if err := unstructured.SetNestedSlice(role.Object, rules, "rules"); err != nil {
		s.t.Fatal(err)
	}
	if _, err := roles.Update(s.t.Context(), role, metav1.UpdateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// What the API server refuses is told in its words, and put right by the user.
func TestAPIServerRejectsTheSpecification(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")

	cases := []struct {
		name, change string
		says         []string
	}{
		{"bad-enumeration", "flinkVersion: v1_19 => flinkVersion: v9_9", []string{"Invalid", "spec.flinkVersion", "v9_9"}},
		{"bad-type", "serviceAccount: flink => serviceAccount: flink\n  ingress: {template: '{{name}}.example.com', labels: none}", []string{"Invalid", "spec.ingress.labels"}},
		{"field-unknown-to-the-operator", "serviceAccount: flink => serviceAccount: flink\n  fieldOfTheFuture: 1", []string{"Invalid", "spec.fieldOfTheFuture"}},
	}
	for _, c := range cases {
		env.post(c.name, c.change)
	}
	for _, c := range cases {
		env.awaitProblem(c.name, c.says...)
		env.post(c.name)
		running := env.awaitApplication(c.name, "RUNNING")
		if problem := running.String("status", "error"); problem != "" {
			t.Errorf("application %s runs, and the problem is still told of: %q", c.name, problem)
		}
	}
}

// A FlinkDeployment that Weir did not make is not Weir's to touch.
func TestForeignDeploymentIsNotChanged(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	env := s.createEnvironment("test")
	foreign := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flink.apache.org/v1beta1",
		"kind":       "FlinkDeployment",
		"metadata":   map[string]any{"name": "foreign"},
		"spec": map[string]any{
			"image": "flink:1.20", "flinkVersion": "v1_20", "serviceAccount": "flink",
			"jobManager":  map[string]any{"resource": map[string]any{"cpu": int64(1), "memory": "1024m"}},
			"taskManager": map[string]any{"resource": map[string]any{"cpu": int64(1), "memory": "1024m"}},
			"job":         map[string]any{"jarURI": "local:///job.jar", "state": "running", "parallelism": int64(1), "upgradeMode": "stateless"},
		},
	}}
	if _, err := s.deployments().Create(t.Context(), foreign, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before := s.settled("foreign")

	env.post("foreign")
	env.awaitProblem("foreign", "NotOwned", s.name)
	env.delete("foreign")
	canary(env)
	s.expectUntouched(before)
}

// What Kubernetes says of an application's deployment is among its events.
func TestKubernetesEventsAreShown(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")
	object := env.run("told-of")

	event := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "Event",
		"metadata":   map[string]any{"name": "told-of.1"},
		"involvedObject": map[string]any{
			"apiVersion": object.GetAPIVersion(), "kind": object.GetKind(),
			"namespace": object.GetNamespace(), "name": object.GetName(), "uid": string(object.GetUID()),
		},
		"type": "Warning", "reason": "ImagePullBackOff", "message": "Back-off pulling image",
		"count":         int64(1),
		"lastTimestamp": time.Now().UTC().Format(time.RFC3339),
	}}
	if _, err := s.Client.Resource(kube.Events).Namespace(s.namespace).Create(t.Context(), event, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	env.awaitEvent("told-of", "KUBERNETES_EVENT", "ImagePullBackOff", "Back-off pulling image")
}
