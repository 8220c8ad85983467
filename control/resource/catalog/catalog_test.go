package catalog

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/access/accesstest"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/querytest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/secret"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is catalogs with the environments prod, which maps registry and broker to
// a secret with the password s3cret, and test, which maps nothing. There is the
// catalog shop with the databases sales, which needs the secret, and cellar, which
// does not.
type fixture struct {
	*Catalogs
	t         *testing.T
	catalogs  *service
	databases *databaseService
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	keyset, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Parse(keyset)
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.New(storetest.Etcd(t))
	ownership, watches := resource.NewOwnership(s), resource.NewWatches()
	environments := environment.New(s, watches, cluster.New(s, watches))
	secrets := secret.New(s, ownership, watches, environments, keys, slog.New(slog.DiscardHandler))
	c := New(s, watches, environments, secrets, keys, nil)
	storetest.Start(t, s)
	f := &fixture{Catalogs: c, t: t, catalogs: &service{Catalogs: c}, databases: &databaseService{Catalogs: c}}
	sealed, err := keys.Seal("secrets/kafka/password", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(tx *store.Tx) {
		for _, env := range []string{"prod", "test"} {
			environments.Records.Put(tx, env, &cmfv1.Environment{Name: env})
		}
		secrets.Records.Put(tx, "kafka", &cmfv1.Secret{Metadata: &cmfv1.ObjectMeta{Name: "kafka"}, Spec: &cmfv1.SecretSpec{Data: map[string]string{"password": sealed}}})
		for _, id := range []string{"registry", "broker"} {
			secrets.Mappings.Put(tx, store.Key("prod", id), &cmfv1.EnvironmentSecretMapping{
				Metadata: &cmfv1.ObjectMeta{Name: id}, Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: "kafka"},
			})
		}
	})
	return f.withShop()
}

func entries(key, value string) *cmfv1.StringMap {
	return &cmfv1.StringMap{Entries: map[string]string{key: value}}
}

func (f *fixture) withShop() *fixture {
	f.t.Helper()
	_, err := f.catalogs.CreateKafkaCatalog(accesstest.Unrestricted(f.t.Context(), f.t), &cmfv1.CreateKafkaCatalogRequest{Catalog: &cmfv1.KafkaCatalog{
		Metadata: &cmfv1.ObjectMeta{Name: "shop"},
		Spec: &cmfv1.KafkaCatalogSpec{
			SrInstance:    &cmfv1.SchemaRegistryInstance{ConnectionConfig: entries("schema.registry.url", "http://registry")},
			KafkaClusters: []*cmfv1.CatalogKafkaCluster{{DatabaseName: "cellar", ConnectionConfig: entries("bootstrap.servers", "cellar:9092")}},
		},
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = f.databases.CreateKafkaDatabase(f.t.Context(), &cmfv1.CreateKafkaDatabaseRequest{CatName: "shop", Database: &cmfv1.KafkaDatabase{
		Metadata: &cmfv1.ObjectMeta{Name: "sales"},
		Spec: &cmfv1.KafkaDatabaseSpec{
			KafkaCluster:    &cmfv1.DatabaseKafkaCluster{ConnectionConfig: entries("bootstrap.servers", "sales:9092"), ConnectionSecretId: "broker"},
			DdlEnvironments: []string{"prod"},
		},
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	return f
}

func (f *fixture) write(change func(tx *store.Tx)) {
	f.t.Helper()
	if _, err := f.store.Update(f.t.Context(), func(tx *store.Tx) error { change(tx); return nil }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) view() *store.Snapshot {
	f.t.Helper()
	at, err := f.store.View(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return at
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got, protocmp.Transform()); difference != "" {
		t.Errorf("%s; want -, got +:\n%s", what, difference)
	}
}

func refused(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestEnvironmentsWithAccess(t *testing.T) {
	f := newFixture(t)
	catalog, err := f.catalogs.GetKafkaCatalog(t.Context(), &cmfv1.GetKafkaCatalogRequest{CatName: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "access to the catalog", catalog.GetStatus().GetEnvironmentsWithAccess(), []string{"prod", "test"})
	for name, want := range map[string][]string{"sales": {"prod"}, "cellar": {"prod", "test"}} {
		database, err := f.databases.GetKafkaDatabase(t.Context(), &cmfv1.GetKafkaDatabaseRequest{CatName: "shop", DbName: name})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "access to "+name, database.GetStatus().GetEnvironmentsWithAccess(), want)
	}
	// Who may see a database has to see the catalog as well.
	_, err = f.catalogs.UpdateKafkaCatalog(t.Context(), &cmfv1.UpdateKafkaCatalogRequest{CatName: "shop", Catalog: &cmfv1.KafkaCatalog{
		Metadata: &cmfv1.ObjectMeta{}, Spec: &cmfv1.KafkaCatalogSpec{SrInstance: &cmfv1.SchemaRegistryInstance{ConnectionSecretId: "registry"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	cellar, err := f.databases.GetKafkaDatabase(t.Context(), &cmfv1.GetKafkaDatabaseRequest{CatName: "shop", DbName: "cellar"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "access to cellar", cellar.GetStatus().GetEnvironmentsWithAccess(), []string{"prod"})
}

func TestCatalogsWithDatabasesAreNotDeleted(t *testing.T) {
	f := newFixture(t)
	remove := func() error {
		_, err := f.catalogs.DeleteKafkaCatalog(t.Context(), &cmfv1.DeleteKafkaCatalogRequest{CatName: "shop"})
		return err
	}
	refused(t, "with databases", remove(), "Cannot delete Kafka catalog 'shop': it contains databases [cellar, sales]")
	f.write(func(tx *store.Tx) {
		f.Tables.Put(tx, store.Key("shop", "sales", "orders"), &storev1.TableRecord{})
	})
	for _, name := range []string{"sales", "cellar"} {
		if _, err := f.databases.DeleteKafkaDatabase(t.Context(), &cmfv1.DeleteKafkaDatabaseRequest{CatName: "shop", DbName: name}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "tables of a database that is gone", f.Tables.In(f.view()).Count(""), 0)
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	_, err := f.databases.CreateKafkaDatabase(t.Context(), &cmfv1.CreateKafkaDatabaseRequest{CatName: "shop", Database: &cmfv1.KafkaDatabase{Metadata: &cmfv1.ObjectMeta{Name: "sales"}}})
	refused(t, "a database without its catalog", err, "Kafka catalog 'shop' not found.")
}

func TestVisible(t *testing.T) {
	f := newFixture(t)
	prod, test := f.Visible(t.Context(), f.view(), "prod"), f.Visible(t.Context(), f.view(), "test")
	equal(t, "catalogs", test.Catalogs(), []string{"shop"})
	equal(t, "databases of prod", prod.Databases("shop"), []string{"cellar", "sales"})
	equal(t, "databases of test", test.Databases("shop"), []string{"cellar"})
	equal(t, "DDL", []bool{prod.AllowsDDL("shop", "sales"), test.AllowsDDL("shop", "sales"), prod.AllowsDDL("shop", "cellar"), prod.AllowsDDL("none", "sales")}, []bool{true, false, false, false})
}

// run runs a statement of DDL in a transaction, before which something else may be
// committed.
func (f *fixture) run(text string, before func()) error {
	f.t.Helper()
	parsed, err := sql.Parse(text)
	if err != nil {
		f.t.Fatal(err)
	}
	f.view()
	_, err = f.store.Update(f.t.Context(), func(tx *store.Tx) error {
		seen := f.Visible(f.t.Context(), tx, "prod")
		_, effect, err := metadata.Execute(parsed, metadata.Session{Catalog: "shop", Database: "sales"}, seen)
		if before != nil {
			before()
			before = nil
		}
		return errors.Join(err, f.Effect(f.t.Context(), tx, effect, seen))
	})
	return err
}

func (f *fixture) tables() string {
	f.t.Helper()
	return fmt.Sprint(f.Visible(f.t.Context(), f.view(), "prod").Tables("shop", "sales"))
}

// What a statement was checked against still holds when it is committed.
func TestEffect(t *testing.T) {
	f := newFixture(t)
	create := "CREATE TABLE orders (id BIGINT)"
	if err := f.run(create, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "tables", f.tables(), "[orders]")
	other := func(text string) func() {
		return func() {
			if err := f.run(text, nil); err != nil {
				t.Error(err)
			}
		}
	}
	refused(t, "an ALTER of what another statement drops", f.run("ALTER TABLE orders ADD (note STRING)", other("DROP TABLE orders")),
		"Table `shop`.`sales`.`orders` does not exist.")
	if err := f.run(create, other(create)); err == nil {
		t.Error("two statements have created one table")
	}
	if err := f.run("DROP TABLE orders", other("ALTER TABLE orders ADD (note STRING)")); err != nil {
		t.Errorf("a DROP of what another statement alters: %v", err)
	}
	equal(t, "tables", f.tables(), "[]")
	if err := f.Effect(t.Context(), nil, nil, nil); err != nil {
		t.Errorf("no effect: %v", err)
	}
}

func TestConnections(t *testing.T) {
	f := newFixture(t)
	table := func(database string) *storev1.StatementTable {
		return &storev1.StatementTable{Catalog: "shop", Database: database, Name: "orders", Definition: &storev1.TableRecord{Options: map[string]string{"connector": "confluent"}}}
	}
	if !ddl.OnKafka(table("sales").GetDefinition()) {
		t.Fatal("the table is not on Kafka")
	}
	at := f.view()
	connect, err := f.Connections(at, "prod", []*storev1.StatementTable{table("sales"), table("cellar")})
	if err != nil {
		t.Fatal(err)
	}
	registry := map[string]string{"schema.registry.url": "http://registry"}
	equal(t, "sales", connect("shop", "sales"), ddl.Connection{Kafka: map[string]string{"bootstrap.servers": "sales:9092", "password": "s3cret"}, Registry: registry})
	equal(t, "cellar", connect("shop", "cellar"), ddl.Connection{Kafka: map[string]string{"bootstrap.servers": "cellar:9092"}, Registry: registry})
	equal(t, "sales without secrets", f.WithoutSecrets(at)("shop", "sales"), ddl.Connection{Kafka: map[string]string{"bootstrap.servers": "sales:9092"}, Registry: registry})
	equal(t, "who needs a secret", []bool{f.NeedsSecret(at, table("sales")), f.NeedsSecret(at, table("cellar"))}, []bool{true, false})
}

func TestTablesThatAreTopics(t *testing.T) {
	for options, want := range map[*map[string]string]bool{
		{"connector": "confluent"}:                                      true,
		{"connector": "confluent", "topic": "orders"}:                   true,
		{"connector": "confluent", "topic": "others"}:                   false,
		{"connector": "confluent", "topic-pattern": "orders"}:           false,
		{"connector": "confluent", "properties.bootstrap.servers": "x"}: false,
		{"connector": "datagen"}:                                        false,
	} {
		if got := ownsTopic("orders", &storev1.TableRecord{Options: *options}); got != want {
			t.Errorf("a table with %v owns its topic: %v", *options, got)
		}
	}
	key := &storev1.TablePrimaryKey{Columns: []string{"id"}}
	equal(t, "policy of both", cleanup(&storev1.TableRecord{Options: map[string]string{"kafka.cleanup-policy": "delete-compact"}}), "delete,compact")
	equal(t, "policy of rows that replace each other", cleanup(&storev1.TableRecord{Options: map[string]string{"connector": "confluent"}, PrimaryKey: key}), "compact")
	equal(t, "policy of others", cleanup(&storev1.TableRecord{}), "")
}

func TestLists(t *testing.T) {
	catalog := func(name string) item {
		return item{Object: store.NewObject("", &cmfv1.KafkaCatalog{Metadata: &cmfv1.ObjectMeta{Name: name}})}
	}
	database := databaseItem{Object: store.NewObject("", &cmfv1.KafkaDatabase{Metadata: &cmfv1.ObjectMeta{Name: "sales"}})}
	querytest.Agrees(t, list, &cmfv1.ListKafkaCatalogsRequest{}, "", "")
	querytest.Agrees(t, databaseList, &cmfv1.ListKafkaDatabasesRequest{}, "", "")
	equal(t, "catalogs", querytest.Names(t, list, query.Params{}, catalog("two"), catalog("one")), "one two")
	equal(t, "databases", querytest.Names(t, databaseList, query.Params{Sort: []string{"creationTimestamp"}}, database), "sales")
}
