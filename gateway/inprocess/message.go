package inprocess

import (
	"reflect"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// copyMessage makes into an equal of from that shares nothing which either
// side could change. Strings are shared, as they cannot be changed: copying a
// resource costs by its fields, not by the length of its JSON.
func copyMessage(into, from any) error {
	target, source, err := messages(into, from)
	if err != nil {
		return err
	}
	if reflect.TypeOf(target) == reflect.TypeOf(source) {
		proto.Reset(target)
		proto.Merge(target, source)
		return nil
	}
	return overWire(target, source)
}

// share makes into an equal of from whose top-level fields are its own, while
// all beneath them is common to both.
//
// That is safe where the client only reads. The other way round nothing is
// lost: grpc-go forbids handlers to change a message once they returned it
// (interceptors and statistics may read it later), so that a message which is
// also kept elsewhere, such as in a cache, must be immutable already. The top
// level is not shared, since protobuf caches sizes there.
func share(into, from any) error {
	target, source, err := messages(into, from)
	if err != nil {
		return err
	}
	if reflect.TypeOf(target) != reflect.TypeOf(source) {
		return overWire(target, source)
	}
	proto.Reset(target)
	t := target.ProtoReflect()
	source.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		t.Set(field, v)
		return true
	})
	t.SetUnknown(source.ProtoReflect().GetUnknown())
	return nil
}

// overWire is for messages of one type in two forms of Go, such as a
// generated and a dynamic one.
func overWire(into, from proto.Message) error {
	bytes, err := proto.Marshal(from)
	if err != nil {
		return status.Errorf(codes.Internal, "marshal the message: %v", err)
	}
	if err := proto.Unmarshal(bytes, into); err != nil {
		return status.Errorf(codes.Internal, "unmarshal the message: %v", err)
	}
	return nil
}

func messages(into, from any) (target, source proto.Message, err error) {
	target, ok := into.(proto.Message)
	if !ok {
		return nil, nil, status.Errorf(codes.Internal, "%T is not a proto message", into)
	}
	source, ok = from.(proto.Message)
	if !ok || !source.ProtoReflect().IsValid() {
		return nil, nil, status.Errorf(codes.Internal, "%T is not a proto message that can be sent", from)
	}
	return target, source, nil
}

// cloneMessage is copyMessage into a new message.
func cloneMessage(from any) (proto.Message, error) {
	source, ok := from.(proto.Message)
	if !ok || !source.ProtoReflect().IsValid() {
		return nil, status.Errorf(codes.Internal, "%T is not a proto message that can be sent", from)
	}
	return proto.Clone(source), nil
}
