package main

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// restRule mirrors cmf.v1.RestRule.
type restRule struct {
	Success   int
	Also      []int
	Errors    []int
	Etag      bool
	EmptyBody bool
}

// optionReader reads the options that the API itself defines. They are
// resolved from the request: this module does not import what it generates.
type optionReader struct {
	types *dynamicpb.Types
}

func newOptionReader(files []*descriptorpb.FileDescriptorProto) (*optionReader, error) {
	registry, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: files})
	if err != nil {
		return nil, fmt.Errorf("resolve the proto files: %w", err)
	}
	return &optionReader{types: dynamicpb.NewTypes(registry)}, nil
}

// rest is the REST face of a method, with the default for success filled in.
func (r *optionReader) rest(method protoreflect.MethodDescriptor) (restRule, error) {
	rule := restRule{}
	value, ok, err := r.read(method.Options(), "cmf.v1.rest")
	if err != nil {
		return rule, err
	}
	if ok {
		text, err := protojson.Marshal(value.Message().Interface())
		if err != nil {
			return rule, fmt.Errorf("read (cmf.v1.rest): %w", err)
		}
		if err := json.Unmarshal(text, &rule); err != nil {
			return rule, fmt.Errorf("read (cmf.v1.rest): %w", err)
		}
	}
	if rule.Success == 0 {
		rule.Success = 200
	}
	return rule, nil
}

// always tells whether answers hold the field even when it is empty.
func (r *optionReader) always(field protoreflect.FieldDescriptor) bool {
	value, ok, err := r.read(field.Options(), "cmf.v1.always")
	return err == nil && ok && value.Bool()
}

func (r *optionReader) read(options proto.Message, name protoreflect.FullName) (value protoreflect.Value, ok bool, err error) {
	encoded, err := proto.Marshal(options)
	if err != nil {
		return value, false, fmt.Errorf("read (%s): %w", name, err)
	}
	resolved := options.ProtoReflect().New().Interface()
	if err := (proto.UnmarshalOptions{Resolver: r.types}).Unmarshal(encoded, resolved); err != nil {
		return value, false, fmt.Errorf("read (%s): %w", name, err)
	}
	resolved.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.FullName() == name {
			value, ok = v, true
		}
		return !ok
	})
	return value, ok, nil
}
