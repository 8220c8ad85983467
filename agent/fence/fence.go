// Package fence keeps the newest session of a workload cluster on the cluster
// itself, so that an agent which another one has replaced stops acting although it
// cannot reach the control plane, which would tell it.
//
// Objects bear the epoch of the session that applied them. That fences the objects
// that exist. The record that is kept here fences the others: without it, an agent
// that is cut off would create again what a newer session has deleted.
package fence

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// NamePrefix and the name of the cluster are the name of the ConfigMap. Its data
// has the newest epoch of each installation.
const NamePrefix = "weir-agent-"

// timeout bounds each request to the API server.
const timeout = 15 * time.Second

// attempts bounds how often a write is repeated because another client has written
// the ConfigMap in between.
const attempts = 5

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// Config is what a Fence needs.
type Config struct {
	// Cluster is the name of the workload cluster.
	Cluster string
	// Namespace is where the ConfigMap is. Agents of one cluster must agree on it.
	Namespace  string
	Kubernetes *rest.Config
	Log        *slog.Logger
}

// Fence is the record of the newest session of one cluster.
type Fence struct {
	config Config
	maps   dynamic.ResourceInterface

	mu           sync.Mutex
	installation string
	epoch        int64
	claimed      bool      // the record has the epoch
	unusable     sync.Once // guards the log message
}

// SupersededError is why an agent must not act: the cluster has seen a newer
// session.
type SupersededError struct{ Newest, Epoch int64 }

func (e *SupersededError) Error() string {
	return fmt.Sprintf("session %d of the cluster is newer than session %d of this agent", e.Newest, e.Epoch)
}

// New makes a Fence. It sends nothing yet.
func New(config Config) (*Fence, error) {
	client, err := dynamic.NewForConfig(config.Kubernetes)
	if err != nil {
		return nil, fmt.Errorf("create a Kubernetes client for the record of sessions: %w", err)
	}
	return &Fence{config: config, maps: client.Resource(configMaps).Namespace(config.Namespace)}, nil
}

// Welcome begins a session. Control planes that are older than the record name no
// installation; then there is no record.
func (f *Fence) Welcome(installation string, epoch int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.installation, f.epoch, f.claimed = installation, epoch, false
}

// Claim makes sure that the record has the epoch of the session before anything is
// written in it. It asks the API server once a session.
func (f *Fence) Claim(ctx context.Context) error {
	f.mu.Lock()
	claimed := f.claimed
	f.mu.Unlock()
	if claimed {
		return nil
	}
	return f.Check(ctx)
}

// Check asks the API server whether the session is the newest one of the cluster,
// and records it if it is. It returns a SupersededError if there is a newer one. An
// agent that may not read or write the record is fenced by objects only.
func (f *Fence) Check(ctx context.Context) error {
	f.mu.Lock()
	installation, epoch := f.installation, f.epoch
	f.mu.Unlock()
	if installation == "" || epoch == 0 {
		return nil
	}
	err := f.raise(ctx, installation, epoch)
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		f.unusable.Do(func() {
			f.config.Log.Warn("the newest session cannot be recorded on the cluster: an agent that is replaced while it is cut off may "+
				"create deleted objects again; grant the agent's role the verbs get, create and patch on the ConfigMap",
				"namespace", f.config.Namespace, "name", f.name(), "error", err)
		})
	case err != nil:
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.claimed = f.claimed || f.epoch == epoch && f.installation == installation
	return nil
}

func (f *Fence) name() string { return NamePrefix + f.config.Cluster }

// raise writes the epoch unless the record has it. It fails if that has a greater
// one.
func (f *Fence) raise(ctx context.Context, installation string, epoch int64) error {
	var err error
	for range attempts {
		if err = f.tryRaise(ctx, installation, epoch); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return err
}

func (f *Fence) tryRaise(ctx context.Context, installation string, epoch int64) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	record, err := f.maps.Get(ctx, f.name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return f.create(ctx, installation, epoch)
	}
	if err != nil {
		return err
	}
	newest := epochOf(record, installation)
	switch {
	case newest > epoch:
		return &SupersededError{Newest: newest, Epoch: epoch}
	case newest == epoch:
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": record.GetResourceVersion()},
		"data":     map[string]any{installation: strconv.FormatInt(epoch, 10)},
	})
	if err != nil {
		return fmt.Errorf("encode the record of sessions: %w", err)
	}
	_, err = f.maps.Patch(ctx, f.name(), types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

func (f *Fence) create(ctx context.Context, installation string, epoch int64) error {
	record := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": f.name(), "namespace": f.config.Namespace},
		"data":       map[string]any{installation: strconv.FormatInt(epoch, 10)},
	}}
	_, err := f.maps.Create(ctx, record, metav1.CreateOptions{})
	return err
}

// epochOf is the newest epoch of an installation; zero if none is recorded.
func epochOf(record *unstructured.Unstructured, installation string) int64 {
	text, _, _ := unstructured.NestedString(record.Object, "data", installation)
	epoch, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return epoch
}
