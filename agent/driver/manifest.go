package driver

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// parseManifest reads a manifest and makes it fit to be applied: it must be of
// the object that it is sent for, and holds nothing that only the API server
// may say.
func parseManifest(k key, manifest string) (*unstructured.Unstructured, error) {
	var content map[string]any
	if err := kjson.Unmarshal([]byte(manifest), &content); err != nil {
		return nil, fmt.Errorf("the manifest is no JSON object: %w", err)
	}
	if metadata, there := content["metadata"]; there {
		if _, ok := metadata.(map[string]any); !ok {
			return nil, errors.New("metadata of the manifest is no object")
		}
	}
	o := &unstructured.Unstructured{Object: content}
	if o.GetNamespace() == "" {
		o.SetNamespace(k.namespace)
	}
	if is := keyOfObject(o); is != k {
		return nil, fmt.Errorf("the manifest is of %s (%s), not of %s (%s)", is, is.apiVersion, k, k.apiVersion)
	}
	delete(content, "status")
	metadata := content["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields"} {
		delete(metadata, field)
	}
	return o, foldStringData(content)
}

// foldStringData moves stringData of a Secret into data, where the API server
// would put it: server-side apply would otherwise lose track of it.
func foldStringData(content map[string]any) error {
	plain, ok := content["stringData"].(map[string]any)
	if !ok || content["kind"] != "Secret" {
		return nil
	}
	data, ok := content["data"].(map[string]any)
	if !ok {
		data = make(map[string]any)
	}
	for name, value := range plain {
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("stringData[%q] is no string", name)
		}
		data[name] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	content["data"] = data
	delete(content, "stringData")
	return nil
}

// contentOf is the part of an object that a manifest decides: all but its
// metadata and its status.
func contentOf(o *unstructured.Unstructured) map[string]any {
	content := make(map[string]any, len(o.Object))
	for field, value := range o.Object {
		switch field {
		case "apiVersion", "kind", "metadata", "status":
		default:
			content[field] = value
		}
	}
	return content
}

// canonical writes content as JSON so that equal content is equal text.
func canonical(content map[string]any) string {
	text, err := json.Marshal(content)
	if err != nil {
		// Content was JSON when it was read, so that this cannot be. Text that is
		// equal to no other leads to a closer look.
		return "not JSON: " + err.Error()
	}
	return string(text)
}

// parseCanonical reads what canonical wrote.
func parseCanonical(text string) map[string]any {
	var content map[string]any
	if err := kjson.Unmarshal([]byte(text), &content); err != nil {
		return nil
	}
	return content
}
