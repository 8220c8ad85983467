package statement

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/manifest/manifesttest"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func sharedPool() *cmfv1.ComputePool {
	return &cmfv1.ComputePool{
		Metadata: &cmfv1.ObjectMeta{Name: "shared"},
		Spec: &cmfv1.ComputePoolSpec{Type: "SHARED", State: "RUNNING", ClusterSpec: &cmfv1.JsonObject{Json: `{
			"flinkVersion":"v2_0","image":"flink:2.0.1",
			"flinkConfiguration":{"taskmanager":{"numberOfTaskSlots":"2"}},
			"jobManager":{"resource":{"cpu":0.5,"memory":"1024m"}},"taskManager":{"resource":{"cpu":1,"memory":"2048m"}},
			"job":{"parallelism":4}
		}`}},
	}
}

func statementRecord(t *testing.T, shared, detached bool) *storev1.StatementRecord {
	t.Helper()
	cluster, err := computepool.ClusterSpec(prod(), sharedPool())
	if err != nil {
		t.Fatal(err)
	}
	spec := &cmfv1.StatementSpec{
		Statement: "INSERT INTO sink SELECT '<a> & b' FROM source", ComputePoolName: "shared",
		Parallelism: proto.Int32(3), Stopped: proto.Bool(false),
		FlinkConfiguration: map[string]string{
			"execution.checkpointing.interval": "2000", "execution.checkpointing.dir": "s3://c", "execution.checkpointing.savepoint-dir": "s3://s",
		},
	}
	defaults := &cmfv1.StatementDefaults{FlinkConfiguration: map[string]string{"execution.checkpointing.interval": "10s"}}
	job := job{
		statement: spec, cluster: cluster, detached: detached, configuration: configurationOf(spec, defaults, !detached),
	}
	record := &storev1.StatementRecord{
		Generation: 4,
		Statement: &cmfv1.Statement{
			Metadata: &cmfv1.ObjectMeta{Name: "copy-orders", Uid: "5b8f1a8e-0000-4000-8000-000000000002", Labels: map[string]string{"team": "payments"}},
			Spec:     spec,
		},
	}
	if shared {
		record.ObjectKind, record.ObjectSpec = flink.KindSessionJob, openjson.Format(job.sessionJob("shared"))
	} else {
		record.ObjectKind, record.ObjectSpec = flink.KindDeployment, openjson.Format(job.application())
	}
	return record
}

func TestOperatorManifest(t *testing.T) {
	fromSavepoint := statementRecord(t, false, true)
	fromSavepoint.Statement.Spec.Stopped = proto.Bool(true)
	fromSavepoint.Start = &storev1.SavepointStart{Path: "s3://s/1", Nonce: 5, AllowNonRestoredState: true}
	for name, record := range map[string]*storev1.StatementRecord{
		"statement-dedicated":              statementRecord(t, false, true),
		"statement-dedicated-interactive":  statementRecord(t, false, false),
		"statement-shared":                 statementRecord(t, true, true),
		"statement-stopped-with-savepoint": fromSavepoint,
	} {
		t.Run(name, func(t *testing.T) {
			apply, err := operatorManifest(prod(), record)
			if err != nil {
				t.Fatal(err)
			}
			if apply.GetGeneration() != 4 || apply.GetRef().GetKind() != record.GetObjectKind() || apply.GetRef().GetName() != "copy-orders" {
				t.Errorf("it is addressed as %v", apply)
			}
			manifesttest.Golden(t, name, apply)
		})
	}
}

func TestStatementWithoutAnObject(t *testing.T) {
	if apply, err := operatorManifest(prod(), &storev1.StatementRecord{Statement: &cmfv1.Statement{}}); err == nil {
		t.Errorf("it is %v", apply)
	}
}
