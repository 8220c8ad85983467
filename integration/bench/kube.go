package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/openweir/weir/integration/flink"
	"github.com/openweir/weir/integration/kube"
	"github.com/openweir/weir/integration/process"
)

// kubeRival is a real kube-apiserver holding the same applications as
// FlinkDeployments. It is spoken to in plain JSON over client-go's own HTTP/2
// transport, without the cost of decoding the answers and without client-go's
// limit on queries per second: the cheapest client it can have.
type kubeRival struct {
	cluster  *kube.Cluster
	client   *http.Client
	versions sync.Map // scope/name → resource version
}

func newKubeRival(ctx context.Context, cluster *kube.Cluster) (*kubeRival, error) {
	if err := cluster.Apply(ctx, flink.Definitions()...); err != nil {
		return nil, err
	}
	if err := flink.Served(ctx, cluster.Client); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(cluster.Admin)
	config.DisableCompression = true // which costs the server more than it saves here
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server: %w", err)
	}
	return &kubeRival{cluster: cluster, client: client}, nil
}

func (k *kubeRival) server() *process.Process { return k.cluster.APIServer }

func (k *kubeRival) name() string { return "kube-apiserver" }

func (k *kubeRival) prepare(ctx context.Context, scope string) error {
	return k.cluster.CreateNamespace(ctx, scope)
}

func (k *kubeRival) create(ctx context.Context, scope, name string) error {
	answer, err := call(ctx, k.client, http.MethodPost, k.url(scope), deployment(scope, name, "", 1), http.StatusCreated)
	if err != nil {
		return err
	}
	return k.note(scope, name, answer)
}

func (k *kubeRival) update(ctx context.Context, scope, name string, parallelism int) error {
	version, _ := k.versions.Load(scope + "/" + name)
	known, _ := version.(string)
	answer, err := call(ctx, k.client, http.MethodPut, k.url(scope)+"/"+name, deployment(scope, name, known, parallelism), http.StatusOK)
	if err != nil {
		return err
	}
	return k.note(scope, name, answer)
}

func (k *kubeRival) get(ctx context.Context, scope, name string) error {
	_, err := call(ctx, k.client, http.MethodGet, k.url(scope)+"/"+name, "", http.StatusOK)
	return err
}

func (k *kubeRival) list(ctx context.Context, scope string) (int, error) {
	answer, err := call(ctx, k.client, http.MethodGet, k.url(scope), "", http.StatusOK)
	return bytes.Count(answer, []byte(`"kind":"FlinkDeployment"`)), err
}

func (k *kubeRival) close() { k.client.CloseIdleConnections() }

func (k *kubeRival) url(scope string) string {
	return fmt.Sprintf("%s/apis/%s/%s/namespaces/%s/%s", k.cluster.Admin.Host,
		flink.Deployments.Group, flink.Deployments.Version, scope, flink.Deployments.Resource)
}

// note keeps the resource version of an answer, which the next update must
// name.
func (k *kubeRival) note(scope, name string, answer []byte) error {
	_, after, found := bytes.Cut(answer, []byte(`"resourceVersion":"`))
	version, _, ended := bytes.Cut(after, []byte(`"`))
	if !found || !ended {
		return errors.New("the answer has no resource version")
	}
	k.versions.Store(scope+"/"+name, string(version))
	return nil
}
