package control_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// The agent takes what was not sent by Synced for unwanted: it cancels the jobs of
// such statements. A replica that cannot decrypt what a statement needs must not
// make it do so.
func TestAnObjectThatCannotBeRenderedIsNotTakenForUnwanted(t *testing.T) {
	keys, otherKeys := must(seal.Parse(must(seal.Generate())(t)))(t), must(seal.Parse(must(seal.Generate())(t)))(t)
	etcd := storetest.Etcd(t)
	right := startReplica(t, etcd, "replica-1", func(c *control.Config) { c.Keys = keys })
	a := right.connect(t, hello("cluster-a", runsSQL))
	s := right.shop(t)
	right.protectSales(t)
	must(s.post(t.Context(), statementOf("copying", "dedicated", copyOrders)))(t)
	job := a.awaitObject("Statement", "copying", 1)

	wrong := startReplica(t, etcd, "replica-2", func(c *control.Config) { c.Keys, c.IgnoreMissingKeys = otherKeys, true })
	restarted := dial(t, wrong.agents, anyToken)
	restarted.begin(hello("cluster-a", runsSQL, process("restarted"))) // it holds nothing
	await.Success(t, "the problem on the statement", func() error {
		if detail := s.get(t, "copying").GetStatus().GetDetail(); !strings.Contains(detail, "RenderFailed: The control plane cannot render the Statement of this resource") {
			return errors.New(detail)
		}
		return nil
	})
	must(right.pools("prod").create(t.Context(), poolOf("later", "SHARED", "")))(t)
	restarted.awaitApply("later", 1) // the others are sent, also as they change
	for _, m := range restarted.applies("copying") {
		equal(t, "kind sent", "FlinkDeployment", m.GetRef().GetKind()) // the statement's session cluster
	}
	if restarted.synced() != nil {
		t.Error("the agent was told that it has been sent everything")
	}

	back := right.connect(t, hello("cluster-a", runsSQL, process("back"), holding(job)))
	if back.synced() == nil {
		t.Error("a replica with the keys does not complete the desired state")
	}
	awaitEqual(t, "detail", "", func() string { return s.get(t, "copying").GetStatus().GetDetail() })
}

func TestTheDesiredStateIsCompleteOnceEverythingCanBeRendered(t *testing.T) {
	keys, otherKeys := must(seal.Parse(must(seal.Generate())(t)))(t), must(seal.Parse(must(seal.Generate())(t)))(t)
	etcd := storetest.Etcd(t)
	right := startReplica(t, etcd, "replica-1", func(c *control.Config) { c.Keys = keys })
	a := right.connect(t, hello("cluster-a", runsSQL))
	s := right.shop(t)
	right.protectSales(t)
	must(s.post(t.Context(), statementOf("copying", "dedicated", copyOrders)))(t)
	a.awaitObject("Statement", "copying", 1)

	wrong := startReplica(t, etcd, "replica-2", func(c *control.Config) { c.Keys, c.IgnoreMissingKeys = otherKeys, true })
	b := dial(t, wrong.agents, anyToken)
	b.begin(hello("cluster-a", runsSQL, process("restarted")))
	await.Success(t, "the problem on the statement", func() error {
		if detail := s.get(t, "copying").GetStatus().GetDetail(); !strings.Contains(detail, "RenderFailed") {
			return errors.New(detail)
		}
		return nil
	})
	equal(t, "delete", "204", s.remove(t, "copying", true))
	right.setConnectionSecret(t, "")
	must(cmfv1.NewSecretMappingServiceClient(right.conn).DeleteEnvironmentSecretMapping(t.Context(), &cmfv1.DeleteEnvironmentSecretMappingRequest{
		EnvName: "prod", Name: "kafka-login",
	}))(t)
	await.Success(t, "Synced", func() error {
		if b.synced() == nil {
			return errors.New("it did not come")
		}
		return nil
	})
}

// protectSales has the database of the shop need a secret.
func (r *replica) protectSales(t testing.TB) {
	t.Helper()
	must(cmfv1.NewSecretServiceClient(r.conn).CreateSecret(t.Context(), &cmfv1.CreateSecretRequest{Secret: &cmfv1.Secret{
		Metadata: &cmfv1.ObjectMeta{Name: "kafka"}, Spec: &cmfv1.SecretSpec{Data: map[string]string{"sasl.jaas.config": "p"}},
	}}))(t)
	must(cmfv1.NewSecretMappingServiceClient(r.conn).CreateEnvironmentSecretMapping(t.Context(), &cmfv1.CreateEnvironmentSecretMappingRequest{
		EnvName: "prod", Mapping: &cmfv1.EnvironmentSecretMapping{
			Metadata: &cmfv1.ObjectMeta{Name: "kafka-login"}, Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: "kafka"},
		},
	}))(t)
	r.setConnectionSecret(t, "kafka-login")
}

func (r *replica) setConnectionSecret(t testing.TB, id string) {
	t.Helper()
	databases := cmfv1.NewKafkaDatabaseServiceClient(r.conn)
	sales := must(databases.GetKafkaDatabase(t.Context(), &cmfv1.GetKafkaDatabaseRequest{CatName: "shop", DbName: "sales"}))(t)
	sales.Spec.KafkaCluster.ConnectionSecretId = id
	must(databases.UpdateKafkaDatabase(t.Context(), &cmfv1.UpdateKafkaDatabaseRequest{CatName: "shop", DbName: "sales", Database: sales}))(t)
}
