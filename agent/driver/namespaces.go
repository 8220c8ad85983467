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

// namespaces are those that the agent may work in, as last reported.
type namespaces struct {
	mu    sync.Mutex
	names []string
	known bool
	asked sync.Once // for the right to read namespaces, in the log
}

// set keeps the names, and says which are new and whether anything is.
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

// current is what set was last called with, if it was.
func (n *namespaces) current() (names []string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names, n.known
}

// startNamespaces watches all namespaces, unless the agent is to look at some
// only. Those it asks for one by one, with every probe: a Role can allow that,
// but not a watch.
func (d *Driver) startNamespaces(ctx context.Context) {
	if len(d.config.Namespaces) > 0 {
		return
	}
	informer := d.informer(selection{resource: namespaceResource})
	changed := func() {
		var names []string
		for _, o := range informer.GetStore().List() {
			names = appendUsable(names, object(o))
		}
		d.namespacesAre(names)
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
	_, _ = d.run(informer)
	d.mu.Unlock()
	d.running.Go(func() {
		// The first ones come one by one, and are told together.
		if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			changed()
		}
	})
}

// checkNamespaces looks which of the named namespaces exist.
func (d *Driver) checkNamespaces(ctx context.Context) {
	if len(d.config.Namespaces) == 0 {
		return
	}
	names, err := d.listNamespaces(ctx)
	if err != nil {
		d.log.Warn("could not look for namespaces", "error", err)
		return
	}
	d.namespacesAre(names)
}

// namespacesAre reports the namespaces where they have changed.
func (d *Driver) namespacesAre(names []string) {
	slices.Sort(names)
	added, changed := d.spaces.set(names)
	if !changed {
		return
	}
	if d.reporting() {
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

// listNamespaces asks the API server for the namespaces that the agent may work
// in, sorted.
func (d *Driver) listNamespaces(ctx context.Context) ([]string, error) {
	var names []string
	if len(d.config.Namespaces) == 0 {
		all, err := d.cluster.list(ctx, namespaceResource, "", "")
		if apierrors.IsForbidden(err) {
			d.askForNamespaces(err)
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
			// It cannot be told, and whoever configured it believes so.
			d.askForNamespaces(err)
			names = append(names, name)
		default:
			return nil, fmt.Errorf("get namespace %s: %w", name, err)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *Driver) askForNamespaces(err error) {
	d.spaces.asked.Do(func() {
		d.log.Warn("may not read namespaces; give the agent's role the verbs get, list and watch on them", "error", err)
	})
}

// appendUsable adds the name of a namespace unless it is on its way out.
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
