package driver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/openweir/weir/agent/fence"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/sandbox/apiserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fastTiming makes a driver retry as fast as a test wants it to.
var fastTiming = Timing{
	Probe:          100 * time.Millisecond,
	Request:        await.Patience,
	Terminating:    50 * time.Millisecond,
	RetryMin:       5 * time.Millisecond,
	RetryMax:       50 * time.Millisecond,
	RetryRefused:   50 * time.Millisecond,
	Settle:         time.Millisecond,
	SettleMax:      time.Second,
	RepairInterval: time.Millisecond,
	RepairWindow:   time.Hour,
}

var (
	deployments = flinkVersion.WithResource("flinkdeployments")
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	eventsV1    = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	crds        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// env is a workload cluster, and a user with a client of its own.
type env struct {
	t      *testing.T
	config *rest.Config
	user   dynamic.Interface
	// fault, where it is set, may answer a request in the API server's place.
	fault atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	// writes counts the requests of the driver that change something.
	writes atomic.Int64
}

// newEnv runs an API server over HTTP until the test ends.
func newEnv(t *testing.T) *env {
	t.Helper()
	return newEnvOver(t, func(handler http.Handler) *rest.Config {
		web := httptest.NewServer(handler)
		t.Cleanup(web.CloseClientConnections)
		t.Cleanup(web.Close)
		return &rest.Config{Host: web.URL, QPS: -1}
	})
}

// newEnvOver runs an API server that is reached as serve says.
func newEnvOver(t *testing.T, serve func(http.Handler) *rest.Config) *env {
	t.Helper()
	server, err := apiserver.New(apiserver.Config{Namespaces: []string{"default", "flink"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &env{t: t}
	w.config = serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.UserAgent() == "weir-agent/test" {
			w.writes.Add(1)
		}
		if f := w.fault.Load(); f != nil && r.UserAgent() == "weir-agent/test" && (*f)(rw, r) {
			return
		}
		server.ServeHTTP(rw, r)
	}))
	user := rest.CopyConfig(w.config)
	user.UserAgent = "kubectl-edit"
	if w.user, err = dynamic.NewForConfig(user); err != nil {
		t.Fatal(err)
	}
	return w
}

// injectFault lets f answer requests of the driver; nil removes it.
func (w *env) injectFault(f func(http.ResponseWriter, *http.Request) bool) {
	if f == nil {
		w.fault.Store(nil)
		return
	}
	w.fault.Store(&f)
}

func (w *env) in(r schema.GroupVersionResource) dynamic.ResourceInterface {
	return w.user.Resource(r).Namespace("default")
}

// get reads a FlinkDeployment; nil where there is none.
func (w *env) get(name string) *unstructured.Unstructured { return w.read(deployments, name) }

func (w *env) read(r schema.GroupVersionResource, name string) *unstructured.Unstructured {
	w.t.Helper()
	o, err := w.in(r).Get(w.t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatalf("get %s: %v", name, err)
	}
	return o
}

// edit merges a patch into a FlinkDeployment, as a user.
func (w *env) edit(name, patch string, subresource ...string) *unstructured.Unstructured {
	w.t.Helper()
	return w.patch(deployments, name, patch, subresource...)
}

func (w *env) patch(r schema.GroupVersionResource, name, patch string, subresource ...string) *unstructured.Unstructured {
	w.t.Helper()
	o, err := w.in(r).Patch(w.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresource...)
	if err != nil {
		w.t.Fatalf("patch %s: %v", name, err)
	}
	return o
}

func (w *env) delete(r schema.GroupVersionResource, name string) {
	w.t.Helper()
	if err := w.in(r).Delete(w.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		w.t.Fatalf("delete %s: %v", name, err)
	}
}

func (w *env) createObject(r schema.GroupVersionResource, content map[string]any) *unstructured.Unstructured {
	w.t.Helper()
	o, err := w.in(r).Create(w.t.Context(), &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return o
}

// session is a driver with a control plane that is the test.
type testSession struct {
	*Driver
	*env
	reports *recorder
	fence   *fence.Fence
	stop    func()
}

// installation is that of the control plane, unless a test says otherwise.
const installation = "installation-1"

// Welcome begins a session of the installation.
func (s *testSession) Welcome(epoch int64, decommissioned bool) {
	s.welcomeOf(installation, epoch, decommissioned)
}

func (s *testSession) welcomeOf(installation string, epoch int64, decommissioned bool) {
	s.fence.Welcome(installation, epoch)
	s.Driver.Welcome(installation, epoch, 0, decommissioned)
}

// start runs a driver until the test ends, and begins no session.
func (w *env) start(adjust ...func(*Config)) *testSession {
	w.t.Helper()
	agent := rest.CopyConfig(w.config)
	agent.UserAgent = "weir-agent/test-fence" // which is not counted among the writes
	sessions, err := fence.New(fence.Config{Cluster: "edge", Namespace: "default", Kubernetes: agent, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	config := Config{
		Cluster:    "edge",
		Fence:      sessions,
		Version:    "test",
		Kubernetes: w.config,
		Reports:    newRecorder(w.t),
		Log:        slog.New(slog.DiscardHandler),
		Timing:     fastTiming,
	}
	for _, f := range adjust {
		f(&config)
	}
	d, err := New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	s := &testSession{Driver: d, env: w, reports: config.Reports.(*recorder), fence: sessions, stop: func() {
		cancel()
		running.Wait()
	}}
	w.t.Cleanup(s.stop)
	return s
}

// connect runs a driver and begins a session with it.
func (w *env) connect(adjust ...func(*Config)) *testSession {
	w.t.Helper()
	s := w.start(adjust...)
	s.hello()
	s.Welcome(1, false)
	s.Synced()
	return s
}

// manifest of a FlinkDeployment in namespace default.
func manifest(name string, parallelism int) string {
	return fmt.Sprintf(`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment",`+
		`"metadata":{"name":%q,"namespace":"default","labels":{"team":"a"}},`+
		`"spec":{"image":"flink:2.2","flinkVersion":"v2_2","serviceAccount":"flink",`+
		`"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"1"},`+
		`"job":{"jarURI":"local:///opt/job.jar","parallelism":%d,"state":"running","upgradeMode":"stateless"}}}`, name, parallelism)
}

const secretManifest = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"login","namespace":"default"},` +
	`"type":"Opaque","stringData":{"password":"hunter2"}}`

// deleteGlobal deletes an object that is in no namespace.
func (w *env) deleteGlobal(r schema.GroupVersionResource, name string) {
	w.t.Helper()
	if err := w.user.Resource(r).Delete(w.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		w.t.Fatalf("delete %s: %v", name, err)
	}
}

// createGlobal creates an object that is in no namespace.
func (w *env) createGlobal(r schema.GroupVersionResource, o *unstructured.Unstructured) {
	w.t.Helper()
	o.SetResourceVersion("")
	o.SetUID("")
	if _, err := w.user.Resource(r).Create(w.t.Context(), o, metav1.CreateOptions{}); err != nil {
		w.t.Fatalf("create %s: %v", o.GetName(), err)
	}
}
