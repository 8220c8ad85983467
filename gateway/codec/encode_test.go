package codec_test

import (
	"cmp"
	"encoding/json"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestAppend(t *testing.T) {
	at := func(nanos int64) *timestamppb.Timestamp {
		return timestamppb.New(time.Unix(1735689600, nanos))
	}
	for _, tc := range []struct {
		name    string
		message proto.Message
		want    string
	}{
		{"unset fields are absent", &cmfv1.FlinkApplication{}, `{}`},
		{"names are those of the contract", &cmfv1.FlinkApplication{ApiVersion: "v1", Kind: "k"}, `{"apiVersion":"v1","kind":"k"}`},
		{"some of them in snake case", &cmfv1.Environment{CreatedTime: at(0)}, `{"created_time":"2025-01-01T00:00:00Z","secrets":{}}`},
		{"an empty message is written", &cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{}}, `{"metadata":{}}`},
		{"open-ended JSON is copied as it is", &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{Json: `{"b":1.0,"a":[null]}`}}, `{"spec":{"b":1.0,"a":[null]}}`},
		{"open-ended JSON without text is empty", &cmfv1.FlinkApplication{Spec: &cmfv1.JsonObject{}}, `{"spec":{}}`},
		{"64-bit integers are numbers", &cmfv1.PageMetadata{Size: proto.Int64(math.MaxInt64)}, `{"size":9223372036854775807}`},
		{"zero is written if presence is tracked", &cmfv1.Pageable{Page: proto.Int32(0)}, `{"page":0}`},
		{"false too", &cmfv1.Sort{Sorted: proto.Bool(false)}, `{"sorted":false}`},
		{"a map that is absent", &cmfv1.KubernetesClusterMetadata{}, `{}`},
		{"a map that is empty", &cmfv1.KubernetesClusterMetadata{Labels: &cmfv1.StringMap{}}, `{"labels":{}}`},
		{"a map with keys in order", &cmfv1.KubernetesClusterMetadata{Labels: &cmfv1.StringMap{Entries: map[string]string{"b": "2", "a": "1"}}}, `{"labels":{"a":"1","b":"2"}}`},
		{"a plain map likewise", &cmfv1.ObjectMeta{Labels: map[string]string{"b": "2", "a": "1", "c": ""}}, `{"labels":{"a":"1","b":"2","c":""}}`},
		{"a map of numbers", &cmfv1.ResourceCounts{Applications: map[string]int32{"RUNNING": 2, "FAILED": 0}}, `{"applications":{"FAILED":0,"RUNNING":2}}`},
		{"lists that always show", &cmfv1.ApplicationsPage{}, `{"items":[]}`},
		{"an empty list that is always written, in a nested message", &cmfv1.Statement{Result: &cmfv1.StatementResult{Results: &cmfv1.StatementResults{}}}, `{"result":{"results":{"data":[]}}}`},
		{"other lists do not", &cmfv1.StatementTraits{}, `{}`},
		{"maps that always show do so at the top", &cmfv1.Environment{Name: "a"}, `{"name":"a","secrets":{}}`},
		{"and not in lists", &cmfv1.EnvironmentsPage{Items: []*cmfv1.Environment{{Name: "a"}, {Secrets: map[string]string{"x": "y"}}}},
			`{"items":[{"name":"a"},{"secrets":{"x":"y"}}]}`},
		{"lists of scalars", &cmfv1.StatementTraits{UpsertColumns: []int32{0, -1}}, `{"upsertColumns":[0,-1]}`},
		{"one of several", &cmfv1.EventData{Data: &cmfv1.EventData_NewStatus{NewStatus: ""}}, `{"newStatus":""}`},
		{"recursion", &cmfv1.DataType{Type: "ARRAY", ElementType: &cmfv1.DataType{Type: "INT", Nullable: proto.Bool(true)}},
			`{"type":"ARRAY","elementType":{"type":"INT","nullable":true}}`},
		{"strings are escaped where JSON asks for it", &cmfv1.Error{Message: "a\"b\\c\n\x01é<&>\u2028😀"}, `{"message":"a\"b\\c\n\u0001é<&>` + "\u2028😀" + `"}`},
		{"bytes that are not UTF-8 are replaced", &cmfv1.Error{Message: "a\xffb"}, "{\"message\":\"a\ufffdb\"}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := codec.Append([]byte("before "), tc.message)
			if err != nil {
				t.Fatal(err)
			}
			if want := "before " + tc.want; string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !json.Valid(got[len("before "):]) {
				t.Error("that is not JSON")
			}
		})
	}
}

func TestTimestamps(t *testing.T) {
	for nanos, want := range map[int64]string{
		0:           "2025-01-01T00:00:00Z",
		100_000_000: "2025-01-01T00:00:00.100Z",
		120_000_000: "2025-01-01T00:00:00.120Z",
		123_400_000: "2025-01-01T00:00:00.123400Z",
		123_456_000: "2025-01-01T00:00:00.123456Z",
		123_456_700: "2025-01-01T00:00:00.123456700Z",
		1:           "2025-01-01T00:00:00.000000001Z",
	} {
		got, err := codec.Append(nil, &cmfv1.ObjectMeta{CreationTimestamp: timestamppb.New(time.Unix(1735689600, nanos))})
		if err != nil || string(got) != `{"creationTimestamp":"`+want+`"}` {
			t.Errorf("%d ns: %s, %v; want %s", nanos, got, err, want)
		}
	}
}

func TestDurations(t *testing.T) {
	const rule = "lifetime: must be a duration in seconds such as 3600s"
	for text, test := range map[string]struct {
		want    *durationpb.Duration // nil where the text is refused
		written string               // if not the text
	}{
		"3600s":          {durationpb.New(time.Hour), ""},
		"0s":             {&durationpb.Duration{}, ""},
		"1.500s":         {durationpb.New(1500 * time.Millisecond), ""},
		"1.5s":           {durationpb.New(1500 * time.Millisecond), "1.500s"},
		"0.000001s":      {durationpb.New(time.Microsecond), ""},
		"0.000000001s":   {durationpb.New(1), ""},
		"-0.500s":        {durationpb.New(-500 * time.Millisecond), ""},
		"-3s":            {durationpb.New(-3 * time.Second), ""},
		"315576000000s":  {&durationpb.Duration{Seconds: 315576000000}, ""},
		"315576000001s":  {},
		"1000000000000s": {},
		"3600":           {}, "1h": {}, "s": {}, "": {}, "1.s": {}, ".5s": {}, "+1s": {}, " 1s": {}, "1e3s": {}, "0.0000000001s": {},
	} {
		spec := &cmfv1.AgentTokenSpec{}
		_, err := codec.Unmarshal([]byte(`{"lifetime":"`+text+`"}`), spec)
		if test.want == nil {
			if err == nil || err.Error() != rule {
				t.Errorf("%q: %v, want %s", text, err, rule)
			}
			continue
		}
		if err != nil || !proto.Equal(spec.GetLifetime(), test.want) {
			t.Errorf("%q: %v, %v; want %v", text, spec.GetLifetime(), err, test.want)
		}
		want := cmp.Or(test.written, text)
		if got, err := codec.Append(nil, spec); err != nil || string(got) != `{"lifetime":"`+want+`"}` {
			t.Errorf("%v is written as %s, %v; want %s", test.want, got, err, want)
		}
	}
	for _, other := range []string{`3600`, `{"seconds":3600}`, `["1s"]`, `true`} {
		if _, err := codec.Unmarshal([]byte(`{"lifetime":`+other+`}`), &cmfv1.AgentTokenSpec{}); err == nil || err.Error() != rule {
			t.Errorf("%s: %v, want %s", other, err, rule)
		}
	}
}

func TestDoubles(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", -2: "-2.0", 0.5: "0.5", 0.001: "0.001", 0.0001: "1.0E-4", 9999999: "9999999.0", 1e7: "1.0E7", 1.5e-10: "1.5E-10", -1e100: "-1.0E100", 1.0 / 3: "0.3333333333333333",
		math.Copysign(0, -1): "-0.0",
	} {
		got, err := codec.Append(nil, &cmfv1.ResourceTotals{Cpu: &v})
		if err != nil || string(got) != `{"cpu":`+want+`}` {
			t.Errorf("%v: %s, %v; want %s", v, got, err, want)
		}
		var back struct{ CPU float64 }
		if err := json.Unmarshal(got, &back); err != nil || back.CPU != v {
			t.Errorf("%v came back as %v, %v", v, back.CPU, err)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got, err := codec.Append(nil, &cmfv1.ResourceTotals{Cpu: &v}); err == nil {
			t.Errorf("%v was written as %s", v, got)
		}
	}
}

// TestEveryMessageOfTheAPIHasALayout: no message of the API outgrew the codec.
func TestEveryMessageOfTheAPIHasALayout(t *testing.T) {
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			message := file.Messages().Get(i)
			if message == (&cmfv1.FetchFlinkWebUIResponse{}).ProtoReflect().Descriptor() {
				continue // pages of Flink's go to browsers as they are
			}
			if message == (&cmfv1.AccessRule{}).ProtoReflect().Descriptor() {
				continue // an option of methods, which no request or response contains
			}
			if object := message.Fields().ByName("object"); object != nil && message.Fields().ByName("type") != nil {
				message = object.Message() // the event around it is the gateway's to write
			}
			if err := codec.Check(message); err != nil {
				t.Error(err)
			}
		}
		return true
	})
	if err := codec.Check((&anypb.Any{}).ProtoReflect().Descriptor()); err == nil {
		t.Error("bytes have a form, though the contract has none")
	}
}

// TestDynamicMessagesHaveTheSameLayout: the shortcut for generated ones changes
// nothing.
func TestDynamicMessagesHaveTheSameLayout(t *testing.T) {
	generated := &cmfv1.ObjectMeta{Name: "app1", Labels: map[string]string{"b": "2", "a": "1"}, Annotations: map[string]string{"c": "3"}}
	binary, err := proto.Marshal(generated)
	if err != nil {
		t.Fatal(err)
	}
	dynamic := dynamicpb.NewMessage(generated.ProtoReflect().Descriptor())
	if err := proto.Unmarshal(binary, dynamic); err != nil {
		t.Fatal(err)
	}
	want, err := codec.Append(nil, generated)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := codec.Append(nil, dynamic); err != nil || string(got) != string(want) {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
