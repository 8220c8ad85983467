// Package certificate has the client certificate of the agent. It obtains one for a
// join token, keeps it where the agent finds it after a restart, and renews it. The
// private key never leaves the agent and its store.
package certificate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Kept is what a Store keeps.
type Kept struct {
	// Key is the private key, as PEM. It is stored before it is used, so that an agent
	// which has lost the response can ask again.
	Key []byte `json:"tls.key"`
	// Certificate is empty until one has been issued for the key.
	Certificate []byte `json:"tls.crt"`
	// TokenHash identifies the join token that the certificate was issued for.
	TokenHash []byte `json:"token-sha256"`
}

// Store keeps the certificate of one cluster.
type Store interface {
	// Load returns what is kept; the zero value if there is nothing.
	Load(ctx context.Context) (Kept, error)
	Save(ctx context.Context, kept Kept) error
}

// Directory is a Store on disk, for agents that run outside of their cluster.
type Directory string

func (d Directory) file() string { return filepath.Join(string(d), "identity.json") }

// Load implements Store.
func (d Directory) Load(context.Context) (Kept, error) {
	text, err := os.ReadFile(d.file())
	if errors.Is(err, os.ErrNotExist) {
		return Kept{}, nil
	}
	if err != nil {
		return Kept{}, fmt.Errorf("read the identity of the agent: %w", err)
	}
	var kept Kept
	if err := json.Unmarshal(text, &kept); err != nil {
		return Kept{}, fmt.Errorf("read the identity of the agent from %s: %w", d.file(), err)
	}
	return kept, nil
}

// Save implements Store. The file is replaced as a whole.
func (d Directory) Save(_ context.Context, kept Kept) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode the identity of the agent: %w", err)
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("store the identity of the agent: %w", err)
	}
	beside := d.file() + ".new"
	if err := os.WriteFile(beside, text, 0o600); err != nil {
		return fmt.Errorf("store the identity of the agent: %w", err)
	}
	if err := os.Rename(beside, d.file()); err != nil {
		return fmt.Errorf("store the identity of the agent: %w", err)
	}
	return nil
}

var secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}

// Secret is a Store in a Secret of the workload cluster.
type Secret struct {
	name      string
	namespace string
	client    dynamic.ResourceInterface
}

// NewSecret makes a Store of the Secret for a cluster. It sends nothing yet.
func NewSecret(kubernetes *rest.Config, namespace, cluster string) (*Secret, error) {
	client, err := dynamic.NewForConfig(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("create a Kubernetes client for the identity of the agent: %w", err)
	}
	return &Secret{name: "weir-agent-" + cluster, namespace: namespace, client: client.Resource(secrets).Namespace(namespace)}, nil
}

// Load implements Store.
func (s *Secret) Load(ctx context.Context) (Kept, error) {
	object, err := s.client.Get(ctx, s.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return Kept{}, nil
	}
	if err != nil {
		return Kept{}, fmt.Errorf("read Secret %s/%s with the identity of the agent: %w", s.namespace, s.name, err)
	}
	// Kubernetes and JSON encode bytes alike.
	text, err := json.Marshal(object.Object["data"])
	if err != nil {
		return Kept{}, fmt.Errorf("read Secret %s/%s with the identity of the agent: %w", s.namespace, s.name, err)
	}
	var kept Kept
	if err := json.Unmarshal(text, &kept); err != nil {
		return Kept{}, fmt.Errorf("read Secret %s/%s with the identity of the agent: %w", s.namespace, s.name, err)
	}
	return kept, nil
}

// Save implements Store.
func (s *Secret) Save(ctx context.Context, kept Kept) error {
	content := map[string]any{"data": kept}
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode the identity of the agent: %w", err)
	}
	_, err = s.client.Patch(ctx, s.name, types.MergePatchType, text, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		created := map[string]any{}
		if err := json.Unmarshal(text, &created); err != nil {
			return fmt.Errorf("encode the identity of the agent: %w", err)
		}
		created["apiVersion"], created["kind"], created["type"] = "v1", "Secret", "Opaque"
		created["metadata"] = map[string]any{"name": s.name, "namespace": s.namespace}
		_, err = s.client.Create(ctx, &unstructured.Unstructured{Object: created}, metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("store the identity of the agent in Secret %s/%s: %w", s.namespace, s.name, err)
	}
	return nil
}
