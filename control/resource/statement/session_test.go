package statement

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func TestFlinkReleasesWithASQLDriver(t *testing.T) {
	for version, want := range map[string]bool{"v1_20": false, "v2_0": true, "v2_2": true, "v10_1": true, "": false, "two": false} {
		t.Run(version, func(t *testing.T) { same(t, hasSQLDriver(openjson.Object{"flinkVersion": version}), want) })
	}
}

const pooled = `{"flinkConfiguration":{"execution.checkpointing.interval":10000,"execution.target":"kubernetes-session","restart-strategy.type":"fixed-delay",` +
	`"state.backend.type":"rocksdb","table.exec.state.ttl":"1 h","rest.port":"8091","taskmanager.numberOfTaskSlots":2}}`

// TestJobInheritsTheJobOptionsOfItsCluster: the gateway that submits it does not
// have the configuration of the cluster.
func TestJobInheritsTheJobOptionsOfItsCluster(t *testing.T) {
	own := map[string]string{"table.exec.state.ttl": "2 h", "taskmanager.memory": "own"}
	same(t, openjson.Field(statementJob(t, pooled, true, own).sessionStatement("pool"), "configuration").(openjson.Object), openjson.Object{
		"execution.checkpointing.interval": "10000", "restart-strategy.type": "fixed-delay", "state.backend.type": "rocksdb",
		"table.exec.state.ttl": "2 h", "taskmanager.memory": "own",
	})
	// With checkpoints, rows of a query would come out with each checkpoint only.
	same(t, openjson.Field(statementJob(t, pooled, false, nil).sessionStatement("pool"), "configuration").(openjson.Object), openjson.Object{
		"state.backend.type": "rocksdb", "table.exec.state.ttl": "1 h",
	})
	asked := map[string]string{"execution.checkpointing.interval": "1s"}
	same(t, openjson.Field(statementJob(t, `{}`, false, asked).sessionStatement("pool"), "configuration").(openjson.Object), openjson.Object{
		"execution.checkpointing.interval": "1s",
	})
}

func TestUpgradeModeOnASessionCluster(t *testing.T) {
	savepoints := map[string]string{"state.checkpoints.dir": "s3://c", "state.savepoints.dir": "s3://s"}
	for name, test := range map[string]struct {
		job  job
		want string
	}{
		"directories for both":                    {statementJob(t, `{}`, true, savepoints), "savepoint"},
		"none":                                    {statementJob(t, `{}`, true, nil), "stateless"},
		"last-state with savepoints":              {statementJob(t, `{"job":{"upgradeMode":"last-state"}}`, true, savepoints), "savepoint"},
		"last-state without":                      {statementJob(t, `{"job":{"upgradeMode":"last-state"}}`, true, nil), "stateless"},
		"last-state for an interactive statement": {statementJob(t, `{"job":{"upgradeMode":"last-state"}}`, false, savepoints), "stateless"},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, openjson.String(test.job.sessionStatement("pool"), "upgradeMode"), test.want)
		})
	}
}

func TestClusterOfAStatementIsDeletedWithItsJobs(t *testing.T) {
	job := statementJob(t, `{"flinkVersion":"v1_20","job":{"parallelism":2}}`, true, nil)
	same(t, job.sessionCluster(), openjson.Object{
		"flinkVersion":       "v1_20",
		"flinkConfiguration": openjson.Object{"kubernetes.operator.session.block-on-unmanaged-jobs": "false"},
	})
	chosen := statementJob(t, `{"flinkConfiguration":{"kubernetes.operator.session.block-on-unmanaged-jobs":"true"}}`, true, nil)
	same(t, chosen.sessionCluster(), chosen.cluster)
}

func TestTraitsOfThePlannerTakePrecedence(t *testing.T) {
	guessed := &cmfv1.StatementTraits{SqlKind: "SELECT", IsBounded: proto.Bool(false), IsAppendOnly: proto.Bool(true), Schema: &cmfv1.ResultSchema{}}
	traits := func(told string) *cmfv1.StatementTraits {
		return traitsOf(&storev1.StatementRecord{Traits: guessed}, &storev1.StatusRecord{Traits: reportedTraits(object(t, told))})
	}
	same(t, traits(`{}`), guessed, protocmp.Transform())
	same(t, traits(`{"traits":"none"}`), guessed, protocmp.Transform())
	same(t, traits(`{"traits":{"isBounded":"perhaps"}}`), guessed, protocmp.Transform())
	same(t, traits(`{"traits":{"isAppendOnly":false,"upsertColumns":[1,0],"later":1}}`), &cmfv1.StatementTraits{
		SqlKind: "SELECT", IsBounded: proto.Bool(false), IsAppendOnly: proto.Bool(false), UpsertColumns: []int32{1, 0}, Schema: &cmfv1.ResultSchema{},
	}, protocmp.Transform())
	same(t, traits(`{"traits":{"isBounded":true,"schema":{"columns":[{"name":"n","type":{"type":"INTEGER"}}]}}}`), &cmfv1.StatementTraits{
		SqlKind: "SELECT", IsBounded: proto.Bool(true), IsAppendOnly: proto.Bool(true),
		Schema: &cmfv1.ResultSchema{Columns: []*cmfv1.ResultSchemaColumn{{Name: "n", Type: &cmfv1.DataType{Type: "INTEGER"}}}},
	}, protocmp.Transform())
}

func TestPhaseThatFollowsFromTheClusterOfAStatement(t *testing.T) {
	for name, test := range map[string]struct {
		phase   string
		cluster *storev1.StatusRecord
		want    string
	}{
		"it is refused":             {"", &storev1.StatusRecord{Problem: &storev1.Problem{Reason: "Forbidden"}}, "FAILED"},
		"it is tried again":         {"", &storev1.StatusRecord{Problem: &storev1.Problem{Reason: "Unavailable", Retrying: true}}, ""},
		"its JobManager crashes":    {"RUNNING", &storev1.StatusRecord{JobManagerStatus: "ERROR"}, "FAILED"},
		"it has failed":             {"RUNNING", &storev1.StatusRecord{LifecycleState: "FAILED"}, "FAILED"},
		"it is ready":               {"RUNNING", &storev1.StatusRecord{JobManagerStatus: "READY", LifecycleState: "STABLE"}, "RUNNING"},
		"after the statement ended": {"STOPPED", &storev1.StatusRecord{JobManagerStatus: "ERROR"}, "STOPPED"},
	} {
		t.Run(name, func(t *testing.T) {
			before := &storev1.StatusRecord{Phase: test.phase, Generation: 1}
			after := &storev1.StatusRecord{Phase: test.phase, Generation: 1, Cluster: test.cluster}
			concludeClusterPhase(deployedStatement(1, false, ""), before, after)
			same(t, after.GetPhase(), test.want)
		})
	}
}
