package driver

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// foreignPaths finds the fields of an object that somebody else has added to
// what the manifest wants. The API server keeps a record of who set which
// field; its own defaults are nobody's, so that they are told from additions
// even by an agent that was not there when the object was made.
func foreignPaths(manifest, live *unstructured.Unstructured) [][]string {
	wanted := contentOf(manifest)
	is := contentOf(live)
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
			if path := unwanted(owned, wanted, is); path != nil {
				found = append(found, path)
			}
		}
	}
	slices.SortFunc(found, slices.Compare)
	return slices.CompactFunc(found, slices.Equal)
}

// ownedPaths lists the leaves of a set of fields as metadata.managedFields
// writes it: members are "f:<name>", and "." is the node itself. A node with
// list items below it counts as a leaf.
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

// unwanted shortens a path to its first field that the manifest lacks. It is
// nil where the manifest has the whole path, or the object lacks it.
func unwanted(path []string, wanted, is map[string]any) []string {
	for i, field := range path {
		value, there := is[field]
		if !there {
			return nil
		}
		want, ok := wanted[field]
		if !ok {
			return path[:i+1]
		}
		if is, ok = value.(map[string]any); !ok {
			return nil
		}
		if wanted, ok = want.(map[string]any); !ok {
			return nil
		}
	}
	return nil
}
