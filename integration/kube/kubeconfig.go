package kube

import (
	"context"
	"fmt"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ServiceAccount asks the API server for a token of a service account, as a
// kubelet does for the pods of a Deployment.
func (c *Cluster) ServiceAccount(ctx context.Context, namespace, name string) (*rest.Config, error) {
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1",
		"kind":       "TokenRequest",
		"metadata":   map[string]any{"name": name},
		"spec":       map[string]any{"expirationSeconds": int64(3600)},
	}}
	accounts := c.Client.Resource(ServiceAccounts).Namespace(namespace)
	answer, err := accounts.Create(ctx, request, metav1.CreateOptions{}, "token")
	if err != nil {
		return nil, fmt.Errorf("request a token of service account %s/%s: %w", namespace, name, err)
	}
	token, _, err := unstructured.NestedString(answer.Object, "status", "token")
	if err != nil || token == "" {
		return nil, fmt.Errorf("read the token of service account %s/%s: %w", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(c.Admin)
	config.BearerToken = token
	return config, nil
}

// Kubeconfig writes a kubeconfig with the token of config, which reaches the
// API server at address: its own, or that of a proxy before it. It returns the
// path.
func (c *Cluster) Kubeconfig(config *rest.Config, name, address string) (string, error) {
	content := api.NewConfig()
	content.Clusters[c.Name] = &api.Cluster{Server: "https://" + address, CertificateAuthority: config.CAFile}
	content.AuthInfos[name] = &api.AuthInfo{Token: config.BearerToken}
	content.Contexts[name] = &api.Context{Cluster: c.Name, AuthInfo: name}
	content.CurrentContext = name
	path := filepath.Join(c.dir, c.Name+"-"+name+".kubeconfig")
	if err := clientcmd.WriteToFile(*content, path); err != nil {
		return "", fmt.Errorf("write a kubeconfig for %s: %w", name, err)
	}
	return path, nil
}
