package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// subjects are messages that together have every kind of field.
var subjects = []proto.Message{
	&cmfv1.FlinkApplication{}, &cmfv1.ApplicationsPage{}, &cmfv1.Environment{}, &cmfv1.Statement{},
	&cmfv1.KubernetesCluster{}, &cmfv1.ResourceInformation{}, &cmfv1.FlinkApplicationEvent{}, &cmfv1.DataType{},
	&cmfv1.Savepoint{}, &cmfv1.Secret{}, &cmfv1.AgentToken{},
}

// TestDecodeUndoesEncode for messages of any content.
func TestDecodeUndoesEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.SampledFrom(subjects).Draw(t, "type").ProtoReflect().New()
		populate(t, message, 4)
		encoded, err := codec.Append(nil, message.Interface())
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(encoded) {
			t.Fatalf("not JSON: %s", encoded)
		}
		back := message.New().Interface()
		unknown, err := codec.Unmarshal(encoded, back)
		if err != nil || len(unknown) > 0 {
			t.Fatalf("decode %s: %v, unknown %q", encoded, err, unknown)
		}
		if diff := cmp.Diff(message.Interface(), back, protocmp.Transform()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", encoded, diff)
		}
	})
}

// populate fills a message at random, to a depth.
func populate(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !rapid.Bool().Draw(t, "set "+string(field.Name())) {
			continue
		}
		switch {
		case field.IsMap():
			for _, key := range rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "keys") {
				if v, ok := value(t, field.MapValue(), m.NewField(field).Map().NewValue, depth); ok {
					m.Mutable(field).Map().Set(protoreflect.ValueOfString(key).MapKey(), v)
				}
			}
		case field.IsList():
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				if v, ok := value(t, field, m.NewField(field).List().NewElement, depth); ok {
					m.Mutable(field).List().Append(v)
				}
			}
		default:
			if v, ok := value(t, field, func() protoreflect.Value { return m.NewField(field) }, depth); ok {
				m.Set(field, v)
			}
		}
	}
}

func value(t *rapid.T, field protoreflect.FieldDescriptor, create func() protoreflect.Value, depth int) (v protoreflect.Value, ok bool) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, "string")), true
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool")), true
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32")), true
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64")), true
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.Float64Range(-1e300, 1e300).Draw(t, "double")), true
	}
	if depth == 0 {
		return v, false
	}
	v = create()
	switch m := v.Message().Interface().(type) {
	case *timestamppb.Timestamp:
		m.Seconds = rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds")
		m.Nanos = rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")
	case *durationpb.Duration:
		m.Seconds = rapid.Int64Range(-315576000000, 315576000000).Draw(t, "seconds")
		if m.GetSeconds() > -315576000000 && m.GetSeconds() < 315576000000 {
			m.Nanos = rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")
			if m.GetSeconds() < 0 {
				m.Nanos = -m.GetNanos()
			}
		}
	case *cmfv1.JsonObject:
		m.Json = rapid.SampledFrom([]string{`{}`, `{"b":1.0,"a":null}`, `{"x":{"y":[1e400,"é\u00e9\n",true]}}`}).Draw(t, "json")
	default:
		populate(t, v.Message(), depth-1)
	}
	return v, true
}
