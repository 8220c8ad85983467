package render_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func statementRecord(t *testing.T, shared, detached bool) *storev1.StatementRecord {
	t.Helper()
	cluster, err := render.PoolCluster(environment(""), sharedPool())
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
	job := rules.StatementJob{
		Statement: spec, Cluster: cluster, Detached: detached, Configuration: rules.StatementConfiguration(spec, defaults, !detached),
	}
	record := &storev1.StatementRecord{
		Generation: 4,
		Statement: &cmfv1.Statement{
			Metadata: &cmfv1.ObjectMeta{Name: "copy-orders", Uid: "5b8f1a8e-0000-4000-8000-000000000002", Labels: map[string]string{"team": "payments"}},
			Spec:     spec,
		},
	}
	if shared {
		record.ObjectKind, record.ObjectSpec = render.KindSessionJob, openjson.Format(job.SessionJob("shared"))
	} else {
		record.ObjectKind, record.ObjectSpec = render.KindDeployment, openjson.Format(job.Application())
	}
	return record
}

func TestStatement(t *testing.T) {
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
			apply, err := render.Statement(environment(""), record)
			if err != nil {
				t.Fatal(err)
			}
			if apply.GetGeneration() != 4 || apply.GetRef().GetKind() != record.GetObjectKind() || apply.GetRef().GetName() != "copy-orders" {
				t.Errorf("it is addressed as %v", apply)
			}
			checkGolden(t, name, apply)
		})
	}
}

func TestStatementThatIsNotDeployed(t *testing.T) {
	if apply, err := render.Statement(environment(""), &storev1.StatementRecord{Statement: &cmfv1.Statement{}}); err == nil {
		t.Errorf("it is %v", apply)
	}
}
