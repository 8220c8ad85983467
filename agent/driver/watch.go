package driver

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// scope is what one watch covers: the objects of a kind that bear the agent's
// label, in a namespace or, where that is empty, in all.
type scope struct {
	kind      *kind
	namespace string
}

func (d *Driver) scopeOf(of *kind, namespace string) scope {
	if len(d.config.Namespaces) == 0 {
		namespace = ""
	}
	return scope{of, namespace}
}

// objectWatch is a running watch and what it has seen.
type objectWatch struct {
	informer cache.SharedIndexInformer
	cancel   context.CancelFunc
}

// selection is what an informer lists and watches.
type selection struct {
	resource       schema.GroupVersionResource
	namespace      string
	labels, fields string
	indexers       cache.Indexers
}

// informer makes an informer over the API server. It keeps objects without the
// record of who set which field, which is most of them by size.
func (d *Driver) informer(s selection) cache.SharedIndexInformer {
	narrow := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector, o.FieldSelector = s.labels, s.fields
		return o
	}
	source := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return d.cluster.page(ctx, s.resource, s.namespace, narrow(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return d.cluster.watch(ctx, s.resource, s.namespace, narrow(o))
		},
	}, d.cluster.objects)
	informer := cache.NewSharedIndexInformerWithOptions(source, &unstructured.Unstructured{},
		cache.SharedIndexInformerOptions{Indexers: s.indexers})
	// Neither can fail before the informer runs.
	_ = informer.SetTransform(dropManagedFields)
	_ = informer.SetWatchErrorHandlerWithContext(d.watchFailed(s))
	return informer
}

func dropManagedFields(o any) (any, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.SetManagedFields(nil)
	}
	return o, nil
}

// watchFailed logs what an informer fails with, once for every kind of failure
// in a row. The informer itself goes on trying.
func (d *Driver) watchFailed(s selection) cache.WatchErrorHandlerWithContext {
	log := d.log.With("resource", s.resource.GroupResource().String(), "namespace", s.namespace)
	last := metav1.StatusReason("none")
	return func(ctx context.Context, _ *cache.Reflector, err error) {
		reason := apierrors.ReasonForError(err)
		ordinary := errors.Is(err, io.EOF) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || ctx.Err() != nil
		level := slog.LevelDebug
		if !ordinary && reason != last {
			level = slog.LevelWarn
			last = reason
		}
		message := "a watch failed; trying again"
		if reason == metav1.StatusReasonForbidden {
			message = "may not list or watch; give the agent's role the verbs get, list and watch"
		}
		log.Log(ctx, level, message, "error", err)
	}
}

// run runs an informer until the returned function is called, or the driver
// ends. The caller holds d.mu; false means that the driver is ending.
func (d *Driver) run(informer cache.SharedIndexInformer) (context.CancelFunc, bool) {
	if d.ctx == nil || d.ctx.Err() != nil || d.ending {
		return nil, false
	}
	ctx, cancel := context.WithCancel(klog.NewContext(d.ctx, logr.Discard()))
	d.running.Go(func() { informer.RunWithContext(ctx) })
	return cancel, true
}

// startWatch begins to watch the agent's objects of a kind, if it does not yet.
func (d *Driver) startWatch(of *kind, namespace string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.scopeOf(of, namespace)
	if _, there := d.watches[s]; there {
		return
	}
	informer := d.informer(selection{
		resource:  of.gvr(),
		namespace: s.namespace,
		labels:    ManagedByLabel + "=" + ManagedBy,
	})
	// The informer runs not yet, so that adding cannot fail.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { d.seen(nil, object(o)) },
		UpdateFunc: func(before, after any) { d.seen(object(before), object(after)) },
		DeleteFunc: func(o any) { d.vanished(object(o)) },
	})
	if cancel, ok := d.run(informer); ok {
		d.watches[s] = &objectWatch{informer: informer, cancel: cancel}
	}
}

// stopWatches ends the watches of a kind.
func (d *Driver) stopWatches(of *kind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, w := range d.watches {
		if s.kind == of {
			w.cancel()
			delete(d.watches, s)
		}
	}
}

func object(o any) *unstructured.Unstructured {
	if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	u, _ := o.(*unstructured.Unstructured)
	return u
}

// cachedLocked is an object as its watch last saw it; nil where it is not
// watched or not there. The caller holds d.mu.
func (d *Driver) cachedLocked(k key) *unstructured.Unstructured {
	w := d.watches[d.scopeOf(kindOf(k), k.namespace)]
	if w == nil {
		return nil
	}
	o, _, _ := w.informer.GetStore().GetByKey(k.namespace + "/" + k.name)
	return object(o)
}

// cached is cachedLocked for callers that do not hold d.mu.
func (d *Driver) cached(k key) *unstructured.Unstructured {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cachedLocked(k)
}

// seen follows an object that is new to its watch, or has changed.
func (d *Driver) seen(before, after *unstructured.Unstructured) {
	if after == nil {
		return
	}
	k := keyOfObject(after)
	if before == nil || reportable(before, after) {
		d.reportStatus(after)
	}
	if before == nil {
		d.reportEventsOf(k)
	}
	d.queue.Add(k)
}

// vanished follows an object that its watch no longer has: it is gone, or its
// label is.
func (d *Driver) vanished(last *unstructured.Unstructured) {
	if last == nil {
		return
	}
	if m, marked := marksOf(last); marked {
		d.gone.add(last.GetUID(), m.owner)
	}
	d.reportStatus(last)
	d.queue.Add(keyOfObject(last))
}
