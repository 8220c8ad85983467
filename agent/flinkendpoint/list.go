package flinkendpoint

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/openweir/weir/flink"
)

var deployments = schema.GroupVersionResource{Group: flink.Group, Version: flink.Version, Resource: flink.ResourceDeployments}

// lister lists the FlinkDeployments of some namespaces.
type lister struct {
	api        dynamic.Interface
	namespaces []string
}

// Deployments lists the FlinkDeployments. There are none if the custom resource
// definition does not exist.
func (l lister) Deployments(ctx context.Context) ([]Deployment, error) {
	namespaces := l.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var out []Deployment
	for _, namespace := range namespaces {
		list, err := l.api.Resource(deployments).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if errors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the FlinkDeployments: %w", err)
		}
		for i := range list.Items {
			out = append(out, Deployment{Namespace: list.Items[i].GetNamespace(), Name: list.Items[i].GetName()})
		}
	}
	return out, nil
}
