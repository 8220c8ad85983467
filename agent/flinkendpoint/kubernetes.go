package flinkendpoint

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

const (
	// restPort is the port of the JobManager's REST API.
	restPort = 8081
	// gatewayPort is the port of the SQL Gateway, in the JobManager's pod.
	gatewayPort = 8083
)

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// Kubernetes resolves clusters of the Flink Kubernetes Operator: REST by the
// operator's Service, and the gateway by the address of the JobManager's pod,
// since the Service lacks its port. It requires the permission to list pods.
type Kubernetes struct {
	lister
	client dynamic.Interface
}

// NewKubernetes returns a resolver that uses the given API server. It lists the
// deployments of the given namespaces, or of all if there are none.
func NewKubernetes(config *rest.Config, namespaces ...string) (*Kubernetes, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create a Kubernetes client for Flink endpoints: %w", err)
	}
	return &Kubernetes{lister: lister{client, namespaces}, client: client}, nil
}

// REST returns the operator's Service, without checking that it responds.
func (k *Kubernetes) REST(_ context.Context, namespace, deployment string) (*url.URL, error) {
	if err := checkNames(namespace, deployment); err != nil {
		return nil, err
	}
	// With "svc", so that a namespace name cannot denote a public domain.
	return at(deployment+"-rest."+namespace+".svc", restPort), nil
}

// SQLGateway returns the address of the running JobManager pod.
func (k *Kubernetes) SQLGateway(ctx context.Context, namespace, deployment string) (*url.URL, error) {
	if err := checkNames(namespace, deployment); err != nil {
		return nil, err
	}
	list, err := k.client.Resource(pods).Namespace(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: "app=" + deployment + ",component=jobmanager",
	})
	if err != nil {
		return nil, fmt.Errorf("list the JobManager pods of %s/%s: %w", namespace, deployment, err)
	}
	for i := range list.Items {
		if ip := runningAddress(&list.Items[i]); ip != "" {
			return at(ip, gatewayPort), nil
		}
	}
	return nil, fmt.Errorf("no JobManager pod of %s/%s is running: %w", namespace, deployment, ErrNotReady)
}

// runningAddress returns the address of a pod; empty unless it is running.
func runningAddress(pod *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	if phase != "Running" || pod.GetDeletionTimestamp() != nil {
		return ""
	}
	address, _, _ := unstructured.NestedString(pod.Object, "status", "podIP")
	if net.ParseIP(address) == nil {
		return ""
	}
	return address
}

func at(host string, port int) *url.URL {
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(port))}
}
