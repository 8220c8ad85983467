package apiserver

import (
	"context"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Resources that the tests work with.
var (
	deployments    = schema.GroupVersionResource{Group: "flink.apache.org", Version: "v1beta1", Resource: "flinkdeployments"}
	namespacesV1   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	eventsV1       = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	definitionsV1  = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	testNamespaces = []string{"default", "flink"}
)

// cluster is a server with clients for it.
type cluster struct {
	*Server
	rest    *rest.Config
	dynamic dynamic.Interface
}

// serve runs a server until the test ends.
func serve(t *testing.T, config Config) *cluster {
	t.Helper()
	if config.Namespaces == nil {
		config.Namespaces = testNamespaces
	}
	config.Token = "token"
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.CloseClientConnections)
	t.Cleanup(web.Close)
	c := &cluster{Server: server, rest: &rest.Config{Host: web.URL, BearerToken: "token", QPS: -1}}
	client, err := rest.HTTPClientFor(c.rest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	if c.dynamic, err = dynamic.NewForConfigAndClient(c.rest, client); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) in(resource schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.dynamic.Resource(resource)
	}
	return c.dynamic.Resource(resource).Namespace(namespace)
}

// within is the context of one test's requests.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	t.Cleanup(cancel)
	return ctx
}

// object reads an object from YAML.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	value, err := decodeBody([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: value}
}
