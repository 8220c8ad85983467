package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is the part of an OpenAPI 3.0 document that the comparison reads.
type document struct {
	Paths      map[string]map[string]described
	Components struct {
		Schemas   map[string]*schema
		Responses map[string]response
	}
}

type described struct {
	Parameters []struct {
		Name, In string
		Required bool
		Schema   *schema
	}
	RequestBody *struct {
		Required bool
		Content  map[string]media
	}
	Responses map[string]response
}

type response struct {
	Ref     string `json:"$ref"`
	Headers map[string]json.RawMessage
	Content map[string]media
}

type media struct{ Schema *schema }

type schema struct {
	Ref                  string `json:"$ref"`
	AllOf                []*schema
	Type, Format         string
	Items                *schema
	Properties           map[string]*schema
	Required             []string
	AdditionalProperties json.RawMessage
	ReadOnly             bool
}

func parseDocument(text []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return d, nil
}

// operations are all operations by method and path.
func (d *document) operations() map[string]described {
	result := map[string]described{}
	for path, item := range d.Paths {
		for method, operation := range item {
			result[strings.ToUpper(method)+" "+path] = operation
		}
	}
	return result
}

func (d *document) response(r response) response {
	if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
		return d.Components.Responses[name]
	}
	return r
}

// body is the schema of a body, which must be the same in JSON and YAML.
func body(content map[string]media) (*schema, error) {
	if len(content) == 0 {
		return nil, nil
	}
	types := slices.Sorted(maps.Keys(content))
	if !slices.Equal(types, []string{"application/json", "application/yaml"}) {
		return nil, fmt.Errorf("the body comes as %v", types)
	}
	return content["application/json"].Schema, nil
}

// resolve follows references, and says which one led to the schema.
func (d *document) resolve(s *schema) (*schema, string) {
	name := ""
	for {
		switch {
		case s.Ref != "":
			name = strings.TrimPrefix(s.Ref, "#/components/schemas/")
			s = d.Components.Schemas[name]
		case len(s.AllOf) == 1:
			s = s.AllOf[0]
		default:
			return s, name
		}
	}
}

// fields writes the schema out as paths, in the form that the table has.
func (d *document) fields(s *schema) map[string]Field {
	result := map[string]Field{}
	d.addProperties(result, s, "", Field{}, nil)
	return result
}

// addProperties writes out what is in an object, whose own field is given.
func (d *document) addProperties(result map[string]Field, object *schema, prefix string, parent Field, within []string) {
	object, name := d.resolve(object)
	within = append(slices.Clone(within), name)
	for key, property := range object.Properties {
		d.addField(result, property, prefix+key, Field{
			Required: slices.Contains(object.Required, key),
			ReadOnly: parent.ReadOnly || property.ReadOnly,
		}, within)
	}
}

func (d *document) addField(result map[string]Field, s *schema, path string, field Field, within []string) {
	s, name := d.resolve(s)
	field.Type = d.typeOf(s)
	switch {
	case name != "" && slices.Contains(within, name):
		field.Type = "recursive"
	case field.Type == "object":
		d.addProperties(result, s, path+".", field, append(slices.Clone(within), name))
	case field.Type == "array of object":
		field.Type = "array"
		d.addProperties(result, s.Items, path+"[].", field, within)
	}
	result[path] = field
}

// typeOf names a type as the table does. A format of 32 bits is left out, as
// the contract leaves it out itself now and then.
func (d *document) typeOf(s *schema) string {
	s, _ = d.resolve(s)
	switch {
	case s.Type == "array":
		return "array of " + d.typeOf(s.Items)
	case s.Type == "object" && string(s.AdditionalProperties) == "true":
		return "open object"
	case s.Type == "object" && s.AdditionalProperties != nil:
		values := &schema{}
		if err := json.Unmarshal(s.AdditionalProperties, values); err != nil {
			return "map of what cannot be read: " + err.Error()
		}
		return "map of " + d.typeOf(values)
	case s.Format != "" && s.Format != "int32":
		return s.Type + ":" + s.Format
	}
	return s.Type
}
