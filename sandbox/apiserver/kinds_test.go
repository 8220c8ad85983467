package apiserver

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

func TestSecretsStoreNoPlainText(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	apply := func(data string) map[string]any {
		t.Helper()
		o := object(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"+data)
		got, err := c.in(secrets, "default").Apply(ctx, "s", o, metav1.ApplyOptions{FieldManager: "a"})
		if err != nil {
			t.Fatal(err)
		}
		return got.Object
	}
	for _, data := range []string{"stringData: {password: secret}", "stringData: {password: changed}"} {
		got := apply(data)
		if got["stringData"] != nil || got["type"] != "Opaque" {
			t.Errorf("the secret is %v", got)
		}
	}
	if diff := cmp.Diff(map[string]any{"password": "Y2hhbmdlZA=="}, apply("stringData: {password: changed}")["data"]); diff != "" {
		t.Errorf("data differ (-want +got):\n%s", diff)
	}
}

func TestNamespaceStaysActive(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	got, err := c.in(namespacesV1, "").Patch(ctx, "flink", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"a":"b"}},"status":null,"spec":null}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "b", "kubernetes.io/metadata.name": "flink"}
	if diff := cmp.Diff(want, got.GetLabels()); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"phase": "Active"}, got.Object["status"]); diff != "" {
		t.Errorf("status differs (-want +got):\n%s", diff)
	}
}

func TestDefinitionsAreEstablished(t *testing.T) {
	c := serve(t, Config{})
	list, err := c.in(definitionsV1, "").List(within(t), metav1.ListOptions{})
	if err != nil || len(list.Items) != 3 {
		t.Fatalf("definitions are %v, %v", list, err)
	}
	for _, definition := range list.Items {
		status, _ := definition.Object["status"].(map[string]any)
		conditions, _ := status["conditions"].([]any)
		if len(conditions) != 2 {
			t.Errorf("%s has the status %v", definition.GetName(), status)
		}
	}
}

func TestCustomDefinition(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	definition := object(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`)
	if _, err := c.in(definitionsV1, "").Create(ctx, definition, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	things := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "things"}
	thing := object(t, "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nanything: {goes: 1}")
	if _, err := c.in(things, "default").Apply(ctx, "a", thing, metav1.ApplyOptions{FieldManager: "a"}); err != nil {
		t.Error(err)
	}
	definition.SetName("wrong.example.com")
	if _, err := c.in(definitionsV1, "").Create(ctx, definition, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("under a wrong name: %v", err)
	}
}

func TestPartialObjectMetadata(t *testing.T) {
	c := serve(t, Config{})
	create(t, c, "app", "{image: flink}")
	client, err := metadata.NewForConfig(c.rest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.Resource(deployments).Namespace("default").List(within(t), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "app" {
		t.Fatalf("list is %v, %v", list, err)
	}
	one, err := client.Resource(deployments).Namespace("default").Get(within(t), "app", metav1.GetOptions{})
	if err != nil || one.UID == "" {
		t.Errorf("got %v, %v", one, err)
	}
}

func TestRequestsNeedTheToken(t *testing.T) {
	c := serve(t, Config{})
	stranger := rest.CopyConfig(c.rest)
	stranger.BearerToken = "wrong"
	client, err := dynamic.NewForConfig(stranger)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(namespacesV1).List(within(t), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("got %v", err)
	}
}
