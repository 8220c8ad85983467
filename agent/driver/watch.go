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

// scope is what one watch covers: the objects of a kind with the agent's label, in
// one namespace or, if that is empty, in all.
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

// objectWatch is a running watch with its cache.
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

// informer creates an informer. Its cache drops metadata.managedFields, which are
// most of an object by size.
func (d *Driver) informer(s selection) cache.SharedIndexInformer {
	selectOptions := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector, o.FieldSelector = s.labels, s.fields
		return o
	}
	source := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return d.cluster.page(ctx, s.resource, s.namespace, selectOptions(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return d.cluster.watch(ctx, s.resource, s.namespace, selectOptions(o))
		},
	}, d.cluster.objects)
	informer := cache.NewSharedIndexInformerWithOptions(source, &unstructured.Unstructured{},
		cache.SharedIndexInformerOptions{Indexers: s.indexers})
	// Neither fails before the informer runs.
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

// watchFailed logs the failures of an informer, one message for failures of the
// same reason in a row. The informer retries by itself.
func (d *Driver) watchFailed(s selection) cache.WatchErrorHandlerWithContext {
	log := d.log.With("resource", s.resource.GroupResource().String(), "namespace", s.namespace)
	last := metav1.StatusReason("none")
	return func(ctx context.Context, _ *cache.Reflector, err error) {
		reason := apierrors.ReasonForError(err)
		expected := errors.Is(err, io.EOF) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || ctx.Err() != nil
		level := slog.LevelDebug
		if !expected && reason != last {
			level = slog.LevelWarn
			last = reason
		}
		message := "a watch failed and will be retried"
		if reason == metav1.StatusReasonForbidden {
			message = "not permitted to list or watch objects; grant the agent's role the verbs get, list and watch"
		}
		log.Log(ctx, level, message, "error", err)
	}
}

// startInformer runs an informer until the returned function is called or the
// driver stops. It returns false if the driver is stopping. The caller holds d.mu.
func (d *Driver) startInformer(informer cache.SharedIndexInformer) (context.CancelFunc, bool) {
	if d.ctx == nil || d.ctx.Err() != nil || d.stopping {
		return nil, false
	}
	ctx, cancel := context.WithCancel(klog.NewContext(d.ctx, logr.Discard()))
	d.running.Go(func() { informer.RunWithContext(ctx) })
	return cancel, true
}

// startWatch starts to watch the agent's objects of a kind unless it is running.
func (d *Driver) startWatch(of *kind, namespace string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.scopeOf(of, namespace)
	if _, exists := d.watches[s]; exists {
		return
	}
	informer := d.informer(selection{
		resource:  of.gvr(),
		namespace: s.namespace,
		labels:    ManagedByLabel + "=" + ManagedBy,
	})
	// Adding a handler fails only after the informer has run.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { d.observe(nil, object(o)) },
		UpdateFunc: func(before, after any) { d.observe(object(before), object(after)) },
		DeleteFunc: func(o any) { d.observeDeleted(object(o)) },
	})
	if cancel, ok := d.startInformer(informer); ok {
		d.watches[s] = &objectWatch{informer: informer, cancel: cancel}
	}
}

// stopWatches stops the watches of a kind.
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

// cachedLocked returns an object from the cache of its watch; nil if it is not
// there or not watched. The caller holds d.mu.
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

// observe handles an object that is new to its watch or has changed.
func (d *Driver) observe(before, after *unstructured.Unstructured) {
	if after == nil {
		return
	}
	k := keyOfObject(after)
	d.noteStatus(k, after)
	if before == nil || reportable(before, after) {
		d.reportStatus(after)
	}
	if before == nil {
		d.reportEventsOf(k)
	}
	d.queue.Add(k)
}

// observeDeleted handles an object that has left its watch: it was deleted, or its
// label was.
func (d *Driver) observeDeleted(last *unstructured.Unstructured) {
	if last == nil {
		return
	}
	if m, marked := marksOf(last); marked {
		d.deleted.add(last.GetUID(), m.owner)
	}
	d.reportStatus(last)
	d.queue.Add(keyOfObject(last))
}
