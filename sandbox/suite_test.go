package sandbox

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Resources that the tests work with.
var (
	flink       = schema.GroupVersion{Group: "flink.apache.org", Version: "v1beta1"}
	deployments = flink.WithResource("flinkdeployments")
	sessionJobs = flink.WithResource("flinksessionjobs")
	snapshots   = flink.WithResource("flinkstatesnapshots")
	eventsV1    = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	kinds       = map[schema.GroupVersionResource]string{deployments: "FlinkDeployment", sessionJobs: "FlinkSessionJob", snapshots: "FlinkStateSnapshot"}
)

// trial is a running cluster with a client.
type trial struct {
	*testing.T
	ctx    context.Context //nolint:containedctx // of the test that this is
	client dynamic.Interface
	// stop ends the cluster and waits for it.
	stop func()
	// written are the objects as the test wrote them last and has not followed them
	// since.
	written map[written]*unstructured.Unstructured
}

type written struct {
	resource schema.GroupVersionResource
	name     string
}

// run runs a cluster, with steps of a millisecond, until the test ends.
func run(t *testing.T, config Config) *trial {
	t.Helper()
	config.Name = "test"
	config.Namespaces = []string{"default", "flink"}
	if config.Pace == 0 {
		config.Pace = time.Millisecond
	}
	cluster, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := cluster.Run(ctx); err != nil {
			t.Errorf("run the cluster: %v", err)
		}
	})
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	client, err := dynamic.NewForConfig(cluster.RestConfig())
	if err != nil {
		t.Fatal(err)
	}
	limited, done := context.WithTimeout(ctx, await.Patience)
	t.Cleanup(done)
	return &trial{T: t, ctx: limited, client: client, stop: stop, written: map[written]*unstructured.Unstructured{}}
}

func (t *trial) in(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return t.client.Resource(resource).Namespace("default")
}

// create creates an object with a spec of YAML.
func (t *trial) create(resource schema.GroupVersionResource, name, spec string, annotations map[string]string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	text := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: %s", flink, kinds[resource], name, spec)
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := object.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	object.SetAnnotations(annotations)
	created, err := t.in(resource).Create(t.ctx, object, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.written[written{resource, name}] = created
	return created
}

// patch merges JSON into an object.
func (t *trial) patch(resource schema.GroupVersionResource, name, patch string) {
	t.Helper()
	patched, err := t.in(resource).Patch(t.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.written[written{resource, name}] = patched
}

func (t *trial) get(resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	object, err := t.in(resource).Get(t.ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// follow returns what an object is in each version until, in one, the condition
// holds; that is the last. It begins with the version that the test wrote, however
// many have passed meanwhile, or with the current one if the test has followed that
// one already. Versions that look the same count once.
func (t *trial) follow(resource schema.GroupVersionResource, name string, look func(object) string, until func(object) bool) (seen []string, last object) {
	t.Helper()
	options := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	if first := t.written[written{resource, name}]; first != nil {
		delete(t.written, written{resource, name})
		options.ResourceVersion = first.GetResourceVersion()
		last = object{first}
		seen = append(seen, look(last))
		if until(last) {
			return seen, last
		}
	}
	w, err := t.in(resource).Watch(t.ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	for {
		select {
		case event, ok := <-w.ResultChan():
			if !ok || event.Type == watch.Error {
				t.Fatalf("the watch ended; seen are %v", seen)
			}
			last = object{event.Object.(*unstructured.Unstructured)}
			if at := look(last); len(seen) == 0 || seen[len(seen)-1] != at {
				seen = append(seen, at)
			}
			if event.Type == watch.Deleted {
				return append(seen, "gone"), last
			}
			if until(last) {
				return seen, last
			}
		case <-t.ctx.Done():
			t.Fatalf("it never came to be; seen are %v, last is %v", seen, last)
		}
	}
}

// await waits until the condition holds.
func (t *trial) await(resource schema.GroupVersionResource, name string, until func(object) bool) object {
	t.Helper()
	_, last := t.follow(resource, name, object.lifecycle, until)
	return last
}

// object is an object of which the tests look at the status.
type object struct{ *unstructured.Unstructured }

func (o object) at(path ...string) string {
	value, _, _ := unstructured.NestedFieldNoCopy(o.Object, path...)
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

func (o object) lifecycle() string { return o.at("status", "lifecycleState") }
func (o object) job() string       { return o.at("status", "jobStatus", "state") }
func (o object) jobID() string     { return o.at("status", "jobStatus", "jobId") }
func (o object) manager() string   { return o.at("status", "jobManagerDeploymentStatus") }
func (o object) restored() string  { return o.at("status", "jobStatus", "upgradeSavepointPath") }
func (o object) failure() string   { return o.at("status", "error") }

// states is what the tests of life cycles look at.
func (o object) states() string { return o.lifecycle() + " " + o.manager() + " " + o.job() }

// observed tells whether the operator acts on the newest spec.
func (o object) observed() bool {
	return o.at("status", "observedGeneration") == fmt.Sprint(o.GetGeneration())
}

func stable(o object) bool {
	return o.lifecycle() == "STABLE" && o.observed() && o.job() != "RECONCILING" && o.job() != "CREATED"
}
func suspended(o object) bool { return o.lifecycle() == "SUSPENDED" && o.observed() }
func isFailed(o object) bool  { return o.lifecycle() == "FAILED" }
func failing(o object) bool   { return o.failure() != "" }

// events returns the reasons of the events about an object, each with its
// count, once every wanted reason is among them.
func (t *trial) events(about string, want ...string) map[string]*unstructured.Unstructured {
	t.Helper()
	got := map[string]*unstructured.Unstructured{}
	await.Until(t, fmt.Sprintf("%s has events of %v", about, want), func() bool {
		list, err := t.in(eventsV1).List(t.ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + about})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			got[object{&list.Items[i]}.at("reason")] = &list.Items[i]
		}
		for _, reason := range want {
			if got[reason] == nil {
				return false
			}
		}
		return true
	})
	return got
}

// application returns the spec of an application cluster, with more of it in
// YAML.
func application(job, config string) string {
	return `{image: "flink:1.19", flinkVersion: v1_19, serviceAccount: flink, ` +
		`jobManager: {resource: {cpu: 1, memory: 1024m}}, taskManager: {resource: {cpu: 1, memory: 1024m}}, ` +
		`flinkConfiguration: {state.checkpoints.dir: "s3://c", state.savepoints.dir: "s3://s"` + config + `}, ` +
		`job: {jarURI: "local:///opt/flink/x.jar", parallelism: 2` + job + `}}`
}

const session = `{image: "flink:1.19", flinkVersion: v1_19, serviceAccount: flink, ` +
	`jobManager: {resource: {cpu: 1, memory: 1024m}}, taskManager: {resource: {cpu: 1, memory: 1024m}}}`
