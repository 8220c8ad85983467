package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// SpecDigest returns a digest of the specification of a resource, or of what users
// specify of one without a field for that. It is of the protobuf encoding, with the fields and the keys
// of maps in order.
func SpecDigest(resource protoreflect.Message) string {
	if resource == nil {
		return ""
	}
	if spec := resource.Descriptor().Fields().ByName("spec"); spec != nil {
		if !resource.Has(spec) {
			return ""
		}
		resource = resource.Get(spec).Message()
	} else {
		resource = specified(resource)
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(resource.Interface())
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(encoded)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// specified is a resource without what Weir writes.
func specified(resource protoreflect.Message) protoreflect.Message {
	copied := resource.New()
	resource.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch field.Name() {
		case "status", "created_time", "updated_time":
		default:
			copied.Set(field, value)
		}
		return true
	})
	return copied
}

// ResourceIn returns the resource that a request contains; nil if there is none.
func ResourceIn(request protoreflect.Message) protoreflect.Message {
	fields := request.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); field.Kind() == protoreflect.MessageKind && !field.IsList() && !field.IsMap() && request.Has(field) {
			return request.Get(field).Message()
		}
	}
	return nil
}

// NameOf returns the name of a resource.
func NameOf(resource protoreflect.Message) string {
	metadata := resource.Descriptor().Fields().ByName("metadata")
	if metadata == nil || metadata.Kind() != protoreflect.MessageKind {
		return ""
	}
	if name := metadata.Message().Fields().ByName("name"); name != nil {
		return resource.Get(metadata).Message().Get(name).String()
	}
	return ""
}

// Parameters returns the fields of a request that have one value, with those of a
// message in it that is no resource.
func Parameters(request protoreflect.Message) map[string]any {
	parameters := map[string]any{}
	addParameters(parameters, "", request)
	return parameters
}

func addParameters(to map[string]any, prefix string, message protoreflect.Message) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		name := prefix + field.JSONName()
		switch {
		case isRedacted(field) || field.IsList() || field.IsMap():
		case field.Kind() == protoreflect.MessageKind:
			if prefix == "" && field.Message().Fields().ByName("metadata") == nil {
				addParameters(to, name+".", value.Message())
			}
		case field.Kind() == protoreflect.StringKind:
			to[name] = bound(value.String(), maxParameter)
		case field.Kind() == protoreflect.BoolKind || field.Kind() == protoreflect.Int32Kind || field.Kind() == protoreflect.Int64Kind:
			to[name] = value.Interface()
		}
		return true
	})
}

// HasSecrets tells whether messages of a type have fields that are never shown.
func HasSecrets(message protoreflect.MessageDescriptor) bool { return hasSecrets(message, nil) }

func hasSecrets(message protoreflect.MessageDescriptor, within []protoreflect.FullName) bool {
	if slices.Contains(within, message.FullName()) {
		return false
	}
	within = append(within, message.FullName())
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if isRedacted(field) || field.Message() != nil && hasSecrets(field.Message(), within) {
			return true
		}
	}
	return false
}

func isRedacted(field protoreflect.FieldDescriptor) bool {
	options, _ := field.Options().(*descriptorpb.FieldOptions)
	return options.GetDebugRedact()
}
