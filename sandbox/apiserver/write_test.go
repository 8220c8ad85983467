package apiserver

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func create(t *testing.T, c *cluster, name, spec string) *unstructured.Unstructured {
	t.Helper()
	created, err := c.in(deployments, "default").Create(within(t), deployment(t, name, spec), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func TestCreateIsRejected(t *testing.T) {
	c := serve(t, Config{})
	create(t, c, "taken", `{image: flink}`)
	tests := map[string]struct {
		namespace, name, spec string
		is                    func(error) bool
		says                  string
	}{
		"in a namespace that does not exist": {
			namespace: "nowhere", name: "app", spec: "{}",
			is: apierrors.IsNotFound, says: `namespaces "nowhere" not found`,
		},
		"under a name that is taken": {
			namespace: "default", name: "taken", spec: "{}",
			is: apierrors.IsAlreadyExists, says: `flinkdeployments.flink.apache.org "taken" already exists`,
		},
		"under a name that is none": {
			namespace: "default", name: "A_b", spec: "{}",
			is: apierrors.IsInvalid, says: "metadata.name: Invalid value",
		},
		"with a Flink version that is none": {
			namespace: "default", name: "app", spec: "{flinkVersion: v9_0}",
			is: apierrors.IsInvalid, says: `spec.flinkVersion: Unsupported value: "v9_0": supported values: "v1_13"`,
		},
		"with an upgrade mode that is none": {
			namespace: "default", name: "app", spec: "{job: {upgradeMode: gentle}}",
			is: apierrors.IsInvalid, says: `spec.job.upgradeMode: Unsupported value: "gentle"`,
		},
		"with a state that is none": {
			namespace: "default", name: "app", spec: "{job: {state: RUNNING}}",
			is: apierrors.IsInvalid, says: `spec.job.state: Unsupported value: "RUNNING"`,
		},
		"with a value of the wrong type": {
			namespace: "default", name: "app", spec: "{job: {parallelism: many, args: [1]}}",
			is: apierrors.IsInvalid, says: `spec.job.parallelism in body must be of type integer: "string"`,
		},
		"with every mistake named": {
			namespace: "default", name: "app", spec: "{job: {parallelism: many, args: [1]}}",
			is: apierrors.IsInvalid, says: `spec.job.args[0] in body must be of type string: "integer"`,
		},
		"with null for a value": {
			namespace: "default", name: "app", spec: "{image: null}",
			is: apierrors.IsInvalid, says: `spec.image in body must be of type string: "null"`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.in(deployments, test.namespace).Create(within(t), deployment(t, test.name, test.spec), metav1.CreateOptions{})
			if !test.is(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestInvalidErrorsNameTheirCauses(t *testing.T) {
	c := serve(t, Config{})
	_, err := c.in(deployments, "default").Create(within(t), deployment(t, "app", "{flinkVersion: old, mode: fast}"), metav1.CreateOptions{})
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, cause := range status.Status().Details.Causes {
		fields = append(fields, string(cause.Type)+" "+cause.Field)
	}
	want := []string{"FieldValueNotSupported spec.flinkVersion", "FieldValueNotSupported spec.mode"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("causes differ (-want +got):\n%s", diff)
	}
}

func TestUnknownFieldsArePruned(t *testing.T) {
	c := serve(t, Config{})
	got := create(t, c, "app", `{image: flink, nonsense: 1, podTemplate: {any: thing}, job: {jarUri: x}, flinkConfiguration: {a: {b: c}}}`)
	want := deployment(t, "app", `{image: flink, podTemplate: {any: thing}, job: {}, flinkConfiguration: {a: {b: c}}}`)
	if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
		t.Errorf("spec differs (-want +got):\n%s", diff)
	}
	strict := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
	_, err := c.in(deployments, "default").Create(within(t), deployment(t, "strict", `{nonsense: 1}`), strict)
	if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), `unknown field "spec.nonsense"`) {
		t.Errorf("strict: %v", err)
	}
}

func TestUpdateRequiresTheCurrentVersion(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	first := create(t, c, "app", `{image: flink}`)
	second := first.DeepCopy()
	if err := unstructured.SetNestedField(second.Object, "other", "spec", "image"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(deployments, "default").Update(ctx, second, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.in(deployments, "default").Update(ctx, second, metav1.UpdateOptions{})
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), "the object has been modified") {
		t.Errorf("stale update: %v", err)
	}
	second.SetResourceVersion("")
	if _, err = c.in(deployments, "default").Update(ctx, second, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("update without a version: %v", err)
	}
	second.SetUID("another")
	if _, err = c.in(deployments, "default").Update(ctx, second, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) && !apierrors.IsConflict(err) {
		t.Errorf("update of another object: %v", err)
	}
}

func TestGenerationCountsChangesOfTheDesiredState(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	patch := func(text string, subresources ...string) *unstructured.Unstructured {
		t.Helper()
		got, err := c.in(deployments, "default").Patch(ctx, "app", types.MergePatchType, []byte(text), metav1.PatchOptions{}, subresources...)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	created := create(t, c, "app", `{image: flink}`)
	steps := []struct {
		name       string
		got        *unstructured.Unstructured
		generation int64
		written    bool
	}{
		{"a status", patch(`{"status":{"error":"e"}}`, "status"), 1, true},
		{"a label", patch(`{"metadata":{"labels":{"a":"b"}}}`), 1, true},
		{"the same label", patch(`{"metadata":{"labels":{"a":"b"}}}`), 1, false},
		{"a field", patch(`{"spec":{"image":"other"}}`), 2, true},
		{"a status as if it were a field", patch(`{"status":{"error":"ignored"}}`), 2, false},
		{"a field as if it were a status", patch(`{"spec":{"image":"ignored"}}`, "status"), 2, false},
	}
	before := created
	for _, step := range steps {
		if step.got.GetGeneration() != step.generation {
			t.Errorf("%s: generation is %d, want %d", step.name, step.got.GetGeneration(), step.generation)
		}
		if written := step.got.GetResourceVersion() != before.GetResourceVersion(); written != step.written {
			t.Errorf("%s: written is %v, want %v", step.name, written, step.written)
		}
		before = step.got
	}
	want := map[string]any{"error": "e"}
	if diff := cmp.Diff(want, before.Object["status"]); diff != "" {
		t.Errorf("status differs (-want +got):\n%s", diff)
	}
	if image, _, _ := unstructured.NestedString(before.Object, "spec", "image"); image != "other" {
		t.Errorf("image is %q", image)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	if _, err := c.in(deployments, "default").Create(ctx, deployment(t, "app", "{}"), options); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(deployments, "default").Get(ctx, "app", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after a dry run: %v", err)
	}
}

func TestUnsupportedRequests(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	create(t, c, "app", "{}")
	_, err := c.in(deployments, "default").Patch(ctx, "app", types.StrategicMergePatchType, []byte("{}"), metav1.PatchOptions{})
	if !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("strategic merge patch: %v", err)
	}
	_, err = c.in(deployments.GroupVersion().WithResource("flinkfoos"), "default").Get(ctx, "app", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "the server could not find the requested resource") {
		t.Errorf("unknown resource: %v", err)
	}
	big := deployment(t, "big", "{}")
	big.SetAnnotations(map[string]string{"a": strings.Repeat("x", maxBody)})
	if _, err = c.in(deployments, "default").Create(ctx, big, metav1.CreateOptions{}); !apierrors.IsRequestEntityTooLargeError(err) {
		t.Errorf("too large a body: %v", err)
	}
}
