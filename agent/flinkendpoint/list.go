package flinkendpoint

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/openweir/weir/agent/driver"
	"github.com/openweir/weir/flink"
)

var deployments = schema.GroupVersionResource{Group: flink.Group, Version: flink.Version, Resource: flink.ResourceDeployments}

// lister lists the FlinkDeployments of some namespaces.
type lister struct {
	api        dynamic.Interface
	namespaces []string
}

// Deployments lists the FlinkDeployments of an installation, all if it is empty.
// There are none if the custom resource definition does not exist.
func (l lister) Deployments(ctx context.Context, installation string) ([]Deployment, error) {
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
			o := &list.Items[i]
			if installation == "" || o.GetAnnotations()[driver.InstallationAnnotation] == installation {
				out = append(out, Deployment{Namespace: o.GetNamespace(), Name: o.GetName()})
			}
		}
	}
	return out, nil
}
