package policy

import (
	"fmt"

	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/openweir/weir/flink/policy"
)

// parse decodes a manifest for expressions, which have integers.
func parse(manifest string) (map[string]any, error) {
	var content map[string]any
	if err := kjson.Unmarshal([]byte(manifest), &content); err != nil {
		return nil, fmt.Errorf("read a manifest for policies: %w", err)
	}
	return policy.Prepare(content), nil
}

func texts(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}
