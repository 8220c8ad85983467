package operator

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/openweir/weir/openjson"
)

// byCluster indexes session jobs by their session cluster.
const byCluster = "cluster"

// informer returns an informer of a resource in all namespaces. (The factory
// that client-go has for it would bring the types of all of Kubernetes along.)
func (o *Operator) informer(resource schema.GroupVersionResource) (cache.SharedIndexInformer, error) {
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return o.client.Resource(resource).List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return o.client.Resource(resource).Watch(ctx, options)
		},
	}
	indexers := cache.Indexers{}
	if resource == sessionJobs {
		indexers[byCluster] = func(object any) ([]string, error) {
			job, ok := object.(*unstructured.Unstructured)
			if !ok {
				return nil, nil
			}
			return []string{job.GetNamespace() + "/" + openjson.String(job.Object, "spec", "deploymentName")}, nil
		}
	}
	informer := cache.NewSharedIndexInformer(source, &unstructured.Unstructured{}, 0, indexers)
	// A cluster may be without the definitions; the informer tries again.
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		o.log.Debug("the operator of the sandbox failed to watch a resource", "resource", resource.Resource, "error", err)
	})
	if err != nil {
		return nil, err
	}
	return informer, informer.SetTransform(withoutManagers)
}

// withoutManagers drops what the operator never reads from its cache.
func withoutManagers(object any) (any, error) {
	if o, ok := object.(*unstructured.Unstructured); ok {
		o.SetManagedFields(nil)
	}
	return object, nil
}

// handler has changed objects looked at, and those that depend on them.
func (o *Operator) handler(resource schema.GroupVersionResource) cache.ResourceEventHandler {
	changed := func(object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		u, ok := object.(*unstructured.Unstructured)
		if !ok {
			return
		}
		o.queue.Add(key{resource, u.GetNamespace(), u.GetName()})
		switch resource {
		case deployments:
			for _, job := range o.jobsOf(u.GetNamespace(), u.GetName()) {
				o.queue.Add(key{sessionJobs, u.GetNamespace(), job})
			}
		case sessionJobs:
			if name := openjson.String(u.Object, "spec", "deploymentName"); name != "" {
				o.queue.Add(key{deployments, u.GetNamespace(), name})
			}
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, object any) { changed(object) },
		DeleteFunc: changed,
	}
}

// jobsOf returns the names of the session jobs of a session cluster.
func (o *Operator) jobsOf(namespace, cluster string) []string {
	objects, err := o.informers[sessionJobs].GetIndexer().ByIndex(byCluster, namespace+"/"+cluster)
	if err != nil {
		return nil
	}
	var names []string
	for _, object := range objects {
		if job, ok := object.(*unstructured.Unstructured); ok {
			names = append(names, job.GetName())
		}
	}
	return names
}
