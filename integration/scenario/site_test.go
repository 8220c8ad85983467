package scenario

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/openweir/weir/integration/chart"
	"github.com/openweir/weir/integration/flink"
	"github.com/openweir/weir/integration/partition"
	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
)

// site is a workload cluster as one test uses it: a namespace, an agent with
// the rights that its Helm chart gives it, and the two connections of the agent
// in the test's hands.
type site struct {
	*workload
	t     testing.TB
	plane *plane
	// name is the cluster's in Weir.
	name string
	// namespace is the one that the agent works in, named after the test.
	namespace string
	// toControl and toKube are between the agent and its two servers.
	toControl, toKube *partition.Proxy
	agent             *process.Process
	config            weir.Agent
	release           chart.Release
}

// joinSite makes a site of a workload cluster and waits until it is connected.
func joinSite(p *plane, w *workload, name string) *site {
	p.t.Helper()
	s := newSite(p, w, name)
	s.join()
	return s
}

// join installs and starts an agent that may work in the site's namespace only,
// and waits until the cluster is connected.
func (s *site) join() {
	s.t.Helper()
	s.confine()
	s.startAgent()
	s.awaitState("CONNECTED")
}

// confine makes the site's namespace and an agent that may work there only.
func (s *site) confine() {
	s.t.Helper()
	s.release.Values["namespaces"] = []any{s.namespace}
	s.config.Namespaces = []string{s.namespace}
	if err := s.CreateNamespace(s.t.Context(), s.namespace); err != nil {
		s.t.Fatal(err)
	}
	s.installAgent()
}

// newSite prepares a site whose agent may work in every namespace, and is not
// installed yet.
func newSite(p *plane, w *workload, name string) *site {
	p.t.Helper()
	s := &site{workload: w, t: p.t, plane: p, name: name, namespace: slug(p.t)}
	s.release = chart.Release{Chart: "weir-agent", Name: slug(p.t), Namespace: "default", Values: map[string]any{
		"cluster": name, "control": p.config.Agents, "identity": map[string]any{"joinTokenSecret": map[string]any{"name": "weir-token"}},
	}}
	s.toControl = startProxy(p.t, p.config.Agents)
	s.toKube = startProxy(p.t, w.Address)
	s.config = weir.Agent{Binary: programs.weir, Name: "agent-" + name, Dir: p.dir, Cluster: name, Control: s.toControl.Address()}
	return s
}

func startProxy(t testing.TB, target string) *partition.Proxy {
	t.Helper()
	proxy, err := partition.Listen(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return proxy
}

// installAgent installs who the agent is and what it may do, as the chart has
// it, and nothing more.
func (s *site) installAgent() {
	s.t.Helper()
	access, err := chart.Access(s.release)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Apply(s.t.Context(), access...); err != nil {
		s.t.Fatal(err)
	}
	for _, object := range access {
		if object.GetKind() != "ServiceAccount" {
			continue
		}
		account, err := s.ServiceAccount(s.t.Context(), object.GetNamespace(), object.GetName())
		if err != nil {
			s.t.Fatal(err)
		}
		if s.config.Kubeconfig, err = s.Kubeconfig(account, object.GetName(), s.toKube.Address()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// startAgent starts the agent, and ends it with the test.
func (s *site) startAgent() {
	s.t.Helper()
	var err error
	if s.agent, err = s.config.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.agent.Kill)
}

// status is the cluster's as the REST API shows it.
func (s *site) status(ctx context.Context) (weir.Object, error) {
	cluster, err := s.plane.Object(ctx, "GET", "/v1/kubernetes-clusters/"+s.name, "", 200)
	if err != nil {
		return nil, err
	}
	status, _ := cluster.At("status").(map[string]any)
	return status, nil
}

// awaitState waits until the cluster is in a state, and returns its status.
func (s *site) awaitState(state string) weir.Object {
	s.t.Helper()
	var status weir.Object
	s.plane.await(fmt.Sprintf("cluster %s to be %s", s.name, state), func(ctx context.Context) error {
		var err error
		if status, err = s.status(ctx); err != nil {
			return err
		}
		if status.String("state") != state {
			return fmt.Errorf("its status is %v", status)
		}
		return nil
	})
	return status
}

// deployments are the FlinkDeployments of the site's namespace, reached by an
// administrator and not by the agent.
func (s *site) deployments() dynamic.ResourceInterface {
	return s.Client.Resource(flink.Deployments).Namespace(s.namespace)
}

// deployment reads a FlinkDeployment that must be there.
func (s *site) deployment(name string) *unstructured.Unstructured {
	s.t.Helper()
	object, err := s.deployments().Get(s.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return object
}

// awaitDeployment waits until a FlinkDeployment is there and as it should be.
func (s *site) awaitDeployment(name, what string, condition func(*unstructured.Unstructured) error) *unstructured.Unstructured {
	s.t.Helper()
	var object *unstructured.Unstructured
	s.plane.await(fmt.Sprintf("FlinkDeployment %s of cluster %s %s", name, s.name, what), func(ctx context.Context) error {
		var err error
		if object, err = s.deployments().Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		return condition(object)
	})
	return object
}
