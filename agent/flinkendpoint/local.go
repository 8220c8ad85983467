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

// The entries of a FlinkDeployment's status.clusterInfo with the URLs of its local
// processes, as set by the sandbox.
const (
	InfoREST       = "weir-rest"
	InfoSQLGateway = "weir-sql-gateway"
)

// Local resolves FlinkDeployments that run as processes of this machine. It
// accepts loopback addresses only.
type Local struct {
	lister
	client dynamic.Interface
}

// NewLocal returns a resolver that uses the given API server. It lists the
// deployments of the given namespaces, or of all if there are none.
func NewLocal(config *rest.Config, namespaces ...string) (*Local, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create a Kubernetes client for Flink endpoints: %w", err)
	}
	return &Local{lister: lister{client, namespaces}, client: client}, nil
}

// REST returns the URL of the JobManager process.
func (l *Local) REST(ctx context.Context, namespace, deployment string) (*url.URL, error) {
	return l.find(ctx, namespace, deployment, InfoREST)
}

// SQLGateway returns the URL of the gateway process.
func (l *Local) SQLGateway(ctx context.Context, namespace, deployment string) (*url.URL, error) {
	return l.find(ctx, namespace, deployment, InfoSQLGateway)
}

func (l *Local) find(ctx context.Context, namespace, deployment, entry string) (*url.URL, error) {
	if err := checkNames(namespace, deployment); err != nil {
		return nil, err
	}
	object, err := l.client.Resource(deployments).Namespace(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		return nil, fmt.Errorf("FlinkDeployment %s/%s does not exist: %w", namespace, deployment, ErrNotReady)
	}
	if err != nil {
		return nil, fmt.Errorf("get FlinkDeployment %s/%s: %w", namespace, deployment, err)
	}
	text, _, _ := unstructured.NestedString(object.Object, "status", "clusterInfo", entry)
	if text == "" {
		return nil, fmt.Errorf("FlinkDeployment %s/%s has no %s in its clusterInfo: %w", namespace, deployment, entry, ErrNotReady)
	}
	return loopback(text)
}

// loopback parses a URL, which must be http with a loopback address and a port.
func loopback(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse the address of a local Flink process: %w", err)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "http" || ip == nil || !ip.IsLoopback() || u.Port() == "" || u.User != nil {
		return nil, fmt.Errorf("%q is not an http URL with a loopback address and a port", text)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
