package scenario

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/integration/weir"
)

// A cluster leaves the fleet when nothing refers to it, and comes back with
// everything in it as it was.
func TestDecommissionAndRecommission(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, east, "default-k8s-cluster")
	env := s.createEnvironment("test")
	running := env.run("running")
	path := "/v1/kubernetes-clusters/" + s.name

	refused := p.object(http.MethodPut, path, `{"spec":{"lifecycleState":"DECOMMISSIONED"}}`, http.StatusBadRequest)
	if message := messageOf(t, refused); !strings.Contains(message, s.name) || !strings.Contains(message, "[test]") {
		t.Errorf("the refusal %q names not both the cluster and the environments", message)
	}

	// Forgotten by force, the application runs on, and is nobody's.
	p.object(http.MethodDelete, env.path+"?force=true", "", http.StatusNoContent)
	released := s.awaitDeployment("running", "to be let go of", func(object *unstructured.Unstructured) error {
		if marks := object.GetAnnotations(); len(marks) > 0 {
			return fmt.Errorf("it bears %v", marks)
		}
		return nil
	})
	if released.GetUID() != running.GetUID() || released.GetGeneration() != running.GetGeneration() {
		t.Errorf("letting go of the FlinkDeployment changed more than marks:\nbefore: %v\nafter:  %v", running.Object, released.Object)
	}
	p.object(http.MethodPut, path, `{"spec":{"lifecycleState":"DECOMMISSIONED"}}`, http.StatusOK)
	s.awaitState("DECOMMISSIONED")
	refused = p.object(http.MethodPost, "/v1/environments",
		`{"name":"test","kubernetesClusterName":"`+s.name+`","kubernetesNamespace":"`+s.namespace+`"}`, http.StatusBadRequest)
	if message := messageOf(t, refused); !strings.Contains(message, s.name) {
		t.Errorf("the refusal %q does not name the cluster", message)
	}

	// An agent that starts in a decommissioned cluster idles as well.
	s.agent.Kill()
	s.startAgent()
	s.awaitState("DECOMMISSIONED")

	p.object(http.MethodPut, path, `{"spec":{"lifecycleState":"ACTIVE"}}`, http.StatusOK)
	s.awaitState("CONNECTED")
	other := s.createEnvironment("other")
	canary(other)
	s.expectUntouched(released)
}

// Clusters are listed, and described by their users.
func TestClustersAreListedAndLabelled(t *testing.T) {
	t.Parallel()
	p := startPlane(t)
	s := joinSite(p, west, "default-k8s-cluster")
	path := "/v1/kubernetes-clusters/" + s.name

	updated := p.object(http.MethodPut, path, `{"metadata":{"labels":{"region":"eu"}}}`, http.StatusOK)
	if updated.String("metadata", "labels", "region") != "eu" || updated.String("spec", "lifecycleState") != "ACTIVE" {
		t.Errorf("after the update: %v", updated)
	}
	if version := updated.String("status", "kubernetesVersion"); !strings.HasPrefix(version, "v1.") {
		t.Errorf("the version of Kubernetes is %q", version)
	}
	var names []string
	for _, cluster := range p.get("/v1/kubernetes-clusters").Items() {
		names = append(names, cluster.String("metadata", "name"))
	}
	if !slices.Equal(names, []string{s.name}) {
		t.Errorf("the clusters are %q", names)
	}
	p.object(http.MethodGet, "/v1/kubernetes-clusters/unknown", "", http.StatusNotFound)
}

// messageOf is the one message of an error.
func messageOf(t *testing.T, failure weir.Object) string {
	t.Helper()
	list, _ := failure.At("errors").([]any)
	if len(list) != 1 {
		t.Fatalf("the error is %v, want one message", failure)
	}
	first, _ := list[0].(map[string]any)
	return weir.Object(first).String("message")
}
