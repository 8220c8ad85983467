package control_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// statements is a client of statements in one environment.
type statements struct {
	cmfv1.StatementServiceClient
	env string
}

func (r *replica) statements(env string) statements {
	return statements{cmfv1.NewStatementServiceClient(r.conn), env}
}

func statementOf(name, pool, sql string) *cmfv1.Statement {
	return &cmfv1.Statement{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.StatementSpec{Statement: sql, ComputePoolName: pool}}
}

func (s statements) post(ctx context.Context, statement *cmfv1.Statement) (*cmfv1.Statement, error) {
	return s.CreateStatement(ctx, &cmfv1.CreateStatementRequest{EnvName: s.env, Statement: statement})
}

func (s statements) get(t testing.TB, name string) *cmfv1.Statement {
	t.Helper()
	return must(s.GetStatement(t.Context(), &cmfv1.GetStatementRequest{EnvName: s.env, StmtName: name}))(t)
}

// change sends back what was read with some of it changed, as the CLI does.
func (s statements) change(t testing.TB, name string, change func(*cmfv1.StatementSpec)) error {
	t.Helper()
	spec := s.get(t, name).GetSpec()
	change(spec)
	_, err := s.UpdateStatement(t.Context(), &cmfv1.UpdateStatementRequest{EnvName: s.env, StmtName: name, Statement: &cmfv1.Statement{
		Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: spec,
	}})
	return err
}

// remove deletes a statement and gives the status code that REST answers with.
func (s statements) remove(t testing.TB, name string, force bool) string {
	t.Helper()
	var header metadata.MD
	response := must(s.DeleteStatement(t.Context(), &cmfv1.DeleteStatementRequest{EnvName: s.env, StmtName: name, Force: force}, grpc.Header(&header)))(t)
	if chosen := header.Get("weir-http-status"); len(chosen) == 1 {
		equal(t, "pending", chosen[0] == "202", response.GetPending())
		return chosen[0]
	}
	return "204"
}

func (s statements) awaitPhase(t testing.TB, name, phase string) {
	t.Helper()
	awaitEqual(t, "phase of statement "+name, phase, func() string { return s.get(t, name).GetStatus().GetPhase() })
}

// shop makes an environment with a dedicated pool, and a catalog with two
// tables.
func (r *replica) shop(t testing.TB) statements {
	t.Helper()
	r.saveEnvironment(t, "prod", func(e *cmfv1.Environment) {
		e.StatementDefaults = &cmfv1.AllStatementDefaults{Detached: &cmfv1.StatementDefaults{FlinkConfiguration: map[string]string{"state.backend.type": "rocksdb"}}}
	})
	must(r.pools("prod").create(t.Context(), poolOf("dedicated", "DEDICATED", "")))(t)
	must(cmfv1.NewKafkaCatalogServiceClient(r.conn).CreateKafkaCatalog(t.Context(), &cmfv1.CreateKafkaCatalogRequest{Catalog: &cmfv1.KafkaCatalog{
		Metadata: &cmfv1.ObjectMeta{Name: "shop"}, Spec: &cmfv1.KafkaCatalogSpec{SrInstance: &cmfv1.SchemaRegistryInstance{ConnectionConfig: &cmfv1.StringMap{Entries: map[string]string{"schema.registry.url": "http://sr"}}}},
	}}))(t)
	must(cmfv1.NewKafkaDatabaseServiceClient(r.conn).CreateKafkaDatabase(t.Context(), &cmfv1.CreateKafkaDatabaseRequest{CatName: "shop", Database: &cmfv1.KafkaDatabase{
		Metadata: &cmfv1.ObjectMeta{Name: "sales"}, Spec: &cmfv1.KafkaDatabaseSpec{
			KafkaCluster:    &cmfv1.DatabaseKafkaCluster{ConnectionConfig: &cmfv1.StringMap{Entries: map[string]string{"bootstrap.servers": "kafka:9092"}}},
			DdlEnvironments: []string{"prod"},
		},
	}}))(t)
	s := r.statements("prod")
	for name, ddl := range map[string]string{"ddl-orders": "CREATE TABLE orders (id BIGINT, item STRING)", "ddl-copies": "CREATE TABLE copies (id BIGINT, item STRING)"} {
		created := must(s.post(t.Context(), statementOf(name, "dedicated", ddl)))(t)
		equal(t, "phase of "+ddl, "COMPLETED", created.GetStatus().GetPhase())
	}
	return s
}

const copyOrders = "INSERT INTO copies SELECT * FROM orders"

func TestMetadataStatementsAreExecutedImmediately(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	s := r.shop(t)
	created := must(s.post(t.Context(), statementOf("show", "dedicated", "SHOW TABLES")))(t)
	equal(t, "phase", "COMPLETED", created.GetStatus().GetPhase())
	equal(t, "kind", "SHOW_TABLES", created.GetStatus().GetTraits().GetSqlKind())
	equal(t, "columns", 1, len(created.GetStatus().GetTraits().GetSchema().GetColumns()))
	rows := []*cmfv1.JsonObject{text(`{"op":0,"row":["copies"]}`), text(`{"op":0,"row":["orders"]}`)}
	equal(t, "inline rows", rows, created.GetResult().GetResults().GetData())
	equal(t, "inline rows when read", rows, s.get(t, "show").GetResult().GetResults().GetData())
	page := must(s.GetStatementResult(t.Context(), &cmfv1.GetStatementResultRequest{EnvName: "prod", StmtName: "show"}))(t)
	equal(t, "rows", rows, page.GetResults().GetData())
	for _, name := range []string{"ddl-orders"} {
		_, err := s.GetStatementResult(t.Context(), &cmfv1.GetStatementResultRequest{EnvName: "prod", StmtName: name})
		refused(t, err, invalid("Statement does not return results."))
	}
	equal(t, "delete", "204", s.remove(t, "show", false))
	_, err := s.GetStatement(t.Context(), &cmfv1.GetStatementRequest{EnvName: "prod", StmtName: "show"})
	refused(t, err, notFound("Statement 'show' not found in environment 'prod'."))
}

func TestInvalidSQLCreatesAFailedStatement(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	s := r.shop(t)
	noCheckpoints := poolOf("bare", "DEDICATED", "")
	noCheckpoints.Spec.ClusterSpec = text(`{"flinkVersion":"v2_0"}`)
	must(r.pools("prod").create(t.Context(), noCheckpoints))(t)
	for name, test := range map[string]struct{ sql, pool, detail string }{
		"no SQL":            {"SELEKT 1", "dedicated", `SQL parse failed at line 1, column 1: Encountered "SELEKT", expected a statement.`},
		"no such table":     {"SELECT * FROM nothing", "dedicated", "Table `shop`.`sales`.`nothing` does not exist."},
		"no such database":  {"SELECT * FROM cellar.orders", "dedicated", "Database `shop`.`cellar` does not exist, or the environment has no access to it."},
		"a table twice":     {"CREATE TABLE orders (id BIGINT)", "dedicated", "Table `shop`.`sales`.`orders` already exists."},
		"no target":         {"INSERT INTO nothing SELECT * FROM orders", "dedicated", "Table `shop`.`sales`.`nothing` does not exist."},
		"a view":            {"CREATE VIEW v AS SELECT 1", "dedicated", "CREATE VIEW is not supported: Weir's catalogs hold tables only."},
		"without intervals": {copyOrders, "bare", "INSERT INTO needs checkpoints: set execution.checkpointing.interval in the Flink configuration of the statement, of its compute pool or of the environment's defaults."},
	} {
		t.Run(name, func(t *testing.T) {
			created := must(s.post(t.Context(), statementOf("failing", test.pool, test.sql)))(t)
			equal(t, "phase", "FAILED", created.GetStatus().GetPhase())
			equal(t, "detail", test.detail, created.GetStatus().GetDetail())
			err := s.change(t, "failing", func(spec *cmfv1.StatementSpec) { spec.Parallelism = proto.Int32(2) })
			refused(t, err, unprocessable("spec: a statement that is FAILED and was not deployed cannot change"))
			equal(t, "delete", "204", s.remove(t, "failing", false))
		})
	}
}

func TestInvalidStatementsAreRejected(t *testing.T) {
	r := start(t)
	r.connect(t, hello("cluster-a"))
	s := r.shop(t)
	must(s.post(t.Context(), statementOf("taken", "dedicated", "SHOW TABLES")))(t)
	must(r.pools("prod").create(t.Context(), poolOf("waiting", "SHARED", "")))(t)
	early := statementOf("early", "dedicated", copyOrders)
	early.Spec.StartFromSavepoint = &cmfv1.StatementStartFromSavepoint{Uid: "x"}
	for name, test := range map[string]struct {
		statement *cmfv1.Statement
		want      refusal
	}{
		"a name that is already in use": {statementOf("taken", "dedicated", "SHOW TABLES"),
			refusal{Code: codes.AlreadyExists, Messages: []string{"Statement 'taken' already exists."}}},
		"an unknown pool": {statementOf("lost", "nowhere", "SHOW TABLES"),
			unprocessable("spec.computePoolName: compute pool 'nowhere' does not exist in environment 'prod'")},
		"a pool that does not run yet": {statementOf("hasty", "waiting", copyOrders),
			unprocessable("spec.computePoolName: compute pool 'waiting' is PENDING: a shared pool accepts statements only while it is RUNNING")},
		"a savepoint": {early, unprocessable("spec.startFromSavepoint: can only be given when a statement is updated")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.post(t.Context(), test.statement)
			refused(t, err, test.want)
		})
	}
	t.Run("an unknown environment", func(t *testing.T) {
		_, err := r.statements("nowhere").post(t.Context(), statementOf("lost", "dedicated", "SHOW TABLES"))
		refused(t, err, notFound("Environment 'nowhere' not found."))
	})
}

func TestDetachedStatement(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	s, p := r.shop(t), r.pools("prod")
	created := must(s.post(t.Context(), statementOf("copying", "dedicated", copyOrders)))(t)
	equal(t, "phase", "PENDING", created.GetStatus().GetPhase())
	equal(t, "kind", "INSERT_INTO", created.GetStatus().GetTraits().GetSqlKind())
	equal(t, "parallelism", int32(1), created.GetSpec().GetParallelism())
	apply := a.awaitApply("copying", 1)
	spec := specOf(t, apply)
	equal(t, "object", "FlinkDeployment", apply.GetRef().GetKind())
	job := spec["job"].(map[string]any)
	equal(t, "arguments", []any{"--script", copyOrders}, job["args"].([]any))
	equal(t, "upgrade mode", "savepoint", job["upgradeMode"].(string))
	equal(t, "backend", "rocksdb", spec["flinkConfiguration"].(map[string]any)["state.backend.type"].(string))
	a.report(apply, flinkStatus("STABLE", "RUNNING", "job-1"))
	s.awaitPhase(t, "copying", "RUNNING")

	t.Run("what cannot change", func(t *testing.T) {
		refused(t, s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.Statement = "SELECT 1" }), unprocessable("spec.statement: cannot change after creation"))
		refused(t, s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.Properties = map[string]string{"a": "b"} }), unprocessable("spec.properties: cannot change after creation"))
		if err := s.change(t, "copying", func(*cmfv1.StatementSpec) {}); err != nil {
			t.Errorf("the specification as it was read is refused: %v", err)
		}
	})
	t.Run("its pool is in use", func(t *testing.T) {
		changed := poolOf("dedicated", "DEDICATED", "")
		changed.Spec.ClusterSpec = text(`{"flinkVersion":"v2_1"}`)
		_, err := p.update(t.Context(), changed)
		refused(t, err, refusal{Code: codes.FailedPrecondition, HTTP: 409, Messages: []string{"Cannot update compute pool 'dedicated': statements [copying] run on it. Stop them first."}})
		equal(t, "statements", map[string]int32{"COMPLETED": 2, "RUNNING": 1}, p.get(t, "dedicated").GetStatus().GetResources().GetStatements())
	})
	t.Run("stop and resume", func(t *testing.T) {
		if err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.Stopped = proto.Bool(true) }); err != nil {
			t.Fatal(err)
		}
		apply = a.awaitApply("copying", 2)
		equal(t, "job state", "suspended", specOf(t, apply)["job"].(map[string]any)["state"].(string))
		a.report(apply, flinkStatus("SUSPENDED", "FINISHED", "job-1"))
		s.awaitPhase(t, "copying", "STOPPED")
		changed := poolOf("dedicated", "DEDICATED", "")
		changed.Spec.ClusterSpec = text(strings.Replace(clusterSpec, "2.0.1", "2.0.2", 1))
		must(p.update(t.Context(), changed))(t)
		if err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) {
			spec.Stopped, spec.Parallelism = proto.Bool(false), proto.Int32(4)
		}); err != nil {
			t.Fatal(err)
		}
		equal(t, "phase", "PENDING", s.get(t, "copying").GetStatus().GetPhase())
		apply = a.awaitApply("copying", 3)
		equal(t, "image", "flink:2.0.2", specOf(t, apply)["image"].(string))
		equal(t, "parallelism", 4.0, specOf(t, apply)["job"].(map[string]any)["parallelism"].(float64))
		a.report(apply, flinkStatus("STABLE", "RUNNING", "job-2"))
		s.awaitPhase(t, "copying", "RUNNING")
	})
	t.Run("start from a savepoint", func(t *testing.T) {
		err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) {
			spec.StartFromSavepoint = &cmfv1.StatementStartFromSavepoint{SavepointName: "none"}
		})
		refused(t, err, unprocessable("spec.startFromSavepoint: Savepoint 'none' not found for statement 'copying' in environment 'prod'."))
		if err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) {
			spec.StartFromSavepoint = &cmfv1.StatementStartFromSavepoint{InitialSavepointPath: "s3://s/7", SavepointRedeployNonce: proto.Int64(42)}
		}); err != nil {
			t.Fatal(err)
		}
		apply = a.awaitApply("copying", 4)
		job := specOf(t, apply)["job"].(map[string]any)
		equal(t, "start", []any{"s3://s/7", 42.0}, []any{job["initialSavepointPath"], job["savepointRedeployNonce"]})
		a.report(apply, flinkStatus("STABLE", "RUNNING", "job-3"))
		s.awaitPhase(t, "copying", "RUNNING")
	})
	t.Run("exceptions", func(t *testing.T) {
		at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		for i := range 12 {
			a.event(apply, numbered("exception", i), "JobException", "java.lang.IllegalStateException: "+numbered("failure", i), at.Add(time.Duration(i)*time.Minute))
		}
		awaitEqual(t, "acknowledgements", 12, func() int { return len(a.eventAcks()) })
		awaitEqual(t, "the newest", "java.lang.IllegalStateException: failure-011", func() string {
			list := must(s.ListStatementExceptions(t.Context(), &cmfv1.ListStatementExceptionsRequest{EnvName: "prod", StmtName: "copying"}))(t)
			if len(list.GetData()) != 10 {
				return ""
			}
			equal(t, "class", "java.lang.IllegalStateException", list.GetData()[0].GetName())
			equal(t, "the oldest", "java.lang.IllegalStateException: failure-002", list.GetData()[9].GetMessage())
			return list.GetData()[0].GetMessage()
		})
	})
	t.Run("savepoints", func(t *testing.T) {
		client := cmfv1.NewSavepointServiceClient(r.conn)
		taken := must(client.CreateSavepointForFlinkStatement(t.Context(), &cmfv1.CreateSavepointForFlinkStatementRequest{
			EnvName: "prod", StmtName: "copying", Savepoint: &cmfv1.Savepoint{Metadata: &cmfv1.ObjectMeta{Name: "nightly"}},
		}))(t)
		snapshot := a.awaitApply("savepoint-"+taken.GetMetadata().GetUid(), 1)
		equal(t, "of", map[string]any{"kind": "FlinkDeployment", "name": "copying"}, specOf(t, snapshot)["jobReference"].(map[string]any))
	})
	t.Run("delete", func(t *testing.T) {
		equal(t, "first", "202", s.remove(t, "copying", false))
		equal(t, "phase", "DELETING", s.get(t, "copying").GetStatus().GetPhase())
		refused(t, p.delete(t.Context(), "dedicated", false), refusal{Code: codes.FailedPrecondition, HTTP: 409, Messages: []string{
			"Cannot delete compute pool 'dedicated': statements [copying, ddl-copies, ddl-orders] use it. Delete them first.",
		}})
		var gone *agentv1.Delete
		await.Success(t, "Delete of the object", func() error {
			for _, d := range a.deletes() {
				if d.GetRef().GetName() == "copying" {
					gone = d
					return nil
				}
			}
			return context.DeadlineExceeded
		})
		a.deleted(gone)
		awaitEqual(t, "read", codes.NotFound, func() codes.Code {
			_, err := s.GetStatement(t.Context(), &cmfv1.GetStatementRequest{EnvName: "prod", StmtName: "copying"})
			return refusalOf(err).Code
		})
		equal(t, "what is left of it", map[string]int64{}, r.storedUnder(t, "statement-exceptions/"))
		equal(t, "pools' statements", 2, len(r.storedUnder(t, "pool-statements/")))
	})
}

func TestInteractiveStatementOnASharedPool(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", simulated))
	s, p := r.shop(t), r.pools("prod")
	must(p.create(t.Context(), poolOf("shared", "SHARED", "")))(t)
	a.report(a.awaitApply("shared", 1), `{"jobManagerDeploymentStatus":"READY","lifecycleState":"STABLE"}`)
	p.awaitPhase(t, "shared", "RUNNING")
	created := must(s.post(t.Context(), statementOf("looking", "shared", "SELECT id, item FROM orders")))(t)
	traits := created.GetStatus().GetTraits()
	equal(t, "traits", []any{"SELECT", false, true, 2}, []any{traits.GetSqlKind(), traits.GetIsBounded(), traits.GetIsAppendOnly(), len(traits.GetSchema().GetColumns())})
	apply := a.awaitApply("looking", 1)
	equal(t, "object", "FlinkSessionJob", apply.GetRef().GetKind())
	equal(t, "cluster", "shared", specOf(t, apply)["deploymentName"].(string))
	a.report(apply, flinkStatus("STABLE", "RUNNING", "job-1"))
	s.awaitPhase(t, "looking", "RUNNING")
	equal(t, "detail", "Simulated by the Weir sandbox: no Flink runs.", s.get(t, "looking").GetStatus().GetDetail())

	list := must(s.ListStatements(t.Context(), &cmfv1.ListStatementsRequest{EnvName: "prod", ComputePool: "shared", Phase: "running", Filter: "name=look*"}))(t)
	equal(t, "listed", 1, len(list.GetItems()))
	_, err := s.ListStatements(t.Context(), &cmfv1.ListStatementsRequest{EnvName: "prod", Phase: "sleeping"})
	refused(t, err, invalid(`phase: must be one of pending, running, failing, stopped, completed, failed, deleting, got "sleeping"`))

	equal(t, "forced delete", "204", s.remove(t, "looking", true))
	equal(t, "released", true, a.awaitDelete(1).GetRelease())
	if err := p.delete(t.Context(), "shared", false); err != nil {
		t.Fatal(err)
	}
}
