// Package flinkendpoint tells where the Flink of a workload cluster is
// reached: the REST API of a JobManager, and the SQL Gateway beside it. What a
// caller names is only ever a namespace and a FlinkDeployment; hosts and ports
// follow from those, so that no request can be led elsewhere.
package flinkendpoint

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
)

// ErrNotReady says that a deployment has no such endpoint yet. It may have one
// later.
var ErrNotReady = errors.New("not ready yet")

// Resolver finds the endpoints of FlinkDeployments.
type Resolver interface {
	// REST is the base URL of the JobManager's REST API.
	REST(ctx context.Context, namespace, deployment string) (*url.URL, error)
	// SQLGateway is the base URL of the SQL Gateway of a session cluster.
	SQLGateway(ctx context.Context, namespace, deployment string) (*url.URL, error)
}

// Deployment names a FlinkDeployment.
type Deployment struct{ Namespace, Name string }

// Lister lists the FlinkDeployments of a cluster.
type Lister interface {
	Deployments(ctx context.Context) ([]Deployment, error)
}

// dnsLabel is what the operator takes as the name of a deployment, and
// Kubernetes as that of a namespace.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func checkNames(namespace, deployment string) error {
	if !dnsLabel.MatchString(namespace) {
		return fmt.Errorf("%q is no name of a namespace", namespace)
	}
	if !dnsLabel.MatchString(deployment) {
		return fmt.Errorf("%q is no name of a FlinkDeployment", deployment)
	}
	return nil
}
