package main

import (
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is where a message stands: the same message promises more in an answer
// than it demands in a request.
type shape int

const (
	// answered: what a client reads. Nothing is null; a resource has its
	// apiVersion and kind.
	answered shape = iota
	// sent: what a client writes. null is the same as absent.
	sent
	// listed: what a client reads where it may have asked for some fields
	// only, so that nothing but apiVersion and kind is sure to be there.
	listed
	// projection is an item of what is listed.
	projection
)

// schemaWriter writes the schemas of messages as they are first referred to.
type schemaWriter struct {
	options    *optionReader
	components map[string]*schema
}

// reference refers to the schema of a message. Some messages have a JSON form
// of their own and are written out in place.
func (w *schemaWriter) reference(message *protogen.Message, in shape) *schema {
	switch message.Desc.FullName() {
	case "google.protobuf.Timestamp":
		return &schema{Type: "string", Format: "date-time"}
	case "google.protobuf.Duration":
		return &schema{Type: "string", Pattern: `^-?[0-9]{1,12}(\.[0-9]{1,9})?s$`}
	case "cmf.v1.JsonObject":
		return &schema{Type: "object", AdditionalProperties: true}
	case "cmf.v1.StringMap":
		return w.value(message.Fields[0], in)
	}
	name := string(message.Desc.Name()) + w.suffix(message, in)
	if _, ok := w.components[name]; !ok {
		s := &schema{Type: "object", Description: prose(message.Comments.Leading)}
		w.components[name] = s // before its properties, as a message may hold itself
		w.addProperties(s, message, in)
	}
	return &schema{Ref: "#/components/schemas/" + name}
}

// suffix tells the schemas of one message apart, where they differ.
func (w *schemaWriter) suffix(message *protogen.Message, in shape) string {
	switch {
	case in == sent:
		return "Input"
	case in == projection && w.promises(message, map[protoreflect.FullName]bool{}):
		return "Projection"
	}
	return ""
}

// promises tells whether anything in the message is sure to be answered.
func (w *schemaWriter) promises(message *protogen.Message, seen map[protoreflect.FullName]bool) bool {
	seen[message.Desc.FullName()] = true
	for _, field := range message.Fields {
		if w.inEvery(field, answered) && !isTypeMeta(field) {
			return true
		}
		if field.Message != nil && !seen[field.Message.Desc.FullName()] && w.promises(field.Message, seen) {
			return true
		}
	}
	return false
}

func (w *schemaWriter) addProperties(s *schema, message *protogen.Message, in shape) {
	s.Properties = map[string]*schema{}
	for _, field := range message.Fields {
		name := field.Desc.JSONName()
		s.Properties[name] = w.property(field, in)
		if w.inEvery(field, in) {
			s.Required = append(s.Required, name)
		}
	}
	slices.Sort(s.Required)
}

// inEvery tells whether the field is in every message of the shape.
func (w *schemaWriter) inEvery(field *protogen.Field, in shape) bool {
	switch in {
	case sent:
		return isRequired(field) && !isOutputOnly(field)
	case projection:
		return isTypeMeta(field)
	}
	// A map that is always written is so only in a resource answered by
	// itself; the schema of a list of such resources is a projection.
	return isRequired(field) || isTypeMeta(field) || w.options.always(field.Desc)
}

// property is the schema of a field with what only the field knows.
func (w *schemaWriter) property(field *protogen.Field, in shape) *schema {
	outputOnly := isOutputOnly(field)
	inner := in
	switch {
	case in == listed:
		inner = projection
	case in == sent && outputOnly:
		inner = projection // it is ignored: any part of an earlier answer will do
	}
	s := w.value(field, inner)
	description := prose(field.Comments.Leading)
	nullable := in == sent && !isRequired(field)
	if s.Ref != "" && (description != "" || nullable || outputOnly) {
		s = &schema{AllOf: []*schema{s}} // a reference takes nothing beside it
	}
	s.Description, s.Nullable, s.ReadOnly = description, nullable, outputOnly
	if nullable && s.Enum != nil {
		s.Enum = append(s.Enum, nil) // nullable alone adds no value to an enumeration
	}
	return s
}

// parameter is the schema of a field that stands in the path or the query.
func (w *schemaWriter) parameter(field *protogen.Field) *schema {
	return w.value(field, sent)
}

// value is the schema of a field's value: a list, a map or one.
func (w *schemaWriter) value(field *protogen.Field, in shape) *schema {
	rules, _ := proto.GetExtension(field.Desc.Options(), validate.E_Field).(*validate.FieldRules)
	switch {
	case field.Desc.IsMap():
		return &schema{
			Type:                 "object",
			MaxProperties:        rules.GetMap().GetMaxPairs(),
			AdditionalProperties: w.single(field.Message.Fields[1], rules.GetMap().GetValues(), in),
		}
	case field.Desc.IsList():
		return &schema{Type: "array", Items: w.single(field, rules.GetRepeated().GetItems(), in)}
	}
	return w.single(field, rules, in)
}

func (w *schemaWriter) single(field *protogen.Field, rules *validate.FieldRules, in shape) *schema {
	switch field.Desc.Kind() {
	case protoreflect.MessageKind:
		return w.reference(field.Message, in)
	case protoreflect.StringKind:
		text := rules.GetString()
		return &schema{
			Type: "string", Enum: enumeration(text.GetIn()), Pattern: text.GetPattern(),
			MinLength: text.GetMinLen(), MaxLength: text.GetMaxLen(),
		}
	case protoreflect.BoolKind:
		return &schema{Type: "boolean"}
	case protoreflect.Int32Kind:
		s := &schema{Type: "integer", Format: "int32"}
		if bounds, ok := rules.GetInt32().GetGreaterThan().(*validate.Int32Rules_Gte); ok {
			minimum := int64(bounds.Gte)
			s.Minimum = &minimum
		}
		return s
	case protoreflect.Int64Kind:
		return &schema{Type: "integer", Format: "int64"}
	case protoreflect.DoubleKind:
		return &schema{Type: "number", Format: "double"}
	}
	panic("no schema for " + string(field.Desc.FullName()) + " of kind " + field.Desc.Kind().String())
}

// enumeration makes room for the null that a string cannot be.
func enumeration(values []string) []any {
	var result []any
	for _, value := range values {
		result = append(result, value)
	}
	return result
}

func isRequired(field *protogen.Field) bool {
	rules, _ := proto.GetExtension(field.Desc.Options(), validate.E_Field).(*validate.FieldRules)
	return rules.GetRequired()
}

// isOutputOnly holds to the convention of the proto files: such a field's
// comment begins so.
func isOutputOnly(field *protogen.Field) bool {
	return strings.HasPrefix(strings.TrimSpace(string(field.Comments.Leading)), "Output only.")
}

// isTypeMeta tells whether the field is one of the two that every answer with
// them has, whatever fields were asked for.
func isTypeMeta(field *protogen.Field) bool {
	name := field.Desc.JSONName()
	return name == "apiVersion" || name == "kind"
}
