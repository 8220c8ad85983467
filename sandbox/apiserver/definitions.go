package apiserver

import (
	"embed"
	"fmt"

	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var definitionFiles embed.FS

// flinkDefinitions returns the custom resource definitions of the Flink
// Kubernetes Operator, as the sandbox knows them.
func flinkDefinitions() ([]map[string]any, error) {
	entries, err := definitionFiles.ReadDir("crds")
	if err != nil {
		return nil, fmt.Errorf("list the definitions: %w", err)
	}
	var definitions []map[string]any
	for _, entry := range entries {
		data, err := definitionFiles.ReadFile("crds/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the definition %s: %w", entry.Name(), err)
		}
		var definition map[string]any
		if err := yaml.Unmarshal(data, &definition); err != nil {
			return nil, fmt.Errorf("decode the definition %s: %w", entry.Name(), err)
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}
