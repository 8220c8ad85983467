package catalog

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access/accesstest"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestIsSensitive(t *testing.T) {
	for _, key := range []string{
		"password", "ssl.truststore.password", "schema.registry.ssl.key.password", "sasl.jaas.config", "producer.override.sasl.jaas.config",
		"basic.auth.user.info", "schema.registry.basic.auth.user.info", "basic-auth.user-info", "bearer.auth.token", "ssl.keystore.key",
		"bearer.auth.client.secret", "SSL.Key.Password",
	} {
		if !isSensitive(key, "x") {
			t.Errorf("%s is not sensitive", key)
		}
	}
	for key, value := range map[string]string{
		"schema.registry.url": "https://one:8081,https://user:pa/ss@two:8081",
		"anything":            "-----BEGIN PRIVATE KEY-----",
		"client.id":           "sealed:v1:AAAA",
	} {
		if !isSensitive(key, value) {
			t.Errorf("%s with %s is not sensitive", key, value)
		}
	}
	for key, value := range map[string]string{
		"bootstrap.servers": "kafka:9092", "schema.registry.url": "http://registry:8081", "sasl.mechanism": "PLAIN",
		"basic.auth.credentials.source": "USER_INFO", "ssl.truststore.certificates": "-----BEGIN CERTIFICATE-----", "client.id": "a@b",
	} {
		if isSensitive(key, value) {
			t.Errorf("%s with %s is sensitive", key, value)
		}
	}
}

const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hunter2";`

// vault is a database with a password in its connection.
func vault(change ...func(config map[string]string)) *cmfv1.KafkaDatabase {
	config := map[string]string{"bootstrap.servers": "vault:9092", "sasl.jaas.config": jaas}
	for _, c := range change {
		c(config)
	}
	return &cmfv1.KafkaDatabase{
		Metadata: &cmfv1.ObjectMeta{Name: "vault"},
		Spec:     &cmfv1.KafkaDatabaseSpec{KafkaCluster: &cmfv1.DatabaseKafkaCluster{ConnectionConfig: &cmfv1.StringMap{Entries: config}}},
	}
}

func (f *fixture) createVault() {
	f.t.Helper()
	created, err := f.databases.CreateKafkaDatabase(f.t.Context(), &cmfv1.CreateKafkaDatabaseRequest{CatName: "shop", Database: vault()})
	if err != nil {
		f.t.Fatal(err)
	}
	equal(f.t, "the response to create", configOf(created), map[string]string{"bootstrap.servers": "vault:9092", "sasl.jaas.config": "****"})
}

func (f *fixture) getVault() *cmfv1.KafkaDatabase {
	f.t.Helper()
	got, err := f.databases.GetKafkaDatabase(f.t.Context(), &cmfv1.GetKafkaDatabaseRequest{CatName: "shop", DbName: "vault"})
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func (f *fixture) updateVault(database *cmfv1.KafkaDatabase) (*cmfv1.KafkaDatabase, error) {
	return f.databases.UpdateKafkaDatabase(f.t.Context(), &cmfv1.UpdateKafkaDatabaseRequest{CatName: "shop", DbName: "vault", Database: database})
}

func (f *fixture) storedVault() map[string]string {
	f.t.Helper()
	return configOf(f.Databases.In(f.view()).Get(store.Key("shop", "vault")).Value())
}

// used is how statements and the reader of topics connect to the cluster.
func (f *fixture) used() map[string]string {
	f.t.Helper()
	connection, err := f.connection(f.view(), "prod", "shop", "vault")
	if err != nil {
		f.t.Fatal(err)
	}
	return connection.Kafka
}

func configOf(database *cmfv1.KafkaDatabase) map[string]string {
	return database.GetSpec().GetKafkaCluster().GetConnectionConfig().GetEntries()
}

func TestSensitiveValuesOfConnectionsAreSealedAndMasked(t *testing.T) {
	f := newFixture(t)
	f.createVault()
	got := f.getVault()
	equal(t, "the response to get", configOf(got), map[string]string{"bootstrap.servers": "vault:9092", "sasl.jaas.config": "****"})
	stored := f.storedVault()
	if text := stored["sasl.jaas.config"]; !seal.IsSealed(text) || strings.Contains(text, "hunter2") {
		t.Errorf("etcd has %q", text)
	}
	equal(t, "what statements use", f.used(), map[string]string{"bootstrap.servers": "vault:9092", "sasl.jaas.config": jaas})
	table := &storev1.StatementTable{Catalog: "shop", Database: "vault", Name: "orders", Definition: &storev1.TableRecord{}}
	equal(t, "a script that others may read", f.WithoutSecrets(f.view())("shop", "vault").Kafka, map[string]string{"bootstrap.servers": "vault:9092"})
	equal(t, "needs a secret", f.NeedsSecret(f.view(), table), true)

	// What was read can be sent back, and so can the value: neither is a change.
	for what, update := range map[string]*cmfv1.KafkaDatabase{"the response": got, "the request": vault()} {
		updated, err := f.updateVault(update)
		if err != nil {
			t.Fatalf("send back %s: %v", what, err)
		}
		equal(t, "after "+what, updated.GetMetadata().GetUpdateTimestamp(), got.GetMetadata().GetUpdateTimestamp())
		equal(t, "stored after "+what, f.storedVault(), stored)
	}
	if _, err := f.updateVault(vault(func(c map[string]string) { c["sasl.jaas.config"] = "new" })); err != nil {
		t.Fatal(err)
	}
	equal(t, "a new password", f.used()["sasl.jaas.config"], "new")
}

func TestMasksStandForStoredValuesOfTheSameServersOnly(t *testing.T) {
	f := newFixture(t)
	f.createVault()
	before := f.storedVault()
	_, err := f.updateVault(vault(func(c map[string]string) { c["sasl.jaas.config"], c["bootstrap.servers"] = "****", "other:9092" }))
	refused(t, "other servers", err, `spec.kafkaCluster.connectionConfig["sasl.jaas.config"]: must be given again and not masked, since bootstrap.servers changes`)
	_, err = f.updateVault(vault(func(c map[string]string) { c["sasl.jaas.config"], c["ssl.key.password"] = "****", "****" }))
	refused(t, "a mask of nothing", err, `spec.kafkaCluster.connectionConfig["ssl.key.password"]: is masked, but there is no stored value that the mask stands for`)
	equal(t, "after refused requests", f.storedVault(), before)
}

func TestSensitiveValuesOfCatalogsAndInlineDatabases(t *testing.T) {
	f := newFixture(t)
	catalog := &cmfv1.KafkaCatalog{
		Metadata: &cmfv1.ObjectMeta{Name: "bank"},
		Spec: &cmfv1.KafkaCatalogSpec{
			SrInstance:    &cmfv1.SchemaRegistryInstance{ConnectionConfig: entries("schema.registry.url", "http://u:hunter2@registry")},
			KafkaClusters: []*cmfv1.CatalogKafkaCluster{{DatabaseName: "inner", ConnectionConfig: entries("ssl.key.password", "hunter2")}},
		},
	}
	created, err := f.catalogs.CreateKafkaCatalog(accesstest.Unrestricted(t.Context(), t), &cmfv1.CreateKafkaCatalogRequest{Catalog: catalog})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the catalog", created.GetSpec().GetSrInstance().GetConnectionConfig(), entries("schema.registry.url", "****"))
	at := f.view()
	stored, inner := f.places(at, "bank", "inner")
	for _, record := range []proto.Message{stored, inner} {
		if text := prototext.Format(record); strings.Contains(text, "hunter2") {
			t.Errorf("etcd has %s", text)
		}
	}
	connection, err := f.connection(at, "prod", "bank", "inner")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the registry", connection.Registry, map[string]string{"schema.registry.url": "http://u:hunter2@registry"})
	equal(t, "the cluster", connection.Kafka, map[string]string{"ssl.key.password": "hunter2"})

	// The catalog as it was created can be sent again, with the values or masked.
	for _, password := range []string{"hunter2", "****"} {
		update := proto.CloneOf(catalog)
		update.Spec.KafkaClusters[0].ConnectionConfig = entries("ssl.key.password", password)
		updated, err := f.catalogs.UpdateKafkaCatalog(t.Context(), &cmfv1.UpdateKafkaCatalogRequest{CatName: "bank", Catalog: update})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "updated", updated.GetMetadata().GetUpdateTimestamp(), created.GetMetadata().GetUpdateTimestamp())
	}
	catalog.Spec.KafkaClusters[0].ConnectionConfig = entries("ssl.key.password", "other")
	_, err = f.catalogs.UpdateKafkaCatalog(t.Context(), &cmfv1.UpdateKafkaCatalogRequest{CatName: "bank", Catalog: catalog})
	refused(t, "another password of an inline database", err, "spec.kafkaClusters[0]: cannot change after creation; create, update and delete the catalog's databases instead")
}

func TestSensitiveValuesWithoutKeysAreRefused(t *testing.T) {
	f := newFixture(t)
	f.keys = nil
	_, err := f.databases.CreateKafkaDatabase(t.Context(), &cmfv1.CreateKafkaDatabaseRequest{CatName: "shop", Database: vault()})
	refused(t, "create", err, `spec.kafkaCluster.connectionConfig["sasl.jaas.config"]: is sensitive and cannot be stored, since the control plane has no encryption keys: use a secret with connectionSecretId, or configure --keyset`)
	equal(t, "status", httpStatus(err), 422)
}

// Records from before sensitive values were sealed have them in the clear.
func TestClearValuesOfOldRecords(t *testing.T) {
	f := newFixture(t)
	old := vault()
	f.write(func(tx *store.Tx) { f.Databases.Put(tx, store.Key("shop", "vault"), old) })
	got := f.getVault()
	equal(t, "masked", configOf(got)["sasl.jaas.config"], "****")
	equal(t, "used", f.used()["sasl.jaas.config"], jaas)
	keys := f.keys
	f.keys = nil
	if _, err := f.updateVault(got); err != nil {
		t.Fatalf("sent back without keys: %v", err)
	}
	equal(t, "stored without keys", f.storedVault(), configOf(old))
	f.keys = keys
	if _, err := f.updateVault(got); err != nil {
		t.Fatal(err)
	}
	if text := f.storedVault()["sasl.jaas.config"]; !seal.IsSealed(text) {
		t.Errorf("after the next write, etcd has %q", text)
	}
	equal(t, "used when sealed", f.used()["sasl.jaas.config"], jaas)
}

func TestRotationSealsConnectionsAgain(t *testing.T) {
	text, err := seal.Generate()
	added, err2 := seal.Add(text)
	keys, err3 := seal.List(added)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	promoted, err := seal.Promote(added, keys[1].ID)
	old, err2 := seal.Parse(text)
	rotated, err3 := seal.Parse(promoted)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.keys = old
	f.createVault()
	f.keys = rotated
	key := store.Key("shop", "vault")
	after, err := f.resealedDatabase(key, f.Databases.In(f.view()).Get(key).Value())
	if err != nil {
		t.Fatal(err)
	}
	if !rotated.Current(configOf(after)["sasl.jaas.config"]) {
		t.Error("the password is not sealed with the new key")
	}
	again, err := f.resealedDatabase(key, after)
	if err != nil || again != after {
		t.Errorf("sealed again: %v, %v", again, err)
	}
}

// The sales database has a secret, cellar has none.
func TestOptionsThatSendSecretsElsewhere(t *testing.T) {
	f := newFixture(t)
	const elsewhere = "WITH ('properties.bootstrap.servers' = 'elsewhere:9092')"
	refused(t, "create", f.run("CREATE TABLE orders (id BIGINT) "+elsewhere, nil), "Table `shop`.`sales`.`orders` cannot be used with its option 'properties.bootstrap.servers': "+
		"its database or catalog has credentials, so they alone say where and how to connect.")
	if err := f.run("CREATE TABLE orders (id BIGINT)", nil); err != nil {
		t.Fatal(err)
	}
	if err := f.run("ALTER TABLE orders SET ('value.avro-confluent.url' = 'http://elsewhere')", nil); err == nil {
		t.Error("the registry of a table can be altered")
	}
	table := func(database, option string) *storev1.StatementTable {
		return &storev1.StatementTable{Catalog: "shop", Database: database, Name: "orders", Definition: &storev1.TableRecord{Options: map[string]string{"connector": "kafka", option: "x"}}}
	}
	hint := map[string][]string{"properties.bootstrap.servers": {"elsewhere:9092"}}
	for name, test := range map[string]struct {
		table   *storev1.StatementTable
		hints   map[string][]string
		refused bool
	}{
		"an option":                    {table("sales", "properties.bootstrap.servers"), nil, true},
		"a hint":                       {table("sales", "topic"), hint, true},
		"other options":                {table("sales", "topic"), map[string][]string{"scan.startup.mode": {"earliest-offset"}}, false},
		"no secret":                    {table("cellar", "properties.bootstrap.servers"), hint, false},
		"a table that is not on Kafka": {&storev1.StatementTable{Catalog: "shop", Database: "sales", Definition: &storev1.TableRecord{Options: map[string]string{"connector": "jdbc", "url": "x"}}}, hint, false},
	} {
		if err := f.CheckRedirects(f.view(), test.table, test.hints); (err != nil) != test.refused {
			t.Errorf("%s: %v, want an error: %v", name, err, test.refused)
		}
	}
}
