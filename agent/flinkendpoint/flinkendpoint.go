// Package flinkendpoint resolves the endpoints of Flink in a workload cluster:
// the REST API of a JobManager, and the SQL Gateway beside it. Callers name only a
// namespace and a FlinkDeployment, which determine host and port, so that no
// request can be directed elsewhere.
package flinkendpoint

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ErrNotReady means that a deployment does not have the endpoint yet.
var ErrNotReady = errors.New("not ready yet")

// Resolver finds the endpoints of FlinkDeployments.
type Resolver interface {
	// REST returns the base URL of the JobManager's REST API.
	REST(ctx context.Context, namespace, deployment string) (*url.URL, error)
	// SQLGateway returns the base URL of the SQL Gateway of a session cluster.
	SQLGateway(ctx context.Context, namespace, deployment string) (*url.URL, error)
}

// Deployment names a FlinkDeployment.
type Deployment struct{ Namespace, Name string }

// Lister lists the FlinkDeployments of a cluster.
type Lister interface {
	// Deployments lists those that bear the mark of an installation, all if it is
	// empty.
	Deployments(ctx context.Context, installation string) ([]Deployment, error)
}

func checkNames(namespace, deployment string) error {
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return fmt.Errorf("%q is not a valid namespace name", namespace)
	}
	if len(validation.IsDNS1123Label(deployment)) > 0 {
		return fmt.Errorf("%q is not a valid FlinkDeployment name", deployment)
	}
	return nil
}
