package apiserver

import (
	"encoding/base64"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// complete fills in what a server and its controllers fill in for a kind. live
// is the version before; nil if there is none.
func (k *kind) complete(live, object *unstructured.Unstructured) {
	switch k.collection() {
	case namespaces:
		completeNamespace(live, object)
	case definitions:
		completeDefinition(object)
	case "secrets":
		completeSecret(object)
	}
}

// completeNamespace makes a new namespace an active one, and lets nobody
// change what a namespace's controller would.
func completeNamespace(live, object *unstructured.Unstructured) {
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["kubernetes.io/metadata.name"] = object.GetName()
	object.SetLabels(labels)
	object.Object["spec"] = map[string]any{"finalizers": []any{"kubernetes"}}
	object.Object["status"] = map[string]any{"phase": "Active"}
	if live != nil {
		object.Object["status"] = live.Object["status"]
	}
}

// completeDefinition says that the definition's kind is served.
func completeDefinition(object *unstructured.Unstructured) {
	since := object.Object["metadata"].(map[string]any)["creationTimestamp"]
	holds := func(condition string) any {
		return map[string]any{"type": condition, "status": "True", "reason": "Served", "lastTransitionTime": since}
	}
	names, _, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "names")
	object.Object["status"] = map[string]any{
		"acceptedNames": names,
		"conditions":    []any{holds("NamesAccepted"), holds("Established")},
	}
}

// completeSecret moves stringData, which can only be written, into data.
func completeSecret(object *unstructured.Unstructured) {
	if text(object.Object, "type") == "" {
		object.Object["type"] = "Opaque"
	}
	plain, ok := object.Object["stringData"].(map[string]any)
	if !ok {
		return
	}
	delete(object.Object, "stringData")
	data, ok := object.Object["data"].(map[string]any)
	if !ok {
		data = map[string]any{}
		object.Object["data"] = data
	}
	for name, value := range plain {
		if value, ok := value.(string); ok {
			data[name] = base64.StdEncoding.EncodeToString([]byte(value))
		}
	}
}
