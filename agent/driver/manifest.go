package driver

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// parseManifest decodes a manifest, checks that it describes the given object,
// and drops what only the API server may set.
func parseManifest(k key, manifest string) (*unstructured.Unstructured, error) {
	var content map[string]any
	if err := kjson.Unmarshal([]byte(manifest), &content); err != nil {
		return nil, fmt.Errorf("the manifest is not a JSON object: %w", err)
	}
	if metadata, exists := content["metadata"]; exists {
		if _, ok := metadata.(map[string]any); !ok {
			return nil, errors.New("the metadata of the manifest is not an object")
		}
	}
	o := &unstructured.Unstructured{Object: content}
	if o.GetNamespace() == "" {
		o.SetNamespace(k.namespace)
	}
	if actual := keyOfObject(o); actual != k {
		return nil, fmt.Errorf("the manifest describes %s (%s), not %s (%s)", actual, actual.apiVersion, k, k.apiVersion)
	}
	delete(content, "status")
	metadata := content["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields"} {
		delete(metadata, field)
	}
	return o, foldStringData(content)
}

// foldStringData moves stringData of a Secret into data, as the API server does:
// otherwise server-side apply would not track the fields.
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
			return fmt.Errorf("stringData[%q] is not a string", name)
		}
		data[name] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	content["data"] = data
	delete(content, "stringData")
	return nil
}

// contentOf returns what a manifest determines of an object: all but its metadata
// and its status.
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

// canonical encodes content as JSON, so that equal content is equal text.
func canonical(content map[string]any) string {
	text, err := json.Marshal(content)
	if err != nil {
		// Cannot happen, since the content was decoded from JSON. A text that equals
		// no other forces a full comparison.
		return "not JSON: " + err.Error()
	}
	return string(text)
}

// parseCanonical decodes what canonical encoded.
func parseCanonical(text string) map[string]any {
	var content map[string]any
	if err := kjson.Unmarshal([]byte(text), &content); err != nil {
		return nil
	}
	return content
}
