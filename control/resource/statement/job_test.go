package statement

import (
	"testing"

	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func statementJob(t *testing.T, cluster string, detached bool, configuration map[string]string) job {
	t.Helper()
	return job{
		statement: &cmfv1.StatementSpec{Statement: "INSERT INTO a SELECT * FROM b", Parallelism: proto.Int32(2)},
		cluster:   object(t, cluster), configuration: configuration, detached: detached,
	}
}

func TestStatementDefaultsTakePrecedence(t *testing.T) {
	spec := &cmfv1.StatementSpec{FlinkConfiguration: map[string]string{"a": "statement", "b": "statement", "execution.runtime-mode": "STREAMING"}}
	defaults := &cmfv1.StatementDefaults{FlinkConfiguration: map[string]string{"a": "environment", "c": "environment"}}
	same(t, configurationOf(spec, defaults, true),
		map[string]string{"a": "environment", "b": "statement", "c": "environment", "execution.runtime-mode": "STREAMING"})
	same(t, configurationOf(&cmfv1.StatementSpec{}, nil, true), map[string]string{"execution.runtime-mode": "BATCH"})
}

func TestInsertNeedsCheckpoints(t *testing.T) {
	const without = "INSERT INTO needs checkpoints: set execution.checkpointing.interval in the Flink configuration of the statement, of its compute pool or of the environment's defaults."
	on := map[string]string{"execution.checkpointing.interval": "10s"}
	for name, test := range map[string]struct {
		job  job
		want string
	}{
		"without":                 {statementJob(t, `{}`, true, nil), without},
		"off":                     {statementJob(t, `{}`, true, map[string]string{"execution.checkpointing.interval": "0"}), without},
		"by the statement":        {statementJob(t, `{}`, true, on), ""},
		"by the pool":             {statementJob(t, `{"flinkConfiguration":{"execution.checkpointing.interval":2000}}`, true, nil), ""},
		"in batch":                {statementJob(t, `{}`, true, map[string]string{"execution.runtime-mode": "BATCH"}), ""},
		"of an interactive query": {statementJob(t, `{}`, false, nil), ""},
	} {
		t.Run(name, func(t *testing.T) { same(t, test.job.refusal(), test.want) })
	}
}

func TestStatementKeepsItsStateIfPossible(t *testing.T) {
	both := map[string]string{"state.checkpoints.dir": "s3://c", "state.savepoints.dir": "s3://s"}
	for name, test := range map[string]struct {
		job     job
		mode    string
		remarks bool
	}{
		"directories for both":     {statementJob(t, `{}`, true, both), "savepoint", false},
		"none":                     {statementJob(t, `{}`, true, nil), "stateless", true},
		"savepoint directory only": {statementJob(t, `{}`, true, map[string]string{"state.savepoints.dir": "s3://s"}), "stateless", true},
		"the mode of the pool":     {statementJob(t, `{"job":{"upgradeMode":"last-state"}}`, true, nil), "last-state", false},
		"an interactive query's":   {statementJob(t, `{}`, false, both), "stateless", false},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, openjson.String(test.job.application(), "job", "upgradeMode"), test.mode)
			same(t, test.job.remark() != "", test.remarks)
		})
	}
}

func TestJarOfTheSQLDriverHasTheRelease(t *testing.T) {
	for cluster, want := range map[string]string{
		`{"flinkVersion":"v2_0","image":"flink:2.0.1"}`:                             "2.0.1",
		`{"flinkVersion":"v2_0","image":"registry.example.com:5000/flink:2.0.1-x"}`: "2.0.1",
		`{"flinkVersion":"v2_1","image":"flink:latest"}`:                            "2.1.0",
		`{"flinkVersion":"v2_1"}`:                                                   "2.1.0",
	} {
		t.Run(cluster, func(t *testing.T) {
			same(t, openjson.String(statementJob(t, cluster, true, nil).application(), "job", "jarURI"),
				"local:///opt/flink/opt/flink-sql-gateway-"+want+".jar")
		})
	}
}

func TestUpdateOfAStatement(t *testing.T) {
	before := &cmfv1.StatementSpec{
		Statement: "SELECT 1", ComputePoolName: "pool", Parallelism: proto.Int32(1), Stopped: proto.Bool(false),
		Properties: map[string]string{"a": "b"}, FlinkConfiguration: map[string]string{"c": "d"},
	}
	change := func(change func(*cmfv1.StatementSpec)) *cmfv1.StatementSpec {
		after := proto.CloneOf(before)
		change(after)
		return after
	}
	for name, test := range map[string]struct {
		update *cmfv1.StatementSpec
		does   []event
		wrong  []string
	}{
		"as it was":         {change(func(*cmfv1.StatementSpec) {}), nil, nil},
		"only what must be": {&cmfv1.StatementSpec{Statement: "SELECT 1", ComputePoolName: "pool"}, nil, nil},
		"stop":              {change(func(s *cmfv1.StatementSpec) { s.Stopped = proto.Bool(true) }), []event{"stop"}, nil},
		"rescale and move":  {change(func(s *cmfv1.StatementSpec) { s.Parallelism = proto.Int32(2); s.ComputePoolName = "other" }), []event{"move", "rescale"}, nil},
		"from a savepoint":  {change(func(s *cmfv1.StatementSpec) { s.StartFromSavepoint = &cmfv1.StatementStartFromSavepoint{Uid: "u"} }), []event{"redeploy"}, nil},
		"from two savepoints": {change(func(s *cmfv1.StatementSpec) {
			s.StartFromSavepoint = &cmfv1.StatementStartFromSavepoint{Uid: "u", SavepointName: "n"}
		}), nil, []string{"spec.startFromSavepoint: must name a savepoint by one of savepointName, uid and initialSavepointPath"}},
		"other SQL": {change(func(s *cmfv1.StatementSpec) { s.Statement = "SELECT 2" }), nil, []string{"spec.statement: cannot change after creation"}},
		"other properties": {change(func(s *cmfv1.StatementSpec) {
			s.Properties = map[string]string{}
			s.FlinkConfiguration = map[string]string{}
		}), nil,
			[]string{"spec.properties: cannot change after creation", "spec.flinkConfiguration: cannot change after creation"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkUpdate(before, test.update)
			same(t, messages(t, err), test.wrong)
			if err == nil {
				same(t, actionsOf(before, updateSpec(before, test.update)), test.does)
			}
		})
	}
}
