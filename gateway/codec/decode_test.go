package codec_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestUnmarshal(t *testing.T) {
	for _, tc := range []struct {
		name    string
		json    string
		want    proto.Message
		unknown []string
	}{
		{"nothing", `{}`, &cmfv1.FlinkApplication{}, nil},
		{"names of the contract", `{"apiVersion":"v1","kind":"k"}`, &cmfv1.FlinkApplication{ApiVersion: "v1", Kind: "k"}, nil},
		{"no other names", `{"api_version":"v1"}`, &cmfv1.FlinkApplication{}, []string{"api_version"}},
		{"no other case", `{"Kind":"k"}`, &cmfv1.FlinkApplication{}, []string{"Kind"}},
		{"escaped names", `{"k\u0069nd":"k"}`, &cmfv1.FlinkApplication{Kind: "k"}, nil},
		{"null is absent", `{"kind":null,"metadata":null,"spec":null}`, &cmfv1.FlinkApplication{}, nil},
		{"null lists and maps too", `{"items":null}`, &cmfv1.ApplicationsPage{}, nil},
		{"null entries of maps too", `{"labels":{"a":null,"b":"c"}}`, &cmfv1.ObjectMeta{Labels: map[string]string{"b": "c"}}, nil},
		{"an empty object is there", `{"metadata":{}}`, &cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{}}, nil},
		{"open-ended JSON loses its white space only", `{"spec": { "b" : 1.0 , "a" : [ null, "x \" y", "é\u00e9" ] , "c":1E400 } }`,
			&cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: `{"b":1.0,"a":[null,"x \" y","é\u00e9"],"c":1E400}`}}, nil},
		{"open-ended JSON has no unknown fields", `{"spec":{"anything":{}}}`, &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: `{"anything":{}}`}}, nil},
		{"an absent map", `{"labels":null}`, &cmfv1.KubernetesClusterMetadata{}, nil},
		{"an empty map", `{"labels":{}}`, &cmfv1.KubernetesClusterMetadata{Labels: &cmfv1.StringMap{}}, nil},
		{"a map", `{"labels":{"a":"1","b":null,"":""}}`, &cmfv1.KubernetesClusterMetadata{Labels: &cmfv1.StringMap{Entries: map[string]string{"a": "1", "": ""}}}, nil},
		{"the largest integer", `{"size":9223372036854775807}`, &cmfv1.PageMetadata{Size: proto.Int64(math.MaxInt64)}, nil},
		{"the smallest integer", `{"size":-9223372036854775808}`, &cmfv1.PageMetadata{Size: proto.Int64(math.MinInt64)}, nil},
		{"zero is kept if presence is tracked", `{"page":-0}`, &cmfv1.Pageable{Page: proto.Int32(0)}, nil},
		{"a whole double", `{"cpu":1}`, &cmfv1.ResourceTotals{Cpu: proto.Float64(1)}, nil},
		{"a timestamp", `{"creationTimestamp":"2025-01-01T01:00:00.5+01:00"}`, &cmfv1.ObjectMeta{CreationTimestamp: timestamppb.New(time.Unix(1735689600, 5e8))}, nil},
		{"one of several", `{"newStatus":""}`, &cmfv1.EventData{Data: &cmfv1.EventData_NewStatus{}}, nil},
		{"lists", `{"upsertColumns":[1,2]}`, &cmfv1.StatementTraits{UpsertColumns: []int32{1, 2}}, nil},
		{"lists of objects", `{"data":[{"a":1},{}]}`, &cmfv1.StatementResults{Data: []*cmfv1.JsonObject{{Json: `{"a":1}`}, {Json: `{}`}}}, nil},
		{"escapes", `{"message":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, &cmfv1.Error{Message: "\"\\/\b\f\n\r\té😀"}, nil},
		{"unknown fields, each by its path", `{"a":{"b":{}},"metadata":{"c":1,"labels":{"d":"e"}},"spec":{"f":1}}`,
			&cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{Labels: map[string]string{"d": "e"}}, Spec: &cmfv1.JsonObject{Json: `{"f":1}`}},
			[]string{"a", "metadata.c"}},
		{"unknown fields in lists", `{"items":[{},{"x y":1}]}`, &cmfv1.ApplicationsPage{Items: []*cmfv1.FlinkApplication{{}, {}}}, []string{`items[1]["x y"]`}},
		{"white space around", " \t\r\n{} \n", &cmfv1.FlinkApplication{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.want.ProtoReflect().New().Interface()
			unknown, err := codec.Unmarshal([]byte(tc.json), got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.unknown, unknown); diff != "" {
				t.Errorf("unknown fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestViolations(t *testing.T) {
	const (
		int32Range = "must be an integer between -2147483648 and 2147483647"
		int64Range = "must be an integer between -9223372036854775808 and 9223372036854775807"
		instant    = "must be a timestamp such as 2025-01-31T12:00:00Z"
	)
	for _, tc := range []struct {
		into proto.Message
		json string
		want []string
	}{
		{&cmfv1.FlinkApplication{}, `{"kind":1}`, []string{"kind: must be a string"}},
		{&cmfv1.FlinkApplication{}, `{"kind":true}`, []string{"kind: must be a string"}},
		{&cmfv1.FlinkApplication{}, `{"metadata":"x"}`, []string{"metadata: must be an object"}},
		{&cmfv1.FlinkApplication{}, `{"metadata":[]}`, []string{"metadata: must be an object"}},
		{&cmfv1.FlinkApplication{}, `{"spec":[]}`, []string{"spec: must be an object"}},
		{&cmfv1.FlinkApplication{}, `{"spec":"{}"}`, []string{"spec: must be an object"}},
		{&cmfv1.FlinkApplication{}, `[]`, []string{"The body must be an object."}},
		{&cmfv1.FlinkApplication{}, `null`, []string{"The body must be an object."}},
		{&cmfv1.ApplicationsPage{}, `{"items":{}}`, []string{"items: must be an array"}},
		{&cmfv1.ApplicationsPage{}, `{"items":[null]}`, []string{"items[0]: must be an object"}},
		{&cmfv1.ApplicationsPage{}, `{"items":[{},{"metadata":{"name":{}}}]}`, []string{"items[1].metadata.name: must be a string"}},
		{&cmfv1.Statement{}, `{"spec":{"parallelism":"3"}}`, []string{"spec.parallelism: must be an integer"}},
		{&cmfv1.Statement{}, `{"spec":{"parallelism":3.0}}`, []string{"spec.parallelism: must be an integer"}},
		{&cmfv1.Statement{}, `{"spec":{"parallelism":3e0}}`, []string{"spec.parallelism: must be an integer"}},
		{&cmfv1.Statement{}, `{"spec":{"parallelism":2147483648}}`, []string{"spec.parallelism: " + int32Range}},
		{&cmfv1.Statement{}, `{"spec":{"stopped":"true"}}`, []string{"spec.stopped: must be true or false"}},
		{&cmfv1.Statement{}, `{"spec":{"stopped":0}}`, []string{"spec.stopped: must be true or false"}},
		{&cmfv1.PageMetadata{}, `{"size":9223372036854775808}`, []string{"size: " + int64Range}},
		{&cmfv1.PageMetadata{}, `{"size":"1"}`, []string{"size: must be an integer"}},
		{&cmfv1.ResourceTotals{}, `{"cpu":"1"}`, []string{"cpu: must be a number"}},
		{&cmfv1.ResourceTotals{}, `{"cpu":1e400}`, []string{"cpu: must be a number within the range of a double"}},
		{&cmfv1.ObjectMeta{}, `{"creationTimestamp":"yesterday"}`, []string{"creationTimestamp: " + instant}},
		{&cmfv1.ObjectMeta{}, `{"creationTimestamp":1735689600}`, []string{"creationTimestamp: " + instant}},
		{&cmfv1.ObjectMeta{}, `{"creationTimestamp":"0001-01-01T00:00:00+01:00"}`, []string{"creationTimestamp: " + instant}},
		{&cmfv1.ObjectMeta{}, `{"labels":{"a":1}}`, []string{"labels.a: must be a string"}},
		{&cmfv1.ObjectMeta{}, `{"labels":{"app.kubernetes.io/name":1,"":2}}`, []string{`labels["app.kubernetes.io/name"]: must be a string`, `labels[""]: must be a string`}},
		{&cmfv1.ObjectMeta{}, `{"labels":[]}`, []string{"labels: must be an object"}},
		{&cmfv1.KubernetesClusterMetadata{}, `{"labels":{"a":{"b":[1]}},"annotations":[]}`, []string{"labels.a: must be a string", "annotations: must be an object"}},
		{&cmfv1.EventData{}, `{"newStatus":"a","exceptionString":"b"}`, []string{"exceptionString: cannot be set together with newStatus"}},
		{&cmfv1.FlinkApplication{}, `{"kind":1,"unknown":1,"metadata":{"name":2,"labels":3},"spec":4}`,
			[]string{"kind: must be a string", "metadata.name: must be a string", "metadata.labels: must be an object", "spec: must be an object"}},
		{&cmfv1.FlinkApplication{}, `{"kind":1,"kind":1}`, []string{"kind: duplicate key"}},
		{&cmfv1.FlinkApplication{}, `{"kind":null,"k\u0069nd":"k"}`, []string{"kind: duplicate key"}},
		{&cmfv1.FlinkApplication{}, `{"x":{"y":[{"z":1,"z":2}]}}`, []string{"x.y[0].z: duplicate key"}},
		{&cmfv1.FlinkApplication{}, `{"spec":{"a.b":{"c":1,"c":1}}}`, []string{`spec["a.b"].c: duplicate key`}},
		{&cmfv1.FlinkApplication{}, `{} x`, nil},
		{&cmfv1.FlinkApplication{}, `{}{}`, []string{"The body must end after the first JSON value."}},
		{&cmfv1.FlinkApplication{}, `{"kind":"k"`, []string{"The body is not valid JSON: it ends in the middle of a value."}},
		{&cmfv1.FlinkApplication{}, ``, []string{"The body is not valid JSON: it ends in the middle of a value."}},
		{&cmfv1.FlinkApplication{}, `{"kind":'k'}`, nil},
		{&cmfv1.FlinkApplication{}, `{kind:"k"}`, nil},
		{&cmfv1.FlinkApplication{}, `{"kind":"k",}`, nil},
		{&cmfv1.FlinkApplication{}, `{"kind":01}`, nil},
		{&cmfv1.FlinkApplication{}, `{"kind":NaN}`, nil},
		{&cmfv1.FlinkApplication{}, `{"kind":"\ud800"}`, nil},
		{&cmfv1.FlinkApplication{}, "{\"kind\":\"\xff\"}", nil},
		{&cmfv1.FlinkApplication{}, "{\"kind\":\"a\nb\"}", nil},
		{&cmfv1.FlinkApplication{}, "{\"spec\":{\"a\":\"\xc3\"}}", nil},
		{&cmfv1.FlinkApplication{}, `{"spec":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, []string{"The body is nested more than 64 levels deep."}},
	} {
		t.Run(tc.json, func(t *testing.T) {
			_, err := codec.Unmarshal([]byte(tc.json), tc.into)
			var invalid *codec.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("error %v", err)
			}
			if tc.want == nil {
				// The words are the parser's; that they say where is ours.
				if !strings.HasPrefix(err.Error(), "The body is not valid JSON: line ") {
					t.Errorf("message %q", err)
				}
				return
			}
			if diff := cmp.Diff(tc.want, invalid.Messages); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMessagesAreBounded, however much is wrong.
func TestMessagesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"labels":{"k":1`)
	for i := range 1000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	b.WriteString(`}}`)
	_, err := codec.Unmarshal([]byte(b.String()), &cmfv1.ObjectMeta{})
	var invalid *codec.Error
	if !errors.As(err, &invalid) || len(invalid.Messages) != 50 {
		t.Errorf("error %v", err)
	}
}

// TestMessagesDoNotShareMemoryWithTheDocument: the caller uses its buffer again.
func TestMessagesDoNotShareMemoryWithTheDocument(t *testing.T) {
	data := []byte(`{"kind":"kind","metadata":{"name":"name","labels":{"label":"value"}},"spec":{"a":"b"},"unknown":1}`)
	got := &cmfv1.FlinkApplication{}
	unknown, err := codec.Unmarshal(data, got)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = '#'
	}
	want := &cmfv1.FlinkApplication{
		Kind:     "kind",
		Metadata: &cmfv1.ObjectMeta{Name: "name", Labels: map[string]string{"label": "value"}},
		Spec:     &cmfv1.JsonObject{Json: `{"a":"b"}`},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || unknown[0] != "unknown" {
		t.Errorf("unknown %q; message (-want +got):\n%s", unknown, diff)
	}
}
