// Package operator is a stand-in for the Flink Kubernetes Operator. It walks
// FlinkDeployments, FlinkSessionJobs and FlinkStateSnapshots through the
// operator's life cycle. What Flink runs on is an engine: a simulation, that
// runs nothing and fails where annotations tell it to, or processes of this
// machine. It knows its API server only through client-go's dynamic client.
//
// All that it knows is in the objects' status: each step reads the objects,
// decides (machine, snapshotter: pure functions of object and time) and writes
// the status under the version that was read.
package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/sandbox/localflink"
)

// Resources that the operator works with.
var (
	version     = schema.GroupVersion{Group: flink.Group, Version: flink.Version}
	deployments = version.WithResource(flink.ResourceDeployments)
	sessionJobs = version.WithResource(flink.ResourceSessionJobs)
	snapshots   = version.WithResource(flink.ResourceStateSnapshots)
	events      = schema.GroupVersionResource{Version: "v1", Resource: "events"}
)

// workers is how many objects are worked on at a time.
const workers = 4

// Config is what an operator is made with.
type Config struct {
	// Rest is how to reach the API server.
	Rest *rest.Config
	// Pace is how long a step takes.
	Pace time.Duration
	// Flink runs Flink for the operator, which closes it when it ends; nil
	// simulates it.
	Flink *localflink.Clusters
	// Log is where failures are logged.
	Log *slog.Logger
}

// key names an object of the operator's.
type key struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

// Operator acts on Flink's custom resources. One queue holds the objects to
// look at; an object at rest has no timer and no goroutine.
type Operator struct {
	client    dynamic.Interface
	engine    engine
	flink     *localflink.Clusters
	pace      time.Duration
	log       *slog.Logger
	informers map[schema.GroupVersionResource]cache.SharedIndexInformer
	queue     workqueue.TypedRateLimitingInterface[key]

	mu sync.Mutex
	// notBefore is when the next step of an object may be made.
	notBefore map[key]time.Time
}

// New returns an operator.
func New(config Config) (*Operator, error) {
	quiet := rest.CopyConfig(config.Rest)
	quiet.WarningHandler = rest.NoWarnings{}
	quiet.UserAgent = "weir-sandbox-operator"
	client, err := dynamic.NewForConfig(quiet)
	if err != nil {
		return nil, fmt.Errorf("create the client of the operator: %w", err)
	}
	o := &Operator{
		client: client, engine: simulation{}, flink: config.Flink, pace: config.Pace, log: config.Log,
		informers: map[schema.GroupVersionResource]cache.SharedIndexInformer{},
		notBefore: map[key]time.Time{},
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.flink != nil {
		o.engine = newProcesses(o.flink)
	}
	for _, resource := range []schema.GroupVersionResource{deployments, sessionJobs, snapshots} {
		if o.informers[resource], err = o.informer(resource); err != nil {
			return nil, fmt.Errorf("create the informer of %s: %w", resource.Resource, err)
		}
	}
	return o, nil
}

// Run acts until the context ends, and returns when nothing of it runs any
// more. It can be called once.
func (o *Operator) Run(ctx context.Context) error {
	o.queue = workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[key](max(o.pace/10, time.Millisecond), 5*time.Second))
	if o.flink != nil {
		defer o.flink.Close()
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer o.queue.ShutDown()
	var synced []cache.InformerSynced
	for resource, informer := range o.informers {
		if _, err := informer.AddEventHandler(o.handler(resource)); err != nil {
			return fmt.Errorf("watch %s: %w", resource.Resource, err)
		}
		synced = append(synced, informer.HasSynced)
	}
	for _, informer := range o.informers {
		running.Go(func() { informer.RunWithContext(ctx) })
	}
	// A session cluster that is not in the cache yet must not be taken for
	// missing.
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil
	}
	for range workers {
		running.Go(func() {
			for o.work(ctx) {
			}
		})
	}
	<-ctx.Done()
	return nil
}

// work makes one step of one object. It returns false when there will be no
// more work.
func (o *Operator) work(ctx context.Context) bool {
	k, end := o.queue.Get()
	if end {
		return false
	}
	defer o.queue.Done(k)
	if early := o.early(k); early > 0 {
		o.queue.AddAfter(k, early)
		return true
	}
	wait, err := o.reconcile(ctx, k)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if !outdated(err) {
			o.log.Warn("the sandbox's operator failed", "resource", k.resource.Resource,
				"namespace", k.namespace, "name", k.name, "error", err)
		}
		o.queue.AddRateLimited(k)
	default:
		o.queue.Forget(k)
		if wait > 0 {
			o.queue.AddAfter(k, wait)
		}
	}
	return true
}

// early is how long it is until the next step of the object may be made.
func (o *Operator) early(k key) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	early := time.Until(o.notBefore[k])
	if early <= 0 {
		delete(o.notBefore, k)
	}
	return early
}

// delay lets the object's next step wait.
func (o *Operator) delay(k key, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notBefore[k] = time.Now().Add(wait)
}

// get returns an object from the cache, or nil. It must not be changed.
func (o *Operator) get(k key) (*unstructured.Unstructured, error) {
	stored, ok, err := o.informers[k.resource].GetStore().GetByKey(k.namespace + "/" + k.name)
	if err != nil || !ok {
		return nil, err
	}
	object, ok := stored.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("the cache holds a %T", stored)
	}
	return object, nil
}
