package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// pageSize is the limit of one list request.
const pageSize = 500

// cluster is a client of the workload cluster's API server. Every request except
// a watch has a timeout.
type cluster struct {
	objects dynamic.Interface
	raw     rest.Interface
	timeout time.Duration
}

// newCluster creates the clients. It sends nothing yet.
func newCluster(config *rest.Config, version string, timeout time.Duration) (*cluster, error) {
	config = rest.CopyConfig(config)
	if config.QPS == 0 {
		// client-go's default of 5 a second suits a command line. The API server
		// protects itself by priority and fairness.
		config.QPS, config.Burst = 200, 400
	}
	if config.UserAgent == "" {
		config.UserAgent = FieldManager + "/" + version
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create a Kubernetes client: %w", err)
	}
	raw, err := rest.UnversionedRESTClientFor(dynamic.ConfigFor(config))
	if err != nil {
		return nil, fmt.Errorf("create a Kubernetes client: %w", err)
	}
	return &cluster{objects: objects, raw: raw, timeout: timeout}, nil
}

// version returns the version of the API server.
func (c *cluster) version(ctx context.Context) (string, error) {
	var info struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := c.read(ctx, "/version", &info); err != nil {
		return "", fmt.Errorf("get the version of the API server: %w", err)
	}
	return info.GitVersion, nil
}

// customKinds returns which of the custom kinds the cluster has.
func (c *cluster) customKinds(ctx context.Context) (map[*kind]bool, error) {
	var resources metav1.APIResourceList
	err := c.read(ctx, "/apis/"+flinkVersion.String(), &resources)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("list the resources of API group %s: %w", flinkVersion, err)
	}
	present := make(map[*kind]bool)
	for _, k := range kinds {
		if !k.custom {
			continue
		}
		if slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == k.resource }) {
			present[k] = true
		}
	}
	return present, nil
}

func (c *cluster) read(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	result := c.raw.Get().AbsPath(path).Do(ctx)
	if err := result.Error(); err != nil { // the error of Raw lacks the API server's message
		return err
	}
	body, err := result.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// get reads an object; nil if it does not exist.
func (c *cluster) get(ctx context.Context, of *kind, k key) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	o, err := c.objects.Resource(of.gvr()).Namespace(k.namespace).Get(ctx, k.name, metav1.GetOptions{})
	if err != nil && isMissingObject(err) {
		return nil, nil
	}
	return o, err
}

// apply writes an object by server-side apply and takes ownership of conflicting
// fields. If the manifest has a resourceVersion, the API server refuses to write
// an object that has changed since.
func (c *cluster) apply(ctx context.Context, of *kind, manifest *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.objects.Resource(of.gvr()).Namespace(manifest.GetNamespace()).
		Apply(ctx, manifest.GetName(), manifest, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
}

// merge patches an object that has not changed since it was read.
func (c *cluster) merge(ctx context.Context, of *kind, o *unstructured.Unstructured, patch map[string]any) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	metadata, _ := patch["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		patch["metadata"] = metadata
	}
	metadata["resourceVersion"] = o.GetResourceVersion()
	body, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("encode a merge patch: %w", err)
	}
	return c.objects.Resource(of.gvr()).Namespace(o.GetNamespace()).
		Patch(ctx, o.GetName(), types.MergePatchType, body, metav1.PatchOptions{FieldManager: FieldManager})
}

// release takes the marks off an object, which then no longer belongs to Weir.
func (c *cluster) release(ctx context.Context, of *kind, o *unstructured.Unstructured) error {
	annotations := map[string]any{}
	for _, mark := range []string{InstallationAnnotation, OwnerAnnotation, GenerationAnnotation, HashAnnotation, EpochAnnotation, LastAppliedAnnotation} {
		annotations[mark] = nil
	}
	_, err := c.merge(ctx, of, o, map[string]any{"metadata": map[string]any{
		"labels":      map[string]any{ManagedByLabel: nil},
		"annotations": annotations,
	}})
	return err
}

// remove deletes an object that has not changed since it was read. Its dependents
// are left to the operator's finalizer and then to the garbage collector:
// foreground deletion would delete the JobManager while the operator may still
// need it for a savepoint.
func (c *cluster) remove(ctx context.Context, of *kind, o *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	uid, version, background := o.GetUID(), o.GetResourceVersion(), metav1.DeletePropagationBackground
	err := c.objects.Resource(of.gvr()).Namespace(o.GetNamespace()).Delete(ctx, o.GetName(), metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		PropagationPolicy: &background,
	})
	if err != nil && isMissingObject(err) {
		return nil
	}
	return err
}

// owned lists the objects of a kind that have the agent's label.
func (c *cluster) owned(ctx context.Context, of *kind, namespace string) ([]unstructured.Unstructured, error) {
	return c.list(ctx, of.gvr(), namespace, ManagedByLabel+"="+ManagedBy)
}

func (c *cluster) list(ctx context.Context, r schema.GroupVersionResource, namespace, labels string) ([]unstructured.Unstructured, error) {
	var items []unstructured.Unstructured
	options := metav1.ListOptions{LabelSelector: labels, Limit: pageSize}
	for {
		page, err := c.page(ctx, r, namespace, options)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return items, nil
		}
	}
}

func (c *cluster) page(ctx context.Context, r schema.GroupVersionResource, namespace string, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.objects.Resource(r).Namespace(namespace).List(ctx, options)
}

// watch starts a watch that ends with ctx.
func (c *cluster) watch(ctx context.Context, r schema.GroupVersionResource, namespace string, options metav1.ListOptions) (watch.Interface, error) {
	return c.objects.Resource(r).Namespace(namespace).Watch(ctx, options)
}
