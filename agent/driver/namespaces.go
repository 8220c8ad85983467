package driver

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

var namespaceResource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// namespaces are those that the driver may work in, as last reported.
type namespaces struct {
	mu     sync.Mutex
	names  []string
	known  bool
	denied sync.Once // guards the log message about a missing permission
}

// set stores the names, and returns those that are new and whether any changed.
func (n *namespaces) set(names []string) (added []string, changed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range names {
		if !slices.Contains(n.names, name) {
			added = append(added, name)
		}
	}
	changed = !slices.Equal(n.names, names)
	n.names, n.known = names, true
	return added, changed
}

// current returns what set last stored, if anything.
func (n *namespaces) current() (names []string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names, n.known
}

// watchNamespaces watches all namespaces if none are configured. Configured ones
// are read one by one with every probe: a Role can grant that, but not a watch.
func (d *Driver) watchNamespaces(ctx context.Context) {
	if len(d.config.Namespaces) > 0 {
		return
	}
	informer := d.informer(selection{resource: namespaceResource})
	changed := func() {
		var names []string
		for _, o := range informer.GetStore().List() {
			names = appendUsable(names, object(o))
		}
		d.setNamespaces(names)
	}
	registration, _ := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
		AddFunc: func(any) {
			if informer.HasSynced() {
				changed()
			}
		},
	})
	d.mu.Lock()
	_, _ = d.startInformer(informer)
	d.mu.Unlock()
	d.running.Go(func() {
		// The initial namespaces arrive one by one and are reported together.
		if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			changed()
		}
	})
}

// checkNamespaces finds out which of the configured namespaces exist.
func (d *Driver) checkNamespaces(ctx context.Context) {
	if len(d.config.Namespaces) == 0 {
		return
	}
	names, err := d.listNamespaces(ctx)
	if err != nil {
		d.log.Warn("failed to list namespaces", "error", err)
		return
	}
	d.setNamespaces(names)
}

// setNamespaces reports the namespaces if they have changed.
func (d *Driver) setNamespaces(names []string) {
	slices.Sort(names)
	added, changed := d.namespaces.set(names)
	if !changed {
		return
	}
	if d.isActive() {
		d.config.Reports.Namespaces(&agentv1.NamespacesReport{Names: names})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.records {
		if slices.Contains(added, k.namespace) {
			d.retries.Forget(k)
			d.queue.Add(k)
		}
	}
}

// listNamespaces reads the namespaces that the driver may work in, sorted.
func (d *Driver) listNamespaces(ctx context.Context) ([]string, error) {
	var names []string
	if len(d.config.Namespaces) == 0 {
		all, err := d.cluster.list(ctx, namespaceResource, "", "")
		if apierrors.IsForbidden(err) {
			d.logNamespacesForbidden(err)
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list namespaces: %w", err)
		}
		for i := range all {
			names = appendUsable(names, &all[i])
		}
	}
	for _, name := range d.config.Namespaces {
		o, err := d.cluster.namespace(ctx, name)
		switch {
		case err == nil:
			names = appendUsable(names, o)
		case apierrors.IsNotFound(err):
		case apierrors.IsForbidden(err):
			// Whether it exists cannot be determined; trust the configuration.
			d.logNamespacesForbidden(err)
			names = append(names, name)
		default:
			return nil, fmt.Errorf("get namespace %s: %w", name, err)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *Driver) logNamespacesForbidden(err error) {
	d.namespaces.denied.Do(func() {
		d.log.Warn("not permitted to read namespaces; grant the agent's role the verbs get, list and watch on them", "error", err)
	})
}

// appendUsable appends the name of a namespace unless it is terminating.
func appendUsable(names []string, o *unstructured.Unstructured) []string {
	if o == nil || o.GetDeletionTimestamp() != nil {
		return names
	}
	return append(names, o.GetName())
}

// namespace reads a namespace.
func (c *cluster) namespace(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.objects.Resource(namespaceResource).Get(ctx, name, metav1.GetOptions{})
}
