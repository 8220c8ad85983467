package kube

import (
	"context"
	"fmt"
	"net"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// Resources that tests use beyond Flink's.
var (
	Namespaces      = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	ServiceAccounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	Events          = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	Roles           = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
)

// CreateNamespace makes a namespace.
func (c *Cluster) CreateNamespace(ctx context.Context, name string) error {
	namespace := &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetName(name)
	if _, err := c.Client.Resource(Namespaces).Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s in cluster %s: %w", name, c.Name, err)
	}
	return nil
}

// Apply makes the objects what they say, whether they are there or not.
func (c *Cluster) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	options := metav1.ApplyOptions{FieldManager: "integration", Force: true}
	for _, object := range objects {
		if _, err := c.resource(object).Apply(ctx, object.GetName(), object, options); err != nil {
			return fmt.Errorf("apply %s %s in cluster %s: %w", object.GetKind(), object.GetName(), c.Name, err)
		}
	}
	return nil
}

// resource guesses the resource of an object by its kind's regular plural.
func (c *Cluster) resource(object *unstructured.Unstructured) dynamic.ResourceInterface {
	plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	if namespace := object.GetNamespace(); namespace != "" {
		return c.Client.Resource(plural).Namespace(namespace)
	}
	return c.Client.Resource(plural)
}

func splitAddress(address string) (host, port string, err error) {
	if host, port, err = net.SplitHostPort(address); err != nil {
		return "", "", fmt.Errorf("read address %q: %w", address, err)
	}
	return host, port, nil
}
