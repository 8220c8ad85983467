package driver

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// foreignPaths returns the fields of an object that other clients have added to
// those of the manifest. metadata.managedFields says who set which field and
// does not list defaults of the API server, so even an agent that did not create
// the object can tell additions from defaults.
func foreignPaths(manifest, live *unstructured.Unstructured) [][]string {
	desired, current := contentOf(manifest), contentOf(live)
	var found [][]string
	for _, entry := range live.GetManagedFields() {
		if entry.Manager == FieldManager || entry.Subresource == "status" || entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		delete(fields, "f:metadata")
		delete(fields, "f:status")
		for _, owned := range ownedPaths(nil, fields) {
			if path := addedPath(owned, desired, current); path != nil {
				found = append(found, path)
			}
		}
	}
	slices.SortFunc(found, slices.Compare)
	return slices.CompactFunc(found, slices.Equal)
}

// ownedPaths returns the leaves of a field set in the format of
// metadata.managedFields: members are "f:<name>", and "." is the node itself. A
// node above list items counts as a leaf.
func ownedPaths(path []string, fields map[string]any) [][]string {
	var paths [][]string
	for name, below := range fields {
		field, isField := strings.CutPrefix(name, "f:")
		if !isField {
			continue
		}
		nested, _ := below.(map[string]any)
		deeper := ownedPaths(extend(path, field), nested)
		if len(deeper) == 0 {
			deeper = [][]string{extend(path, field)}
		}
		paths = append(paths, deeper...)
	}
	return paths
}

// addedPath shortens a path to its first field that is not desired. It is nil if
// the whole path is desired or does not exist.
func addedPath(path []string, desired, current map[string]any) []string {
	for i, field := range path {
		value, exists := current[field]
		if !exists {
			return nil
		}
		below, isDesired := desired[field]
		if !isDesired {
			return path[:i+1]
		}
		var ok bool
		if current, ok = value.(map[string]any); !ok {
			return nil
		}
		if desired, ok = below.(map[string]any); !ok {
			return nil
		}
	}
	return nil
}
