package statement

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/manifest/manifesttest"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/sql/ddl"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// sessionRecord is a statement that the SQL driver runs, on a cluster of its own
// where the pool is not shared.
func sessionRecord(t *testing.T, shared, detached bool) *storev1.StatementRecord {
	t.Helper()
	record := statementRecord(t, shared, detached)
	cluster, err := computepool.ClusterSpec(prod(), sharedPool())
	if err != nil {
		t.Fatal(err)
	}
	job := job{
		statement: record.GetStatement().GetSpec(), cluster: cluster, detached: detached,
		configuration: record.GetStatement().GetSpec().GetFlinkConfiguration(),
	}
	deployment := "shared"
	if !shared {
		deployment = record.GetStatement().GetMetadata().GetName()
		record.ClusterSpec = openjson.Format(job.sessionCluster())
	}
	record.ObjectKind, record.ObjectSpec = manifest.KindStatement, openjson.Format(job.sessionStatement(deployment))
	record.Catalog, record.Database = "shop", "sales"
	record.Tables = []*storev1.StatementTable{{Catalog: "shop", Database: "sales", Name: "source", Definition: &storev1.TableRecord{
		Columns: []*storev1.TableColumn{{Name: "line", Kind: storev1.TableColumn_KIND_PHYSICAL, Type: "STRING"}},
		Options: map[string]string{"value.format": "raw"},
	}}}
	return record
}

func kafkaAt(server string) ddl.Connect {
	return func(string, string) ddl.Connection {
		return ddl.Connection{Kafka: map[string]string{"bootstrap.servers": server}}
	}
}

func renderSession(t *testing.T, record *storev1.StatementRecord, reported *storev1.StatusRecord, server string) *agentv1.Apply {
	t.Helper()
	apply, err := driverManifest(prod(), record, reported, kafkaAt(server))
	if err != nil {
		t.Fatal(err)
	}
	return apply
}

func TestDriverManifest(t *testing.T) {
	stopped := sessionRecord(t, false, true)
	stopped.Statement.Spec.Stopped = proto.Bool(true)
	stopped.Start = &storev1.SavepointStart{Path: "s3://s/1", Nonce: 5, AllowNonRestoredState: true}
	known := &storev1.StatusRecord{
		Generation: 3, Phase: "RUNNING", JobId: "job-1", JobState: "RUNNING",
		Status: `{"jobStatus":{"upgradeSavepointPath":"s3://s/2"}}`,
	}
	for name, test := range map[string]struct {
		record   *storev1.StatementRecord
		reported *storev1.StatusRecord
	}{
		"session-shared":    {sessionRecord(t, true, false), nil},
		"session-dedicated": {sessionRecord(t, false, true), known},
		"session-stopped":   {stopped, nil},
	} {
		t.Run(name, func(t *testing.T) {
			apply := renderSession(t, test.record, test.reported, "kafka:9092")
			if ref := apply.GetRef(); ref.GetApiVersion() != "sql.weir.dev/v1" || ref.GetKind() != "Statement" || ref.GetName() != "copy-orders" || apply.GetGeneration() != 4 {
				t.Errorf("it is addressed as %v", apply)
			}
			manifesttest.Golden(t, name, apply)
		})
	}
}

// TestHashOfASessionStatement: what is only known, and how Kafka is reached,
// restart no job.
func TestHashOfASessionStatement(t *testing.T) {
	record := sessionRecord(t, true, true)
	hash := renderSession(t, record, nil, "kafka:9092").GetHash()
	if other := renderSession(t, record, &storev1.StatusRecord{Generation: 1, JobId: "job-1"}, "elsewhere:9092").GetHash(); other != hash {
		t.Errorf("it is %s and %s", hash, other)
	}
	record.Start = &storev1.SavepointStart{Path: "s3://s/1", Nonce: 1}
	if other := renderSession(t, record, nil, "kafka:9092").GetHash(); other == hash {
		t.Error("it is the same from a savepoint")
	}
}

func TestClusterManifest(t *testing.T) {
	apply, err := clusterManifest(prod(), sessionRecord(t, false, true))
	if err != nil {
		t.Fatal(err)
	}
	manifesttest.Golden(t, "session-cluster", apply)
	if apply, err := clusterManifest(prod(), sessionRecord(t, true, true)); apply != nil || err != nil {
		t.Errorf("on a shared pool it is %v, %v", apply, err)
	}
}

func TestRefs(t *testing.T) {
	for name, test := range map[string]struct {
		record *storev1.StatementRecord
		want   []string
	}{
		"not deployed":       {&storev1.StatementRecord{}, nil},
		"on the pool's":      {sessionRecord(t, true, true), []string{"sql.weir.dev/v1 Statement"}},
		"on its own cluster": {sessionRecord(t, false, true), []string{"sql.weir.dev/v1 Statement", "flink.apache.org/v1beta1 FlinkDeployment"}},
		"as an application":  {statementRecord(t, false, true), []string{"flink.apache.org/v1beta1 FlinkDeployment"}},
		"by the operator":    {statementRecord(t, true, true), []string{"flink.apache.org/v1beta1 FlinkSessionJob"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, ref := range refsOf(prod(), test.record) {
				got = append(got, ref.GetApiVersion()+" "+ref.GetKind())
			}
			if strings.Join(got, ",") != strings.Join(test.want, ",") {
				t.Errorf("they are %q, want %q", got, test.want)
			}
		})
	}
}
