package flinkendpoint

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// The entries of a FlinkDeployment's status.clusterInfo in which the sandbox
// says where the local processes of the deployment serve.
const (
	InfoREST       = "weir-rest"
	InfoSQLGateway = "weir-sql-gateway"
)

// Local resolves FlinkDeployments that run as processes of this machine. It
// takes their word for where, but only on the loopback interface.
type Local struct {
	lister
	client dynamic.Interface
}

// NewLocal makes a resolver that asks the given API server. It lists the
// deployments of the given namespaces only; of all where there are none.
func NewLocal(config *rest.Config, namespaces ...string) (*Local, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client to find local Flink processes with: %w", err)
	}
	return &Local{lister: lister{client, namespaces}, client: client}, nil
}

// REST is where the JobManager's process serves.
func (l *Local) REST(ctx context.Context, namespace, deployment string) (*url.URL, error) {
	return l.find(ctx, namespace, deployment, InfoREST)
}

// SQLGateway is where the gateway's process serves.
func (l *Local) SQLGateway(ctx context.Context, namespace, deployment string) (*url.URL, error) {
	return l.find(ctx, namespace, deployment, InfoSQLGateway)
}

func (l *Local) find(ctx context.Context, namespace, deployment, entry string) (*url.URL, error) {
	if err := checkNames(namespace, deployment); err != nil {
		return nil, err
	}
	object, err := l.client.Resource(deployments).Namespace(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no FlinkDeployment %s/%s: %w", namespace, deployment, ErrNotReady)
	}
	if err != nil {
		return nil, fmt.Errorf("look up FlinkDeployment %s/%s: %w", namespace, deployment, err)
	}
	text, _, _ := unstructured.NestedString(object.Object, "status", "clusterInfo", entry)
	if text == "" {
		return nil, fmt.Errorf("FlinkDeployment %s/%s has no %s in its clusterInfo: %w", namespace, deployment, entry, ErrNotReady)
	}
	return loopback(text)
}

// loopback reads a URL that must be http on a loopback address, and nothing
// more than that.
func loopback(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the address of a local Flink process: %w", err)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "http" || ip == nil || !ip.IsLoopback() || u.Port() == "" || u.User != nil {
		return nil, fmt.Errorf("%q is no http URL with a loopback address and a port", text)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
