package codec_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const benchSpec = `{"image":"confluentinc/cp-flink:1.19.1-cp2","flinkVersion":"v1_19","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2",` +
	`"state.checkpoints.dir":"s3://bucket/checkpoints","execution.checkpointing.interval":"60 s"},"serviceAccount":"flink",` +
	`"jobManager":{"resource":{"memory":"1048m","cpu":1}},"taskManager":{"resource":{"memory":"1048m","cpu":1}},` +
	`"job":{"jarURI":"local:///opt/flink/examples/streaming/StateMachineExample.jar","state":"running","parallelism":3,"upgradeMode":"stateless"}}`

func benchApplication(i int) *cmfv1.FlinkApplication {
	now := timestamppb.New(time.Unix(1735689600, 123456789))
	return &cmfv1.FlinkApplication{
		ApiVersion: "cmf.confluent.io/v1",
		Kind:       "FlinkApplication",
		Metadata: &cmfv1.ObjectMeta{
			Name: fmt.Sprintf("application-%d", i), Uid: "5f1c8f0a-8a53-4a39-b8f0-5f7f1d3a9c11", CreationTimestamp: now, UpdateTimestamp: now,
			Labels: map[string]string{"team": "payments", "tier": "gold"}, Annotations: map[string]string{"owner": "someone"},
		},
		Spec:   &cmfv1.JsonObject{Json: benchSpec},
		Status: &cmfv1.JsonObject{Json: `{"jobStatus":{"jobId":"2b1f4c","state":"RUNNING"},"observedGeneration":4,"lifecycleState":"STABLE"}`},
	}
}

// structured is an application with protobuf's own type for open-ended JSON,
// which is what protojson needs to write the same document.
func structured(app *cmfv1.FlinkApplication) proto.Message {
	open := func(o *cmfv1.JsonObject) *structpb.Value {
		s := &structpb.Struct{}
		if err := protojson.Unmarshal([]byte(o.GetJson()), s); err != nil {
			panic(err)
		}
		return structpb.NewStructValue(s)
	}
	text := structpb.NewStringValue
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"apiVersion": text(app.GetApiVersion()),
		"kind":       text(app.GetKind()),
		"metadata": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
			"name": text(app.GetMetadata().GetName()), "uid": text(app.GetMetadata().GetUid()),
			"creationTimestamp": text("2025-01-01T00:00:00.123456789Z"), "updateTimestamp": text("2025-01-01T00:00:00.123456789Z"),
			"labels":      structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"team": text("payments"), "tier": text("gold")}}),
			"annotations": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"owner": text("someone")}}),
		}}),
		"spec": open(app.GetSpec()), "status": open(app.GetStatus()),
	}}
}

// compare runs both in turns and reports how many times faster ours is.
func compare(b *testing.B, ours, theirs func() error) {
	var our, their time.Duration
	timed := func(total *time.Duration, f func() error) {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		*total += time.Since(began)
	}
	for b.Loop() {
		timed(&our, ours)
		timed(&their, theirs)
	}
	b.ReportMetric(float64(our.Nanoseconds())/float64(b.N), "ours-ns/op")
	b.ReportMetric(float64(their)/float64(our), "times-protojson")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkEncode compares with protojson on the same message, whose open
// parts it writes as strings (typed), and on one that gives the same document.
func BenchmarkEncode(b *testing.B) {
	app := benchApplication(0)
	page := &cmfv1.ApplicationsPage{}
	for i := range 100 {
		page.Items = append(page.Items, benchApplication(i))
	}
	for name, tc := range map[string]struct{ ours, theirs proto.Message }{
		"one/typed": {app, app}, "one/same document": {app, structured(app)}, "page of 100/typed": {page, page},
	} {
		b.Run(name, func(b *testing.B) {
			var buffer []byte
			compare(b, func() (err error) {
				buffer, err = codec.Append(buffer[:0], tc.ours)
				return err
			}, func() (err error) {
				buffer, err = protojson.MarshalOptions{}.MarshalAppend(buffer[:0], tc.theirs)
				return err
			})
		})
	}
}

// BenchmarkDecode compares likewise.
func BenchmarkDecode(b *testing.B) {
	app := benchApplication(0)
	document, err := codec.Append(nil, app)
	if err != nil {
		b.Fatal(err)
	}
	typed, err := protojson.Marshal(app)
	if err != nil {
		b.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text []byte
		into proto.Message
	}{
		"typed": {typed, &cmfv1.FlinkApplication{}}, "same document": {document, &structpb.Struct{}},
	} {
		b.Run(name, func(b *testing.B) {
			compare(b, func() error {
				_, err := codec.Unmarshal(document, &cmfv1.FlinkApplication{})
				return err
			}, func() error {
				return protojson.Unmarshal(tc.text, tc.into)
			})
		})
	}
}
