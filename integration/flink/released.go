package flink

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Released are the custom resource definitions that a release of the operator
// installs, out of a folder that tools/operator/assemble.sh has made.
func Released(home string) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(filepath.Join(home, "crds", "*.yml"))
	if err != nil {
		return nil, fmt.Errorf("find custom resource definitions in %s: %w", home, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no custom resource definitions in %s: tools/operator/assemble.sh puts them there", filepath.Join(home, "crds"))
	}
	var definitions []*unstructured.Unstructured
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a custom resource definition: %w", err)
		}
		definition := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(content, &definition.Object); err != nil {
			return nil, fmt.Errorf("read the custom resource definition %s: %w", file, err)
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}
