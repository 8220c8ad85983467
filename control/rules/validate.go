package rules

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/fault"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

var validator = sync.OnceValues(func() (protovalidate.Validator, error) { return protovalidate.New() })

// Validate notes where a request breaks the rules that the proto states, and
// where its open-ended JSON is none. Fields go by their JSON names, as seen
// from the body of the REST request.
func Validate(request proto.Message) (fault.Violations, error) {
	var v fault.Violations
	checkOpenJSON(&v, "", request.ProtoReflect(), true)
	check, err := validator()
	if err != nil {
		return nil, fmt.Errorf("compile the rules of the proto: %w", err)
	}
	err = check.Validate(request)
	var invalid *protovalidate.ValidationError
	switch {
	case errors.As(err, &invalid):
		for _, violation := range invalid.Violations {
			v.Addf("%s: %s", path(request.ProtoReflect().Descriptor(), violation.Proto.GetField()), sentence(violation))
		}
	case err != nil:
		return nil, fmt.Errorf("validate %s: %w", request.ProtoReflect().Descriptor().FullName(), err)
	}
	return v, nil
}

// path writes a field path as a REST client sees it: with JSON names, without
// the first field of the request, which is the body, and without the field of a
// StringMap, which in REST is the map itself.
func path(message protoreflect.MessageDescriptor, field *validate.FieldPath) string {
	var b strings.Builder
	elements := field.GetElements()
	for i, element := range elements {
		name, next := step(message, element.GetFieldName())
		isBody := i == 0 && next != nil && len(elements) > 1
		isMap := message != nil && message.FullName() == stringMap
		message = next
		if isBody {
			continue
		}
		if !isMap {
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(name)
		}
		switch subscript := element.GetSubscript().(type) {
		case *validate.FieldPathElement_Index:
			fmt.Fprintf(&b, "[%d]", subscript.Index)
		case *validate.FieldPathElement_StringKey:
			fmt.Fprintf(&b, "[%q]", subscript.StringKey)
		}
	}
	return b.String()
}

// step gives the JSON name of a field, and the message that it leads to if it
// holds messages.
func step(message protoreflect.MessageDescriptor, field string) (string, protoreflect.MessageDescriptor) {
	if message == nil {
		return field, nil
	}
	descriptor := message.Fields().ByName(protoreflect.Name(field))
	if descriptor == nil {
		return field, nil
	}
	if descriptor.IsMap() {
		return descriptor.JSONName(), descriptor.MapValue().Message()
	}
	return descriptor.JSONName(), descriptor.Message()
}

// sentence words a violation as CMF's validation does, where it has a wording.
func sentence(violation *protovalidate.Violation) string {
	text := stringRules(violation)
	switch violation.Proto.GetRuleId() {
	case "required":
		return "must not be null"
	case "string.min_len", "string.max_len":
		longest := uint64(math.MaxInt32)
		if violation.Proto.GetRuleId() == "string.max_len" {
			longest = text.GetMaxLen()
		}
		return fmt.Sprintf("size must be between %d and %d", text.GetMinLen(), longest)
	case "string.pattern":
		return `must match "` + text.GetPattern() + `"`
	case "string.in":
		return "must be one of " + strings.Join(text.GetIn(), ", ")
	default:
		return violation.Proto.GetMessage()
	}
}

// stringRules are the rules that a string broke. Those of a map's keys and
// values and of a list's items lie deeper than those of a field.
func stringRules(violation *protovalidate.Violation) *validate.StringRules {
	rules, _ := proto.GetExtension(violation.FieldDescriptor.Options(), validate.E_Field).(*validate.FieldRules)
	at := rules.ProtoReflect()
	for _, element := range violation.Proto.GetRule().GetElements() {
		if found, ok := at.Interface().(*validate.StringRules); ok {
			return found
		}
		field := at.Descriptor().Fields().ByName(protoreflect.Name(element.GetFieldName()))
		if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
			return nil
		}
		at = at.Get(field).Message()
	}
	return nil
}

const (
	openJSON  protoreflect.FullName = "cmf.v1.JsonObject"
	stringMap protoreflect.FullName = "cmf.v1.StringMap"
)

// checkOpenJSON checks every JsonObject in a message: gRPC clients may send any
// text for one.
func checkOpenJSON(v *fault.Violations, at string, message protoreflect.Message, request bool) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() == nil || field.IsMap() {
			return true
		}
		name := at + field.JSONName()
		if request {
			name = ""
		}
		visit := func(name string, m protoreflect.Message) {
			if m.Descriptor().FullName() != openJSON {
				if name != "" {
					name += "."
				}
				checkOpenJSON(v, name, m, false)
				return
			}
			if err := CheckObject(m.Interface().(*cmfv1.JsonObject).GetJson()); err != nil {
				v.Addf("%s: %v", name, err)
			}
		}
		if !field.IsList() {
			visit(name, value.Message())
			return true
		}
		for i := range value.List().Len() {
			visit(fmt.Sprintf("%s[%d]", name, i), value.List().Get(i).Message())
		}
		return true
	})
}
