package apiserver

import (
	"sort"

	smdschema "sigs.k8s.io/structured-merge-diff/v6/schema"
)

// The types of values that no schema describes; see fieldTypes.
const (
	deducedType  = "__untyped_deduced_"
	metadataType = "metadata"
)

func named(name string) smdschema.TypeRef { return smdschema.TypeRef{NamedType: &name} }

// atom returns how the objects of the kind merge.
func (k *kind) atom() smdschema.Atom {
	text := smdschema.String
	object := smdschema.Map{Fields: []smdschema.StructField{
		{Name: "apiVersion", Type: smdschema.TypeRef{Inlined: smdschema.Atom{Scalar: &text}}},
		{Name: "kind", Type: smdschema.TypeRef{Inlined: smdschema.Atom{Scalar: &text}}},
		{Name: "metadata", Type: named(metadataType)},
	}}
	if k.schema == nil {
		object.ElementType = named(deducedType)
		return smdschema.Atom{Map: &object}
	}
	rest := k.schema.mapping()
	object.Fields = append(object.Fields, rest.Fields...)
	object.ElementType = rest.ElementType
	return smdschema.Atom{Map: &object}
}

// mergeType returns how values of the schema merge, by the rules that an API
// server derives from a structural schema: what the schema does not declare
// cannot be applied at all.
func (s *structure) mergeType() smdschema.TypeRef {
	ref := smdschema.TypeRef{Inlined: s.mergeAtom()}
	if s.Type == "" {
		ref = named(deducedType)
	}
	return ref
}

func (s *structure) mergeAtom() smdschema.Atom {
	scalar := func(kind smdschema.Scalar) smdschema.Atom { return smdschema.Atom{Scalar: &kind} }
	switch s.Type {
	case "object":
		return smdschema.Atom{Map: s.mapping()}
	case "array":
		return smdschema.Atom{List: s.listing()}
	case "integer", "number":
		return scalar(smdschema.Numeric)
	case "boolean":
		return scalar(smdschema.Boolean)
	case "string":
		return scalar(smdschema.String)
	}
	return scalar(smdschema.Untyped)
}

func (s *structure) mapping() *smdschema.Map {
	mapping := &smdschema.Map{}
	for name, property := range s.Properties {
		mapping.Fields = append(mapping.Fields, smdschema.StructField{Name: name, Type: property.mergeType()})
	}
	sort.Slice(mapping.Fields, func(i, j int) bool { return mapping.Fields[i].Name < mapping.Fields[j].Name })
	switch {
	case s.AdditionalProperties != nil:
		mapping.ElementType = s.AdditionalProperties.mergeType()
	case s.PreserveUnknown, len(s.Properties) == 0:
		mapping.ElementType = named(deducedType)
	}
	if s.MapType == "atomic" {
		mapping.ElementRelationship = smdschema.Atomic
	}
	return mapping
}

func (s *structure) listing() *smdschema.List {
	listing := &smdschema.List{ElementType: named(deducedType), ElementRelationship: smdschema.Atomic}
	if s.Items != nil {
		listing.ElementType = s.Items.mergeType()
	}
	if s.ListType == "set" || s.ListType == "map" {
		listing.ElementRelationship = smdschema.Associative
		listing.Keys = s.ListMapKeys
	}
	return listing
}
