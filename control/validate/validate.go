package validate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

var validator = sync.OnceValues(func() (protovalidate.Validator, error) { return protovalidate.New() })

// Request notes where a request breaks the rules that the proto states, and
// where its open-ended JSON is none. Fields go by their JSON names, as seen
// from the body of the REST request.
func Request(request proto.Message) (apierror.Violations, error) {
	var v apierror.Violations
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
			v = append(v, violationMessage(request.ProtoReflect().Descriptor(), violation.Proto))
		}
	case err != nil:
		return nil, fmt.Errorf("validate %s: %w", request.ProtoReflect().Descriptor().FullName(), err)
	}
	return v, nil
}

// violationMessage names the field and the rule of a violation.
func violationMessage(request protoreflect.MessageDescriptor, violation *validate.Violation) string {
	fields, oneof := fieldsOf(request, violation.GetField())
	if oneof != nil {
		return exactlyOne(oneof)
	}
	if len(fields) == 0 {
		return violation.GetMessage() // of the request as a whole
	}
	return path(fields, violation.GetField().GetElements()) + ": " + sentence(fields[len(fields)-1], violation)
}

// exactlyOne words the rule of a oneof, by the names of its fields in REST.
func exactlyOne(oneof protoreflect.OneofDescriptor) string {
	names := make([]string, oneof.Fields().Len())
	for i := range names {
		names[i] = oneof.Fields().Get(i).JSONName()
	}
	return strings.Join(names, ", ") + ": exactly one must be set"
}

// fieldsOf are the fields that a path goes through. A path that ends at a oneof has no
// number there.
func fieldsOf(message protoreflect.MessageDescriptor, path *validate.FieldPath) ([]protoreflect.FieldDescriptor, protoreflect.OneofDescriptor) {
	var fields []protoreflect.FieldDescriptor
	for _, element := range path.GetElements() {
		field := message.Fields().ByNumber(protoreflect.FieldNumber(element.GetFieldNumber()))
		if field == nil {
			return fields, message.Oneofs().ByName(protoreflect.Name(element.GetFieldName()))
		}
		fields = append(fields, field)
		message = field.Message()
		if field.IsMap() {
			message = field.MapValue().Message()
		}
	}
	return fields, nil
}

// path writes a field path as a REST client sees it: with JSON names, without
// the first field of the request, which is the body, and without the field of a
// StringMap, which in REST is the map itself.
func path(fields []protoreflect.FieldDescriptor, elements []*validate.FieldPathElement) string {
	if len(fields) > 1 {
		fields, elements = fields[1:], elements[1:]
	}
	var b strings.Builder
	for i, field := range fields {
		if field.Parent().FullName() != stringMap {
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(field.JSONName())
		}
		switch subscript := elements[i].GetSubscript().(type) {
		case *validate.FieldPathElement_Index:
			fmt.Fprintf(&b, "[%d]", subscript.Index)
		case *validate.FieldPathElement_StringKey:
			fmt.Fprintf(&b, "[%q]", subscript.StringKey)
		}
	}
	return b.String()
}

// sentence words a violation of a field's rules as CMF's validation does, where
// it has a wording.
func sentence(field protoreflect.FieldDescriptor, violation *validate.Violation) string {
	text := stringRules(field, violation.GetRule())
	switch violation.GetRuleId() {
	case "required":
		if field.Kind() == protoreflect.StringKind && !field.IsList() {
			return "must not be empty"
		}
		return "must not be null"
	case "string.min_len":
		return fmt.Sprintf("size must be between %d and %d", text.GetMinLen(), math.MaxInt32)
	case "string.max_len":
		return fmt.Sprintf("size must be between %d and %d", text.GetMinLen(), text.GetMaxLen())
	case "string.pattern":
		return `must match "` + text.GetPattern() + `"`
	case "string.in":
		return "must be one of " + strings.Join(slices.DeleteFunc(slices.Clone(text.GetIn()), func(s string) bool { return s == "" }), ", ")
	default:
		return violation.GetMessage()
	}
}

// stringRules are the rules of strings on the way to the rule that was broken,
// nil if there are none. Those of a map's keys and values and of a list's
// items lie deeper than those of a field.
func stringRules(field protoreflect.FieldDescriptor, rule *validate.FieldPath) *validate.StringRules {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	at := rules.ProtoReflect()
	steps, _ := fieldsOf(at.Descriptor(), rule)
	for _, step := range steps {
		if step.Message() == nil || step.Cardinality() == protoreflect.Repeated {
			break
		}
		at = at.Get(step).Message()
		if found, ok := at.Interface().(*validate.StringRules); ok {
			return found
		}
	}
	return nil
}

const (
	openJSON  protoreflect.FullName = "cmf.v1.JsonObject"
	stringMap protoreflect.FullName = "cmf.v1.StringMap"
)

// checkOpenJSON checks every JsonObject in a message: gRPC clients may send any
// text for one.
func checkOpenJSON(v *apierror.Violations, at string, message protoreflect.Message, request bool) {
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
			if err := openjson.Check(m.Interface().(*cmfv1.JsonObject).GetJson()); err != nil {
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
