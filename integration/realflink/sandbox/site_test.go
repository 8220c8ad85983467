//go:build flink

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/integration/process"
	"github.com/openweir/weir/integration/weir"
	"github.com/openweir/weir/internal/await"
)

// patience is how long anything of Flink's may take on two busy cores.
const patience = 4 * time.Minute

// Resources that the tests work with.
var (
	flink       = schema.GroupVersion{Group: "flink.apache.org", Version: "v1beta1"}
	deployments = flink.WithResource("flinkdeployments")
	sessionJobs = flink.WithResource("flinksessionjobs")
	snapshots   = flink.WithResource("flinkstatesnapshots")
	events      = schema.GroupVersionResource{Version: "v1", Resource: "events"}
)

// site is a workload cluster in a process of its own.
type site struct {
	t       *testing.T
	sandbox weir.Sandbox
	// version is Flink's as specs have it, such as v1_20.
	version string
	process *process.Process
	client  dynamic.Interface
}

// onEveryRelease runs a test on each release of Flink.
func onEveryRelease(t *testing.T, test func(t *testing.T, s *site)) {
	for release, home := range homes {
		t.Run(release, func(t *testing.T) {
			parts := strings.Split(release, ".")
			s := &site{
				t: t, version: "v" + parts[0] + "_" + parts[1],
				sandbox: weir.Sandbox{Binary: binary, Name: "workload", Dir: t.TempDir(), Homes: []string{home}},
			}
			s.start()
			t.Cleanup(func() { s.process.Kill() })
			test(t, s)
		})
	}
}

// start starts the cluster, or starts it again.
func (s *site) start() {
	s.t.Helper()
	var err error
	if s.process, err = s.sandbox.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.until("the cluster answers", func(ctx context.Context) error {
		config, err := clientcmd.BuildConfigFromFlags("", s.sandbox.Kubeconfig())
		if err != nil {
			return err
		}
		// Waiting must not be slowed down, which hides what is waited for.
		config.QPS = -1
		if s.client, err = dynamic.NewForConfig(config); err != nil {
			return err
		}
		_, err = s.in(deployments).List(ctx, metav1.ListOptions{})
		return err
	})
}

func (s *site) in(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return s.client.Resource(resource).Namespace("default")
}

func (s *site) until(what string, condition func(context.Context) error) {
	s.t.Helper()
	await.Within(s.t, patience, what, condition)
}

// create creates an object with a spec of YAML.
func (s *site) create(resource schema.GroupVersionResource, kind, name, spec string) {
	s.t.Helper()
	data, err := yaml.YAMLToJSON([]byte(fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: %s", flink, kind, name, spec)))
	if err != nil {
		s.t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(data); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.in(resource).Create(s.t.Context(), object, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// deployment is the spec of a FlinkDeployment, with more of it in YAML.
func (s *site) deployment(more string) string {
	return `{image: flink, flinkVersion: ` + s.version + `, serviceAccount: flink, ` +
		`jobManager: {resource: {cpu: 1, memory: 896m}}, taskManager: {resource: {cpu: 1, memory: 1024m}}, ` + more + `}`
}

func (s *site) patch(resource schema.GroupVersionResource, name, patch string) {
	s.t.Helper()
	if _, err := s.in(resource).Patch(s.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) remove(resource schema.GroupVersionResource, name string) {
	s.t.Helper()
	if err := s.in(resource).Delete(s.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// gone waits until an object is.
func (s *site) gone(resource schema.GroupVersionResource, name string) {
	s.t.Helper()
	s.until(name+" is gone", func(ctx context.Context) error {
		list, err := s.in(resource).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("it is there: %v", list.Items[0].Object["status"])
		}
		return err
	})
}

// object is an object of which the tests look at the status.
type object struct{ *unstructured.Unstructured }

func (o object) at(path ...string) string {
	value, _, _ := unstructured.NestedFieldNoCopy(o.Object, append([]string{"status"}, path...)...)
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// runs tells whether the job does, by the newest spec.
func (o object) runs() bool {
	return o.at("jobStatus", "state") == "RUNNING" && o.at("jobManagerDeploymentStatus") != "MISSING" &&
		o.at("observedGeneration") == fmt.Sprint(o.GetGeneration())
}

// await waits until an object is as a condition wants it.
func (s *site) await(resource schema.GroupVersionResource, name, what string, condition func(object) bool) object {
	s.t.Helper()
	var last object
	s.until(name+" to be "+what, func(ctx context.Context) error {
		got, err := s.in(resource).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if last = (object{got}); !condition(last) {
			return fmt.Errorf("its status is %v", got.Object["status"])
		}
		return nil
	})
	return last
}

// event waits for an event about an object that says something.
func (s *site) event(about, reason, says string) {
	s.t.Helper()
	s.until("event "+reason, func(ctx context.Context) error {
		list, err := s.in(events).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + about})
		if err != nil {
			return err
		}
		var told []string
		for _, event := range list.Items {
			message, _ := event.Object["message"].(string)
			if event.Object["reason"] == reason && strings.Contains(message, says) {
				return nil
			}
			told = append(told, fmt.Sprint(event.Object["reason"], ": ", message))
		}
		return fmt.Errorf("told is %q", told)
	})
}

// rest asks Flink's REST API of a deployment.
func (s *site) rest(ctx context.Context, deployment object, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, deployment.at("clusterInfo", "weir-rest")+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// allTasksRun waits until every task of a deployment's job does: only then can
// savepoints be taken.
func (s *site) allTasksRun(deployment object) {
	s.t.Helper()
	s.until("every task to run", func(ctx context.Context) error {
		var job struct {
			Vertices []struct {
				Status string `json:"status"`
			} `json:"vertices"`
		}
		if err := s.rest(ctx, deployment, "/jobs/"+deployment.at("jobStatus", "jobId"), &job); err != nil {
			return err
		}
		if len(job.Vertices) == 0 {
			return errors.New("the job is not initialized")
		}
		for _, vertex := range job.Vertices {
			if vertex.Status != "RUNNING" {
				return fmt.Errorf("a vertex is %s", vertex.Status)
			}
		}
		return nil
	})
}

// java are the process ids of the cluster's Java machines, of those with a word
// in their command line.
func (s *site) java(word string) []string {
	// pgrep ends with an error where it finds none.
	out, _ := exec.Command("pgrep", "-f", "^[^ ]*java .*"+regexp.QuoteMeta(s.sandbox.Dir)+".*"+word).Output()
	return strings.Fields(string(out))
}

func (s *site) noJava() {
	s.t.Helper()
	s.until("no process of Flink's to run", func(context.Context) error {
		if left := s.java(""); len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}
		return nil
	})
}
