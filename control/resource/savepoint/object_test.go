package savepoint

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/manifest/manifesttest"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestRender(t *testing.T) {
	const uid = "6d3f1d0e-4f0b-4a57-9b6b-0c8c9a7f3c11"
	record := func(change func(*storev1.SavepointRecord)) *storev1.SavepointRecord {
		out := &storev1.SavepointRecord{
			Savepoint: &cmfv1.Savepoint{
				Metadata: &cmfv1.ObjectMeta{Name: "nightly", Uid: uid},
				Spec:     &cmfv1.SavepointSpec{FormatType: "CANONICAL", BackoffLimit: proto.Int32(-1)},
			},
			JobKind: flink.KindDeployment, JobName: "orders", Generation: 1,
		}
		change(out)
		return out
	}
	for name, test := range map[string]struct {
		record *storev1.SavepointRecord
		status *cmfv1.SavepointStatus
	}{
		"savepoint": {record(func(*storev1.SavepointRecord) {}), nil},
		"savepoint-of-a-session-job": {record(func(r *storev1.SavepointRecord) {
			r.JobKind, r.Savepoint.Spec.FormatType, r.Savepoint.Spec.Path = flink.KindSessionJob, "NATIVE", "s3://bucket/savepoints"
		}), nil},
		"savepoint-complete": {
			record(func(r *storev1.SavepointRecord) { r.Deleting = true }),
			&cmfv1.SavepointStatus{State: "COMPLETED", Path: "s3://bucket/savepoints/savepoint-1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			apply, err := render(prod, test.record, test.status)
			if err != nil {
				t.Fatal(err)
			}
			manifesttest.Golden(t, name, apply)
		})
	}
}
