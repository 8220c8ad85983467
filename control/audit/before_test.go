package audit_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/audit"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestTheSpecificationBeforeAChange(t *testing.T) {
	app := func(spec string) *cmfv1.FlinkApplication {
		return &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: spec}}
	}
	for name, test := range map[string]struct {
		find   []proto.Message // by each attempt
		secret bool
		want   string
	}{
		"an update":                 {find: []proto.Message{app(`{"a":1}`)}, want: `"previousSpecDigest":"` + audit.SpecDigest(app(`{"a":1}`).ProtoReflect()) + `"`},
		"a create":                  {find: []proto.Message{nil}, want: `"previousSpecDigest":null`},
		"a second attempt":          {find: []proto.Message{nil, app("{}")}, want: `"previousSpecDigest":"` + audit.SpecDigest(app("{}").ProtoReflect()) + `"`},
		"a secret":                  {find: []proto.Message{&cmfv1.Secret{Spec: &cmfv1.SecretSpec{}}}},
		"a request with a secret":   {find: []proto.Message{app("{}")}, secret: true},
		"what looks at no resource": {},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			described := call("trace")
			described.Secret = test.secret
			ctx, change, err := open(t, audit.Config{Path: path}).Begin(t.Context(), described)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range test.find {
				audit.NoteBefore(ctx, func() proto.Message { return found })
			}
			change.End(ctx, audit.Result{Code: "OK"}, "")
			line := read(t, path)[2]
			if test.want == "" {
				test.want = `"code":"OK"`
				if strings.Contains(line, "previousSpecDigest") {
					t.Errorf("the outcome is %s", line)
				}
			}
			if !strings.Contains(line, test.want) {
				t.Errorf("the outcome is %s, want %s in it", line, test.want)
			}
			var again audit.Record
			if err := json.Unmarshal([]byte(line), &again); err != nil {
				t.Fatal(err)
			}
			if encoded, err := json.Marshal(again); err != nil || string(encoded)+"\n" != line {
				t.Errorf("it becomes %s, %v", encoded, err)
			}
		})
	}
}

func TestNothingIsNotedWithoutALog(t *testing.T) {
	audit.NoteBefore(t.Context(), func() proto.Message {
		t.Error("the resource is looked for")
		return nil
	})
}
