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
	// restPort is where a JobManager serves REST.
	restPort = 8081
	// gatewayPort is where the SQL Gateway serves REST, in the JobManager's pod.
	gatewayPort = 8083
)

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// Kubernetes resolves as the Flink Kubernetes Operator lays clusters out: REST
// by the operator's Service, the gateway by the address of the JobManager's
// pod, as that Service does not have its port. It takes the right to list pods.
type Kubernetes struct {
	lister
	client dynamic.Interface
}

// NewKubernetes makes a resolver that asks the given API server. It lists the
// deployments of the given namespaces only; of all where there are none.
func NewKubernetes(config *rest.Config, namespaces ...string) (*Kubernetes, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client to find JobManagers with: %w", err)
	}
	return &Kubernetes{lister: lister{client, namespaces}, client: client}, nil
}

// REST names the operator's Service; whether it answers is not looked at.
func (k *Kubernetes) REST(_ context.Context, namespace, deployment string) (*url.URL, error) {
	if err := checkNames(namespace, deployment); err != nil {
		return nil, err
	}
	// With "svc", so that no domain of the world can be meant by a namespace's name.
	return at(deployment+"-rest."+namespace+".svc", restPort), nil
}

// SQLGateway is in the JobManager's pod that runs.
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
	return nil, fmt.Errorf("no JobManager pod of %s/%s runs: %w", namespace, deployment, ErrNotReady)
}

// runningAddress is the address of a pod that runs; empty where it does not.
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
