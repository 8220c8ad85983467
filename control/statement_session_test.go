package control_test

import (
	"context"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/seal"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// runsSQL makes an agent one that has a SQL driver.
func runsSQL(h *agentv1.Hello) {
	h.CustomResourceDefinitions = append(h.CustomResourceDefinitions, "statements.sql.weir.dev")
}

// awaitObject waits for an Apply of an object of a kind, of a generation.
func (a *agent) awaitObject(kind, name string, generation int64) *agentv1.Apply {
	a.t.Helper()
	var found *agentv1.Apply
	await.Success(a.t, "Apply of "+kind+" "+name, func() error {
		for _, m := range a.applies(name) {
			if m.GetRef().GetKind() == kind && m.GetGeneration() == generation {
				found = m
				return nil
			}
		}
		return context.DeadlineExceeded
	})
	return found
}

// sharedPoolRunning makes a shared pool whose session cluster is ready, and
// gives the Apply of the cluster.
func (r *replica) sharedPoolRunning(t testing.TB, a *agent) *agentv1.Apply {
	t.Helper()
	p := r.pools("prod")
	must(p.create(t.Context(), poolOf("shared", "SHARED", "")))(t)
	apply := a.awaitApply("shared", 1)
	a.report(apply, `{"jobManagerDeploymentStatus":"READY","lifecycleState":"STABLE"}`)
	p.awaitPhase(t, "shared", "RUNNING")
	return apply
}

func TestQueryRunsOnTheSessionClusterOfItsPool(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	cluster := specOf(t, r.sharedPoolRunning(t, a))
	if text := cluster["jobManager"].(map[string]any)["podTemplate"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[1].(map[string]any)["name"].(string); text != "sql-gateway" {
		t.Errorf("the container beside Flink's is %q", text)
	}
	must(s.post(t.Context(), statementOf("looking", "shared", "SELECT id FROM orders")))(t)
	apply := a.awaitApply("looking", 1)
	equal(t, "object", &agentv1.ObjectRef{ApiVersion: "sql.weir.dev/v1", Kind: "Statement", Namespace: "flink", Name: "looking"}, apply.GetRef())
	spec := specOf(t, apply)
	equal(t, "cluster", "shared", spec["deployment"].(string))
	equal(t, "statement", "SELECT id FROM orders", spec["statement"].(string))
	equal(t, "state", "running", spec["state"].(string))
	equal(t, "checkpoints of a query", nil, spec["configuration"].(map[string]any)["execution.checkpointing.interval"])
	setup := spec["setup"].([]any)
	equal(t, "the last of the setup", "USE `sales`", setup[len(setup)-1].(string))
	if table := setup[2].(string); !strings.Contains(table, "CREATE TABLE `shop`.`sales`.`orders`") || !strings.Contains(table, "'properties.bootstrap.servers' = 'kafka:9092'") {
		t.Errorf("the table is declared by\n%s", table)
	}

	t.Run("the planner's traits replace those of the text", func(t *testing.T) {
		a.report(apply, `{"observedGeneration":1,"lifecycleState":"STABLE","jobStatus":{"jobId":"j","state":"RUNNING"},
			"traits":{"sqlKind":"SELECT","isBounded":true,"isAppendOnly":false,"upsertColumns":[0],
				"schema":{"columns":[{"name":"n","type":{"type":"DECIMAL","nullable":false,"precision":10,"scale":2}}]}},
			"exceptions":[]}`)
		s.awaitPhase(t, "looking", "RUNNING")
		equal(t, "traits", &cmfv1.StatementTraits{
			SqlKind: "SELECT", IsBounded: proto.Bool(true), IsAppendOnly: proto.Bool(false), UpsertColumns: []int32{0},
			Schema: &cmfv1.ResultSchema{Columns: []*cmfv1.ResultSchemaColumn{{Name: "n", Type: &cmfv1.DataType{
				Type: "DECIMAL", Nullable: proto.Bool(false), Precision: proto.Int32(10), Scale: proto.Int32(2),
			}}}},
		}, s.get(t, "looking").GetStatus().GetTraits())
		equal(t, "detail", "", s.get(t, "looking").GetStatus().GetDetail())
	})
	t.Run("rows come from the driver", func(t *testing.T) {
		request, page, err := s.answered(t, a, "", 1, &agentv1.ResultPage{Rows: []string{`{"op":0,"row":["1"]}`}, NextOffset: 1, Finished: true})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "object", apply.GetRef(), request.GetRef())
		equal(t, "rows", 1, len(page.GetResults().GetData()))
	})
	t.Run("rejects savepoints of queries on session clusters", func(t *testing.T) {
		_, err := cmfv1.NewSavepointServiceClient(r.conn).CreateSavepointForFlinkStatement(t.Context(), &cmfv1.CreateSavepointForFlinkStatementRequest{
			EnvName: "prod", StmtName: "looking", Savepoint: &cmfv1.Savepoint{},
		})
		refused(t, err, unprocessable("Statement 'looking' runs as a job of a session cluster: a savepoint is taken only when the statement is stopped."))
	})
	a.close()
	a = r.connect(t, hello("cluster-a", runsSQL))
	t.Run("a reconnecting agent gets the known state", func(t *testing.T) {
		again := a.awaitApply("looking", 1)
		equal(t, "hash", apply.GetHash(), again.GetHash())
		equal(t, "known", map[string]any{"generation": 1.0, "phase": "RUNNING", "jobId": "j", "state": "RUNNING", "upgradeSavepointPath": ""},
			specOf(t, again)["known"].(map[string]any))
	})
	t.Run("the planner's message is the detail", func(t *testing.T) {
		a.report(apply, `{"observedGeneration":1,"lifecycleState":"FAILED","error":"Column 'x' not found in any table.","jobStatus":{}}`)
		s.awaitPhase(t, "looking", "FAILED")
		equal(t, "detail", "Column 'x' not found in any table.", s.get(t, "looking").GetStatus().GetDetail())
	})
	equal(t, "delete", "202", s.remove(t, "looking", false))
	a.deleted(a.awaitDelete(1))
	s.awaitGone(t, "looking")
}

func (s statements) awaitGone(t testing.TB, name string) {
	t.Helper()
	awaitEqual(t, "read of a statement that is gone", codes.NotFound, func() codes.Code {
		_, err := s.GetStatement(t.Context(), &cmfv1.GetStatementRequest{EnvName: s.env, StmtName: name})
		return refusalOf(err).Code
	})
}

// TestQueryOnADedicatedPoolHasAClusterOfItsOwn: such a statement has two objects.
func TestQueryOnADedicatedPoolHasAClusterOfItsOwn(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	must(s.post(t.Context(), statementOf("looking", "dedicated", "SELECT id FROM orders")))(t)
	cluster, job := a.awaitObject("FlinkDeployment", "looking", 1), a.awaitObject("Statement", "looking", 1)
	equal(t, "job of the cluster", nil, specOf(t, cluster)["job"])
	equal(t, "cluster of the statement", "looking", specOf(t, job)["deployment"].(string))
	equal(t, "one owner", cluster.GetOwnerUid(), job.GetOwnerUid())

	t.Run("the name of its cluster is taken", func(t *testing.T) {
		_, err := r.pools("prod").create(t.Context(), poolOf("looking", "SHARED", ""))
		refused(t, err, unprocessable("metadata.name: the FlinkDeployment 'looking' in namespace 'flink' of Kubernetes cluster 'cluster-a' is already owned by 'looking' of environment 'prod'."))
	})
	t.Run("a rejected cluster fails the statement", func(t *testing.T) {
		a.ack(cluster, agentv1.Outcome_OUTCOME_REFUSED, "Forbidden", "The agent may not.")
		s.awaitPhase(t, "looking", "FAILED")
		equal(t, "detail", "Forbidden: The agent may not.", s.get(t, "looking").GetStatus().GetDetail())
		a.applied(cluster)
		a.report(cluster, `{"jobManagerDeploymentStatus":"READY","lifecycleState":"STABLE"}`)
		a.report(job, flinkStatus("STABLE", "RUNNING", "job-1"))
		s.awaitPhase(t, "looking", "RUNNING")
		awaitEqual(t, "detail", "", func() string { return s.get(t, "looking").GetStatus().GetDetail() })
	})
	t.Run("it exists until both objects are deleted", func(t *testing.T) {
		equal(t, "delete", "202", s.remove(t, "looking", false))
		a.awaitDelete(2)
		deletes := a.deletes()
		a.deleted(deletes[0])
		await.Success(t, "one tombstone left", func() error { return difference(1, len(r.storedUnder(t, "tombstones/"))) })
		equal(t, "phase", "DELETING", s.get(t, "looking").GetStatus().GetPhase())
		a.deleted(deletes[1])
		s.awaitGone(t, "looking")
		equal(t, "claims", 0, len(r.storedUnder(t, "claims/")))
	})
}

// TestBothObjectsAreDeletedTogether: neither takes the other for one that is still there.
func TestBothObjectsAreDeletedTogether(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	for range 5 {
		must(s.post(t.Context(), statementOf("looking", "dedicated", "SELECT id FROM orders")))(t)
		before := len(a.deletes())
		equal(t, "delete", "202", s.remove(t, "looking", false))
		a.awaitDelete(before + 2)
		for _, gone := range a.deletes()[before:] {
			a.deleted(gone)
		}
		s.awaitGone(t, "looking")
	}
	equal(t, "claims", 0, len(r.storedUnder(t, "claims/")))
	equal(t, "tombstones", 0, len(r.storedUnder(t, "tombstones/")))
}

func TestDetachedStatementRunsAsAnApplicationWithItsScript(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	must(s.post(t.Context(), statementOf("copying", "dedicated", copyOrders+"; -- all of them")))(t)
	apply := a.awaitApply("copying", 1)
	equal(t, "object", "FlinkDeployment", apply.GetRef().GetKind())
	args := specOf(t, apply)["job"].(map[string]any)["args"].([]any)
	script := args[1].(string)
	for _, part := range []string{
		"CREATE CATALOG `shop`", "CREATE TABLE `shop`.`sales`.`orders`", "CREATE TABLE `shop`.`sales`.`copies`", "USE `sales`;\n\n" + copyOrders + ";\n",
	} {
		if !strings.Contains(script, part) {
			t.Errorf("the script lacks %q:\n%s", part, script)
		}
	}
	t.Run("a pool of Flink 1 cannot take it over", func(t *testing.T) {
		old := poolOf("older", "DEDICATED", "")
		old.Spec.ClusterSpec = text(strings.ReplaceAll(strings.ReplaceAll(clusterSpec, "v2_0", "v1_20"), "2.0.1", "1.20.1"))
		must(r.pools("prod").create(t.Context(), old))(t)
		if err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.Stopped = proto.Bool(true) }); err != nil {
			t.Fatal(err)
		}
		apply = a.awaitApply("copying", 2)
		a.report(apply, flinkStatus("SUSPENDED", "FINISHED", "job-1"))
		s.awaitPhase(t, "copying", "STOPPED")
		err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.ComputePoolName = "older" })
		refused(t, err, unprocessable("spec: The statement runs as an application, which needs a compute pool of Flink 2.0 or newer."))
	})
}

// TestStatementOfFlink1KeepsItsStateAcrossAgents: stop, an agent of another
// process, resume.
func TestStatementOfFlink1KeepsItsStateAcrossAgents(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	old := poolOf("older", "DEDICATED", "")
	old.Spec.ClusterSpec = text(strings.ReplaceAll(strings.ReplaceAll(clusterSpec, "v2_0", "v1_20"), "2.0.1", "1.20.1"))
	must(r.pools("prod").create(t.Context(), old))(t)
	must(s.post(t.Context(), statementOf("copying", "older", copyOrders)))(t)
	apply := a.awaitObject("Statement", "copying", 1)
	equal(t, "upgrade mode", "savepoint", specOf(t, apply)["upgradeMode"].(string))
	equal(t, "checkpoints", "10s", specOf(t, apply)["configuration"].(map[string]any)["execution.checkpointing.interval"].(string))
	a.report(apply, flinkStatus("STABLE", "RUNNING", "job-1"))
	s.awaitPhase(t, "copying", "RUNNING")
	if err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.Stopped = proto.Bool(true) }); err != nil {
		t.Fatal(err)
	}
	apply = a.awaitObject("Statement", "copying", 2)
	equal(t, "state", "suspended", specOf(t, apply)["state"].(string))
	a.report(apply, `{"observedGeneration":2,"lifecycleState":"SUSPENDED","jobStatus":{"jobId":"job-1","state":"FINISHED","upgradeSavepointPath":"s3://s/1"}}`)
	s.awaitPhase(t, "copying", "STOPPED")
	a.close()
	a = r.connect(t, hello("cluster-a", runsSQL, func(h *agentv1.Hello) { h.ProcessId = "process-2" }))
	if err := s.change(t, "copying", func(spec *cmfv1.StatementSpec) { spec.Stopped = proto.Bool(false) }); err != nil {
		t.Fatal(err)
	}
	spec := specOf(t, a.awaitObject("Statement", "copying", 3))
	equal(t, "start", []any{"running", "s3://s/1", 0.0}, []any{spec["state"], spec["initialSavepointPath"], spec["savepointRedeployNonce"]})
	equal(t, "known phase", "PENDING", spec["known"].(map[string]any)["phase"].(string))
}

func TestSecretsOfTablesReachOnlyTheDriver(t *testing.T) {
	keys := must(seal.Parse(must(seal.Generate())(t)))(t)
	r := start(t, func(c *control.Config) { c.Keys = keys })
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	secrets, mappings := cmfv1.NewSecretServiceClient(r.conn), cmfv1.NewSecretMappingServiceClient(r.conn)
	keep := func(password string) *cmfv1.Secret {
		return &cmfv1.Secret{Metadata: &cmfv1.ObjectMeta{Name: "kafka"}, Spec: &cmfv1.SecretSpec{Data: map[string]string{"sasl.jaas.config": password}}}
	}
	must(secrets.CreateSecret(t.Context(), &cmfv1.CreateSecretRequest{Secret: keep("first-password")}))(t)
	must(mappings.CreateEnvironmentSecretMapping(t.Context(), &cmfv1.CreateEnvironmentSecretMappingRequest{EnvName: "prod", Mapping: &cmfv1.EnvironmentSecretMapping{
		Metadata: &cmfv1.ObjectMeta{Name: "kafka-login"}, Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: "kafka"},
	}}))(t)
	databases := cmfv1.NewKafkaDatabaseServiceClient(r.conn)
	sales := must(databases.GetKafkaDatabase(t.Context(), &cmfv1.GetKafkaDatabaseRequest{CatName: "shop", DbName: "sales"}))(t)
	sales.Spec.KafkaCluster.ConnectionSecretId = "kafka-login"
	must(databases.UpdateKafkaDatabase(t.Context(), &cmfv1.UpdateKafkaDatabaseRequest{CatName: "shop", DbName: "sales", Database: sales}))(t)

	must(s.post(t.Context(), statementOf("copying", "dedicated", copyOrders)))(t)
	apply := a.awaitObject("Statement", "copying", 1) // an application's script could be read
	if !strings.Contains(apply.GetManifest(), "first-password") {
		t.Errorf("the password is not in\n%s", apply.GetManifest())
	}
	for _, kv := range must(r.etcd.Get(t.Context(), control.Prefix+"/", clientv3.WithPrefix()))(t).Kvs {
		if strings.Contains(string(kv.Value), "first-password") {
			t.Errorf("%s has the password", kv.Key)
		}
	}
	hinted := must(s.post(t.Context(), statementOf("hinted", "dedicated", "SELECT * FROM orders /*+ OPTIONS('properties.bootstrap.servers'='elsewhere:9092') */")))(t)
	equal(t, "a hint that sends the password elsewhere", "FAILED: Table `shop`.`sales`.`orders` cannot be used with a hint with the option 'properties.bootstrap.servers': "+
		"its database or catalog has credentials, so they alone say where and how to connect.", hinted.GetStatus().GetPhase()+": "+hinted.GetStatus().GetDetail())
	must(secrets.UpdateSecret(t.Context(), &cmfv1.UpdateSecretRequest{SecretName: "kafka", Secret: keep("second-password")}))(t)
	a.close()
	a = r.connect(t, hello("cluster-a", runsSQL, holding(apply)))
	equal(t, "a new password restarts nothing", 0, len(a.applies("copying"))-len(clusters(a, "copying")))
	a.close()
	a = r.connect(t, hello("cluster-a", runsSQL))
	again := a.awaitObject("Statement", "copying", 1)
	equal(t, "hash", apply.GetHash(), again.GetHash())
	if !strings.Contains(again.GetManifest(), "second-password") {
		t.Errorf("the new password is not in\n%s", again.GetManifest())
	}
}

// clusters are the Apply messages for a session cluster of a name.
func clusters(a *agent, name string) []*agentv1.Apply {
	var out []*agentv1.Apply
	for _, m := range a.applies(name) {
		if m.GetRef().GetKind() == "FlinkDeployment" {
			out = append(out, m)
		}
	}
	return out
}

func TestStatementsOfSharedPoolsAreRestricted(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a", runsSQL))
	s := r.shop(t)
	r.sharedPoolRunning(t, a)
	statement := statementOf("loading", "shared", "SELECT * FROM orders")
	statement.Spec.FlinkConfiguration = map[string]string{"pipeline.jars": "https://elsewhere/x.jar"}
	created := must(s.post(t.Context(), statement))(t)
	equal(t, "a statement that loads code", "FAILED: Option pipeline.jars is not allowed in the Flink configuration of statements of this compute pool; its annotation weir.dev/sql-options can allow it.",
		created.GetStatus().GetPhase()+": "+created.GetStatus().GetDetail())
}

func TestPoolGetsItsGatewayWithAnAgentThatRunsSQL(t *testing.T) {
	r := start(t)
	a := r.connect(t, hello("cluster-a"))
	r.shop(t)
	without := r.sharedPoolRunning(t, a)
	if strings.Contains(without.GetManifest(), "sql-gateway") {
		t.Errorf("it has a gateway:\n%s", without.GetManifest())
	}
	a.close()
	a = r.connect(t, hello("cluster-a", runsSQL, holding(without)))
	with := a.awaitApply("shared", 1)
	if !strings.Contains(with.GetManifest(), "sql-gateway") {
		t.Errorf("it has no gateway:\n%s", with.GetManifest())
	}
}
