package apiserver

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
)

// kind is one resource that the server serves.
type kind struct {
	resource   schema.GroupVersionResource
	name       schema.GroupVersionKind
	listKind   string
	singular   string
	shortNames []string
	namespaced bool
	// status is set where the status is written through a subresource, and
	// changes of the rest are counted by metadata.generation.
	status bool
	// custom is set for the kinds of custom resource definitions: their
	// updates must name a resourceVersion, their data is held to schema.
	custom bool
	schema *structure

	// fields merges applied configurations into the object and its status.
	fields, statusFields *managedfields.FieldManager
}

// collection is the name of the kind's objects in storage.
func (k *kind) collection() string { return k.resource.GroupResource().String() }

func (k *kind) groupResource() schema.GroupResource { return k.resource.GroupResource() }

// verbs are what discovery says of the resource.
func (k *kind) verbs() []string {
	return []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}

// finish makes the kind ready for use.
func (k *kind) finish() (*kind, error) {
	if k.listKind == "" {
		k.listKind = k.name.Kind + "List"
	}
	if k.singular == "" {
		k.singular = strings.ToLower(k.name.Kind)
	}
	var err error
	if k.fields, err = newFieldManager(k, ""); err != nil {
		return nil, fmt.Errorf("track the fields of %s: %w", k.name.Kind, err)
	}
	if k.statusFields, err = newFieldManager(k, "status"); err != nil {
		return nil, fmt.Errorf("track the fields of the status of %s: %w", k.name.Kind, err)
	}
	return k, nil
}

// Resources of the API server itself that other code has to know by name.
const (
	namespaces  = "namespaces"
	events      = "events"
	definitions = "customresourcedefinitions.apiextensions.k8s.io"
)

// builtin returns the kinds that are served whatever definitions there are.
func builtin() ([]*kind, error) {
	core := func(plural, name string, shortNames ...string) *kind {
		return &kind{
			resource:   schema.GroupVersionResource{Version: "v1", Resource: plural},
			name:       schema.GroupVersionKind{Version: "v1", Kind: name},
			namespaced: true,
			shortNames: shortNames,
		}
	}
	namespace := core(namespaces, "Namespace", "ns")
	namespace.namespaced = false
	definition := &kind{
		resource:   schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		name:       schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
		shortNames: []string{"crd", "crds"},
	}
	kinds := []*kind{
		namespace,
		core(events, "Event", "ev"),
		core("secrets", "Secret"),
		core("configmaps", "ConfigMap", "cm"),
		core("services", "Service", "svc"),
		core("pods", "Pod", "po"),
		definition,
	}
	for _, k := range kinds {
		if _, err := k.finish(); err != nil {
			return nil, err
		}
	}
	return kinds, nil
}

// custom returns the kind that a custom resource definition defines. Of several
// versions it is the stored one: the sandbox converts nothing.
func custom(definition map[string]any) (*kind, error) {
	var d struct {
		Spec struct {
			Group string
			Scope string
			Names struct {
				Plural, Singular, Kind, ListKind string
				ShortNames                       []string
			}
			Versions []struct {
				Name            string
				Served, Storage bool
				Subresources    map[string]any
				Schema          struct {
					OpenAPIV3Schema map[string]any
				}
			}
		}
	}
	if err := convert(definition, &d); err != nil {
		return nil, fmt.Errorf("read the custom resource definition: %w", err)
	}
	names := d.Spec.Names
	if d.Spec.Group == "" || names.Plural == "" || names.Kind == "" {
		return nil, fmt.Errorf("spec.group, spec.names.plural and spec.names.kind are required")
	}
	for _, version := range d.Spec.Versions {
		if !version.Storage || !version.Served {
			continue
		}
		schematic, err := decodeStructure(version.Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		_, status := version.Subresources["status"]
		k := &kind{
			resource:   schema.GroupVersionResource{Group: d.Spec.Group, Version: version.Name, Resource: names.Plural},
			name:       schema.GroupVersionKind{Group: d.Spec.Group, Version: version.Name, Kind: names.Kind},
			listKind:   names.ListKind,
			singular:   names.Singular,
			shortNames: names.ShortNames,
			namespaced: d.Spec.Scope == "Namespaced",
			status:     status,
			custom:     true,
			schema:     schematic,
		}
		return k.finish()
	}
	return nil, fmt.Errorf("spec.versions has none that is both served and stored")
}
