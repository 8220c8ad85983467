package fields

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func FuzzFields(f *testing.F) {
	for _, seed := range []struct{ fields, spec string }{
		{"metadata.name,metadata.creationTimestamp,status.phase", `{}`},
		{"spec.a.b,metadata.labels.app.kubernetes.io/name", `{"a":{"b":1},"a.b":[{"c":2}]}`},
		{"spec.a.b.c", `{"a":[[{"b.c":1}],{"b":{"c":null}}]}`},
		{"spec..a,,", `{"":{"a":1}}`},
		{"metadata.name.x", `[`},
	} {
		f.Add(seed.fields, seed.spec)
	}
	descriptor := (&cmfv1.FlinkApplication{}).ProtoReflect().Descriptor()
	f.Fuzz(func(t *testing.T, input, spec string) {
		projection, violations := Parse(descriptor, input)
		if len(violations) > 0 {
			return
		}
		message := application()
		message.Spec = open(spec)
		before := proto.Clone(message)
		once := Apply(projection, message)
		if !proto.Equal(before, message) {
			t.Fatalf("fields=%q changed the message", input)
		}
		if !proto.Equal(once, Apply(projection, once)) {
			t.Fatalf("fields=%q of %q gives %q, and of that something else", input, spec, once.GetSpec().GetJson())
		}
		if json.Valid([]byte(spec)) && once.GetSpec() != nil && !json.Valid([]byte(once.GetSpec().GetJson())) {
			t.Fatalf("fields=%q of %q gives what is no JSON: %q", input, spec, once.GetSpec().GetJson())
		}
	})
}
