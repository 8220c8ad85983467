package apiserver

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestDeleteWaitsForFinalizers(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	app := deployment(t, "app", "{image: flink}")
	app.SetFinalizers([]string{"example.com/one", "example.com/two"})
	if _, err := c.in(deployments, "default").Create(ctx, app, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	foreground := metav1.DeletePropagationForeground
	if err := c.in(deployments, "default").Delete(ctx, "app", metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
		t.Fatal(err)
	}
	marked, err := c.in(deployments, "default").Get(ctx, "app", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if marked.GetDeletionTimestamp() == nil || marked.GetGeneration() != 2 {
		t.Fatalf("metadata is %v", marked.Object["metadata"])
	}
	patch := func(finalizers string) error {
		_, err := c.in(deployments, "default").Patch(ctx, "app", types.MergePatchType,
			[]byte(`{"metadata":{"finalizers":`+finalizers+`}}`), metav1.PatchOptions{})
		return err
	}
	if err := patch(`["example.com/one","example.com/three"]`); !apierrors.IsInvalid(err) {
		t.Errorf("a new finalizer: %v", err)
	}
	if err := patch(`["example.com/two"]`); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(deployments, "default").Get(ctx, "app", metav1.GetOptions{}); err != nil {
		t.Fatalf("with one finalizer left: %v", err)
	}
	if err := patch(`[]`); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(deployments, "default").Get(ctx, "app", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("with no finalizer left: %v", err)
	}
}

func TestDeletePreconditions(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	created := create(t, c, "app", "{}")
	other, right := types.UID("other"), created.GetUID()
	err := c.in(deployments, "default").Delete(ctx, "app", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}})
	if !apierrors.IsConflict(err) {
		t.Errorf("wrong uid: %v", err)
	}
	err = c.in(deployments, "default").Delete(ctx, "app", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &right}})
	if err != nil {
		t.Errorf("right uid: %v", err)
	}
	if err := c.in(deployments, "default").Delete(ctx, "app", metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("again: %v", err)
	}
}

func TestDeleteCollection(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	for _, name := range []string{"a", "b", "c"} {
		app := deployment(t, name, "{}")
		app.SetLabels(map[string]string{"keep": map[bool]string{true: "yes", false: "no"}[name == "b"]})
		if _, err := c.in(deployments, "default").Create(ctx, app, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	err := c.in(deployments, "default").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "keep=no"})
	if err != nil {
		t.Fatal(err)
	}
	left, err := c.in(deployments, "default").List(ctx, metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].GetName() != "b" {
		t.Errorf("left is %v, %v", left, err)
	}
}

func TestNamespaceIsDeletedWithItsContents(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	namespace := object(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}")
	if _, err := c.in(namespacesV1, "").Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	app := deployment(t, "app", "{}")
	app.SetFinalizers([]string{"example.com/one"})
	if _, err := c.in(deployments, "team").Create(ctx, app, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(deployments, "team").Create(ctx, deployment(t, "loose", "{}"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.in(namespacesV1, "").Delete(ctx, "team", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := c.in(namespacesV1, "").Get(ctx, "team", metav1.GetOptions{})
	if err != nil || got.Object["status"].(map[string]any)["phase"] != "Terminating" {
		t.Fatalf("namespace is %v, %v", got, err)
	}
	if _, err := c.in(deployments, "team").Get(ctx, "loose", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("an object without finalizers: %v", err)
	}
	_, err = c.in(deployments, "team").Create(ctx, deployment(t, "late", "{}"), metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !apierrors.HasStatusCause(err, "NamespaceTerminating") {
		t.Errorf("create in a namespace that goes: %v", err)
	}
	_, err = c.in(deployments, "team").Patch(ctx, "app", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(namespacesV1, "").Get(ctx, "team", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("namespace afterwards: %v", err)
	}
}

func TestDefinitionIsDeletedWithItsObjects(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	create(t, c, "app", "{}")
	definition, err := c.in(definitionsV1, "").Get(ctx, "flinkdeployments.flink.apache.org", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.in(definitionsV1, "").Delete(ctx, definition.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in(deployments, "default").List(ctx, metav1.ListOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("list without the definition: %v", err)
	}
	again := object(t, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: flinkdeployments.flink.apache.org}")
	again.Object["spec"] = definition.Object["spec"]
	if _, err := c.in(definitionsV1, "").Create(ctx, again, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	left, err := c.in(deployments, "default").List(ctx, metav1.ListOptions{})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("list with the definition again: %v, %v", left, err)
	}
}
