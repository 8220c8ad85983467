//go:build flink

package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/openweir/weir/integration/flink"
	"github.com/openweir/weir/integration/weir"
)

// operatorHome names the folder of a release of the operator.
const operatorHome = "WEIR_OPERATOR_HOME"

// TestReleasedDefinitions runs a workload cluster with the custom resource
// definitions that a release of the operator installs. They hold every field to
// its type, pod templates included, and prune what they do not know.
func TestReleasedDefinitions(t *testing.T) {
	home := os.Getenv(operatorHome)
	if home == "" {
		t.Fatalf("%s must name a folder that tools/operator/assemble.sh has made", operatorHome)
	}
	definitions, err := flink.Released(home)
	if err != nil {
		t.Fatal(err)
	}
	released, err := startWorkload(t.Context(), t.TempDir(), "released")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(released.stop)
	if err := released.installDefinitions(t.Context(), definitions); err != nil {
		t.Fatal(err)
	}
	t.Run("accept what Weir renders", func(t *testing.T) { takeWhatIsRendered(t, released, versionsOf(t, definitions)) })
	t.Run("run what Weir is given", func(t *testing.T) { runWhatIsGiven(t, released) })
	t.Run("reject what Weir rejects", func(t *testing.T) {
		refuseTheSame(joinSite(startPlane(t), released, "default-k8s-cluster"))
	})
}

// versionsOf are the versions of Flink that a release of the operator knows.
func versionsOf(t *testing.T, definitions []*unstructured.Unstructured) []string {
	t.Helper()
	for _, definition := range definitions {
		versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
		first := weir.Object(versions[0].(map[string]any))
		values, _ := first.At("schema", "openAPIV3Schema", "properties", "spec", "properties", "flinkVersion", "enum").([]any)
		var names []string
		for _, value := range values {
			names = append(names, value.(string))
		}
		if len(names) > 0 {
			return names
		}
	}
	t.Fatal("no definition says which versions of Flink there are")
	return nil
}

// takeWhatIsRendered gives every golden file of the renderer to the API server,
// which is to take each as it is: nothing is pruned, nothing of another type. A
// release refuses versions of Flink that it does not know, and nothing else.
func takeWhatIsRendered(t *testing.T, released *workload, versions []string) {
	files, err := filepath.Glob("../../control/resource/*/testdata/*.golden.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("the golden files: %q, %v", files, err)
	}
	kinds := map[string]int{}
	for _, file := range files {
		object := golden(t, file)
		if object.GroupVersionKind().Group != flink.Deployments.Group {
			continue // the agent's own, which no API server sees
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden.json"), func(t *testing.T) {
			kinds[object.GetKind()]++
			object.SetNamespace("default")
			version, _, _ := unstructured.NestedString(object.Object, "spec", "flinkVersion")
			if version != "" && !slices.Contains(versions, version) {
				err := dryRun(t, released, object)
				if causes := causesOf(err); !slices.Equal(causes, []string{"spec.flinkVersion"}) {
					t.Errorf("Flink %s, which the release does not know, is refused because of %q: %v", version, causes, err)
				}
				_ = unstructured.SetNestedField(object.Object, versions[len(versions)-1], "spec", "flinkVersion")
			}
			if err := dryRun(t, released, object); err != nil {
				t.Error(err)
			}
		})
	}
	for _, kind := range []string{"FlinkDeployment", "FlinkSessionJob", "FlinkStateSnapshot"} {
		if kinds[kind] == 0 {
			t.Errorf("no golden file is a %s", kind)
		}
	}
}

func golden(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(content); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return object
}

// dryRun has the API server check an object, unknown fields included.
func dryRun(t *testing.T, w *workload, object *unstructured.Unstructured) error {
	t.Helper()
	resources := map[string]schema.GroupVersionResource{
		"FlinkDeployment": flink.Deployments, "FlinkSessionJob": flink.SessionJobs, "FlinkStateSnapshot": flink.StateSnapshots,
	}
	_, err := w.Client.Resource(resources[object.GetKind()]).Namespace(object.GetNamespace()).Create(t.Context(), object.DeepCopy(),
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
	return err
}

// causesOf are the fields because of which an object was refused.
func causesOf(err error) []string {
	var fields []string
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			fields = append(fields, cause.Field)
		}
	}
	return fields
}

// runWhatIsGiven takes every kind of resource through REST, control plane and
// agent to the operator's stand-in, whose own writes the definitions hold to
// their types as well.
func runWhatIsGiven(t *testing.T, released *workload) {
	p := startPlane(t)
	s := joinSite(p, released, "default-k8s-cluster")
	env := s.createEnvironment("test")
	running := map[string]string{
		"stateless":  `job: {upgradeMode: stateless}`,
		"savepoint":  `job: {upgradeMode: savepoint}`,
		"last-state": `job: {upgradeMode: last-state}`,
		"options":    `flinkConfiguration: {a: {b: 1.50, c: true, d: [x, 2]}, e: 12345678901234567890, f: null}`,
		"restored":   `startFromSavepoint: {initialSavepointPath: "s3://flink/savepoints/1", allowNonRestoredState: true}`,
		"standalone": `{mode: standalone, taskManager: {replicas: 2}}`,
		"exposed":    `{ingress: {template: "{{name}}.example.com", labels: {a: b}}, logConfiguration: {log4j-console.properties: ""}}`,
		"sidecar": `
podTemplate:
  spec:
    containers:
    - {name: flink-main-container, volumeMounts: [{name: keys, mountPath: /keys, readOnly: true}], env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: kafka, key: token}}}]}
    - {name: shipper, image: "fluent-bit:3", args: [-c, /keys/config], resources: {limits: {memory: 64Mi, cpu: 1}}}
    volumes:
    - {name: keys, secret: {secretName: kafka, items: [{key: config, path: config}]}}`,
	}
	for name, change := range running {
		env.postSpec(name, overlay(t, valid, change), http.StatusCreated)
	}
	env.postSpec("asleep", overlay(t, valid, `job: {state: suspended}`), http.StatusCreated)
	p.object(http.MethodPost, env.path+"/compute-pools",
		`{"apiVersion":"cmf.confluent.io/v1","kind":"ComputePool","metadata":{"name":"pool"},"spec":{"type":"SHARED","clusterSpec":{"flinkVersion":"v1_20","image":"flink:1.20","flinkConfiguration":{"taskmanager.numberOfTaskSlots":2},`+
			`"jobManager":{"resource":{"cpu":1,"memory":"1g"}},"taskManager":{"resource":{"cpu":1,"memory":"1g"}}}}}`, http.StatusOK)
	for name := range running {
		env.awaitApplication(name, "RUNNING")
		s.settled(name)
	}
	env.awaitStatusField("asleep", "lifecycleState", "CREATED")

	// What number a user gives an option by reaches Flink as it was written.
	options, _, _ := unstructured.NestedMap(s.deployment("options").Object, "spec", "flinkConfiguration")
	for option, want := range map[string]any{"a.b": "1.5", "a.c": "true", "a.d": "x;2", "f": nil} {
		if options[option] != want {
			t.Errorf("option %s is %v, not %v", option, options[option], want)
		}
	}

	p.object(http.MethodPost, env.path+"/applications/savepoint/suspend", "", http.StatusOK)
	s.awaitLifecycle("savepoint", "SUSPENDED")
	p.object(http.MethodPost, env.path+"/applications/savepoint/start", "", http.StatusOK)
	env.awaitApplication("savepoint", "RUNNING")

	p.object(http.MethodPost, env.path+"/applications/last-state/savepoints", `{"metadata":{"name":"first"},"spec":{"formatType":"CANONICAL","backoffLimit":2}}`, http.StatusCreated)
	p.await("the savepoint to be complete", func(ctx context.Context) error {
		savepoint, err := p.Object(ctx, http.MethodGet, env.path+"/applications/last-state/savepoints/first", "", http.StatusOK)
		if err == nil && savepoint.String("status", "state") != "COMPLETED" {
			err = fmt.Errorf("its status is %v", savepoint.At("status"))
		}
		return err
	})
	p.await("the pool to run", func(ctx context.Context) error {
		pool, err := p.Object(ctx, http.MethodGet, env.path+"/compute-pools/pool", "", http.StatusOK)
		if err == nil && pool.String("status", "phase") != "RUNNING" {
			err = fmt.Errorf("its status is %v", pool.At("status"))
		}
		return err
	})

	// A session job runs on the pool's cluster.
	job := golden(t, "../../control/resource/statement/testdata/statement-shared.golden.json")
	_ = unstructured.SetNestedField(job.Object, "pool", "spec", "deploymentName")
	job.SetNamespace(s.namespace)
	sessionJobs := s.Client.Resource(flink.SessionJobs).Namespace(s.namespace)
	if _, err := sessionJobs.Create(t.Context(), job, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
		t.Fatal(err)
	}
	p.await("the session job to run", func(ctx context.Context) error {
		object, err := sessionJobs.Get(ctx, job.GetName(), metav1.GetOptions{})
		if err == nil && weir.Object(object.Object).String("status", "jobStatus", "state") != "RUNNING" {
			err = fmt.Errorf("its status is %v", object.Object["status"])
		}
		return err
	})

	// A field that no pod has is refused by name, and not pruned.
	env.postSpec("misspelt", overlay(t, valid, `podTemplate: {spec: {contianers: []}}`), http.StatusCreated)
	env.awaitProblem("misspelt", "Invalid", "spec.podTemplate.spec.contianers")
}
