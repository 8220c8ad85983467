package secret

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/querytest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/cluster"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is secrets with the environment prod.
type fixture struct {
	*Secrets
	t        *testing.T
	secrets  *service
	mappings *mappingService
	env      *store.Object[*cmfv1.Environment]
}

func newFixture(t *testing.T, keys *seal.Keys) *fixture {
	t.Helper()
	s := storetest.New(storetest.Etcd(t))
	ownership, watches := resource.NewOwnership(s), resource.NewWatches()
	environments := environment.New(s, watches, cluster.New(s, watches))
	c := New(s, ownership, watches, environments, keys, slog.New(slog.DiscardHandler))
	storetest.Start(t, s)
	f := &fixture{Secrets: c, t: t, secrets: &service{Secrets: c}, mappings: &mappingService{Secrets: c}}
	prod := &cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge"}
	f.env = store.NewObject("prod", prod)
	if _, err := s.Update(t.Context(), func(tx *store.Tx) error { environments.Records.Put(tx, "prod", prod); return nil }); err != nil {
		t.Fatal(err)
	}
	return f
}

func keysOf(t *testing.T, keyset []byte) *seal.Keys {
	t.Helper()
	keys, err := seal.Parse(keyset)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func generate(t *testing.T) []byte {
	t.Helper()
	keyset, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return keyset
}

func secretOf(name string, data map[string]string) *cmfv1.Secret {
	return &cmfv1.Secret{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.SecretSpec{Data: data}}
}

func mappingOf(name, secret string) *cmfv1.EnvironmentSecretMapping {
	return &cmfv1.EnvironmentSecretMapping{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: secret}}
}

func (f *fixture) create(name string, data map[string]string) *cmfv1.Secret {
	f.t.Helper()
	created, err := f.secrets.CreateSecret(f.t.Context(), &cmfv1.CreateSecretRequest{Secret: secretOf(name, data)})
	if err != nil {
		f.t.Fatal(err)
	}
	return created
}

func (f *fixture) update(name string, data map[string]string) *cmfv1.Secret {
	f.t.Helper()
	updated, err := f.secrets.UpdateSecret(f.t.Context(), &cmfv1.UpdateSecretRequest{SecretName: name, Secret: secretOf(name, data)})
	if err != nil {
		f.t.Fatal(err)
	}
	return updated
}

func (f *fixture) delete(name string) error {
	_, err := f.secrets.DeleteSecret(f.t.Context(), &cmfv1.DeleteSecretRequest{SecretName: name})
	return err
}

func (f *fixture) mapTo(name, secret string) *cmfv1.EnvironmentSecretMapping {
	f.t.Helper()
	created, err := f.mappings.CreateEnvironmentSecretMapping(f.t.Context(), &cmfv1.CreateEnvironmentSecretMappingRequest{EnvName: "prod", Mapping: mappingOf(name, secret)})
	if err != nil {
		f.t.Fatal(err)
	}
	return created
}

func (f *fixture) view() *store.Snapshot {
	f.t.Helper()
	at, err := f.store.View(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return at
}

// opened is what the environment maps the connection secret id to.
func (f *fixture) opened(id string) map[string]string {
	f.t.Helper()
	data, err := f.Mapped(f.view(), "prod", id)
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got, protocmp.Transform()); difference != "" {
		t.Errorf("%s; want -, got +:\n%s", what, difference)
	}
}

func TestValuesAreSealedAndMasked(t *testing.T) {
	f := newFixture(t, keysOf(t, generate(t)))
	created := f.create("kafka", map[string]string{"user": "alice", "password": "s3cret"})
	equal(t, "created", created.GetSpec().GetData(), map[string]string{"user": "****", "password": "****"})
	stored := f.Records.In(f.view()).Get("kafka").Value().GetSpec().GetData()
	for key, text := range stored {
		if text == "alice" || text == "s3cret" || text == "****" {
			t.Errorf("%s is stored as %s", key, text)
		}
	}
	f.mapTo("kafka-id", "kafka")

	// The mask stands for the value that there is, and so does the value itself.
	same := f.update("kafka", map[string]string{"user": "****", "password": "s3cret"})
	equal(t, "version after no change", same.GetStatus().GetVersion(), "1")
	equal(t, "stored", f.Records.In(f.view()).Get("kafka").Value().GetSpec().GetData(), stored)
	changed := f.update("kafka", map[string]string{"user": "****", "password": "0ther", "more": "****"})
	equal(t, "version after a change", changed.GetStatus().GetVersion(), "2")
	equal(t, "environments", changed.GetStatus().GetEnvironments(), []string{"prod"})
	equal(t, "values", f.opened("kafka-id"), map[string]string{"user": "alice", "password": "0ther", "more": "****"})
}

func TestSecretsNeedKeys(t *testing.T) {
	f := newFixture(t, nil)
	_, err := f.secrets.CreateSecret(t.Context(), &cmfv1.CreateSecretRequest{Secret: secretOf("kafka", map[string]string{"user": "alice"})})
	if err == nil || err.Error() != "Secrets cannot be stored: the control plane has no encryption keys (--keyset)." {
		t.Errorf("it was refused with %v", err)
	}
}

func TestMappedSecretsAreNotDeleted(t *testing.T) {
	f := newFixture(t, keysOf(t, generate(t)))
	f.create("first", map[string]string{"user": "alice"})
	f.create("second", map[string]string{"user": "bob"})
	mapping := f.mapTo("kafka-id", "first")
	equal(t, "secrets of the environment", f.OfEnvironment(f.view(), "prod"), map[string]string{"kafka-id": "first"})
	refused := func(name string) {
		t.Helper()
		if err := f.delete(name); err == nil || err.Error() != "Cannot delete secret '"+name+"': mapped by environments [prod]" {
			t.Errorf("the deletion of %s ended with %v", name, err)
		}
	}
	refused("first")
	if _, err := f.mappings.UpdateEnvironmentSecretMapping(t.Context(), &cmfv1.UpdateEnvironmentSecretMappingRequest{
		EnvName: "prod", Name: "kafka-id", Mapping: mappingOf("", "second"),
	}); err != nil {
		t.Fatal(err)
	}
	refused("second")
	if err := f.delete("first"); err != nil {
		t.Errorf("what is not mapped any more cannot be deleted: %v", err)
	}
	if _, err := f.mappings.DeleteEnvironmentSecretMapping(t.Context(), &cmfv1.DeleteEnvironmentSecretMappingRequest{EnvName: "prod", Name: "kafka-id"}); err != nil {
		t.Fatal(err)
	}
	if !f.ownership.Removing(f.view(), "edge", ref(f.env.Value(), "kafka-id"), mapping.GetMetadata().GetUid()) {
		t.Error("the Kubernetes Secret stays on the cluster")
	}
	if err := f.delete("second"); err != nil {
		t.Errorf("the last secret cannot be deleted: %v", err)
	}
}

func TestMappingsNeedTheirSecretAndEnvironment(t *testing.T) {
	f := newFixture(t, keysOf(t, generate(t)))
	for env, want := range map[string]string{"prod": "Secret 'kafka' not found.", "test": "Environment 'test' not found."} {
		_, err := f.mappings.CreateEnvironmentSecretMapping(t.Context(), &cmfv1.CreateEnvironmentSecretMappingRequest{EnvName: env, Mapping: mappingOf("kafka-id", "kafka")})
		if err == nil || err.Error() != want {
			t.Errorf("in %s it was refused with %v, want %s", env, err, want)
		}
	}
}

// The agent compares hashes, which change with every change of the secret or of
// what the mapping names.
func TestKubernetesSecret(t *testing.T) {
	f := newFixture(t, keysOf(t, generate(t)))
	f.create("kafka", map[string]string{"user": "alice"})
	mapping := f.mapTo("kafka-id", "kafka")
	object := f.kubernetesSecret()
	render := func() *agentv1.Apply {
		t.Helper()
		apply, err := object.Render(f.view(), f.env, "prod/kafka-id")
		if err != nil {
			t.Fatal(err)
		}
		return apply
	}
	before := render()
	var manifest struct {
		APIVersion, Kind, Type string
		Metadata               struct {
			Name, Namespace string
			Labels          map[string]string
		}
		Data map[string][]byte
	}
	if err := json.Unmarshal([]byte(before.GetManifest()), &manifest); err != nil {
		t.Fatal(err)
	}
	equal(t, "data", manifest.Data, map[string][]byte{"user": []byte("alice")})
	equal(t, "name", manifest.Metadata.Name, before.GetRef().GetName())
	equal(t, "labels", manifest.Metadata.Labels, map[string]string{"weir.dev/environment": "prod"})
	equal(t, "kind", []string{manifest.APIVersion, manifest.Kind, manifest.Type, manifest.Metadata.Namespace}, []string{"v1", "Secret", "Opaque", "flink"})
	equal(t, "owner", before.GetOwnerUid(), mapping.GetMetadata().GetUid())
	equal(t, "again", render(), before)

	equal(t, "mappings of the secret", object.Depends[0].Keys(f.view(), "kafka"), []string{"prod/kafka-id"})
	f.update("kafka", map[string]string{"user": "bob"})
	if after := render(); after.GetHash() == before.GetHash() || after.GetGeneration() <= before.GetGeneration() {
		t.Errorf("after a change of the secret it is %v, before %v", after, before)
	}
	if err := f.dropMapping(t.Context(), f.env, f.Mappings.In(f.view()).Get("prod/kafka-id")); err != nil {
		t.Fatal(err)
	}
	if apply := render(); apply != nil {
		t.Errorf("without the mapping it is %v", apply)
	}
}

func TestNamesOfKubernetesSecrets(t *testing.T) {
	name := func(env, mapping string) string {
		return ref(&cmfv1.Environment{Name: env, KubernetesNamespace: "flink"}, mapping).GetName()
	}
	long := make([]byte, 253)
	for i := range long {
		long[i] = 'a'
	}
	if name("prod", "kafka-id") == name("test", "kafka-id") {
		t.Error("environments that share a namespace share Secrets")
	}
	if got := name("prod", string(long)); len(got) > 253 {
		t.Errorf("a name has %d characters", len(got))
	}
}

// rotate is a keyset with another key, which seals.
func rotate(t *testing.T, keyset []byte) []byte {
	t.Helper()
	added, err := seal.Add(keyset)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.List(added)
	if err != nil {
		t.Fatal(err)
	}
	promoted, err := seal.Promote(added, keys[len(keys)-1].ID)
	if err != nil {
		t.Fatal(err)
	}
	return promoted
}

func TestReseal(t *testing.T) {
	first := generate(t)
	f := newFixture(t, keysOf(t, first))
	f.create("kafka", map[string]string{"user": "alice", "password": "s3cret"})
	f.mapTo("kafka-id", "kafka")
	before := f.Records.In(f.view()).Get("kafka")
	f.keys = keysOf(t, rotate(t, first))
	outdated := func(secret *cmfv1.Secret) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(secret.GetSpec().GetData())), func(sealed string) bool { return !f.keys.Current(sealed) })
	}
	if !outdated(before.Value()) {
		t.Fatal("the values are sealed with the new key already")
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Room().Sealed[0].Reseal(ctx) }()
	await.Until(t, "every value is sealed with the new key", func() bool {
		return !outdated(f.Records.In(f.view()).Get("kafka").Value())
	})
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	after := f.Records.In(f.view()).Get("kafka").Value()
	equal(t, "version", after.GetStatus(), before.Value().GetStatus())
	equal(t, "metadata", after.GetMetadata(), before.Value().GetMetadata())
	equal(t, "values", f.opened("kafka-id"), map[string]string{"user": "alice", "password": "s3cret"})
}

// A value whose key is lost stays as it is, and does not stop the others.
func TestResealWithoutTheKeyOfASecret(t *testing.T) {
	f := newFixture(t, keysOf(t, generate(t)))
	f.create("lost", map[string]string{"user": "alice"})
	before := f.Records.In(f.view()).Get("lost")
	f.keys = keysOf(t, generate(t))
	f.create("kafka", map[string]string{"user": "bob"})
	after, err := f.resealed("lost", before.Value())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the secret", after, before.Value())
}

func TestLists(t *testing.T) {
	f := newFixture(t, keysOf(t, generate(t)))
	f.create("keys", map[string]string{"user": "alice"})
	f.create("unused", map[string]string{"user": "alice"})
	f.mapTo("kafka-id", "keys")
	at := f.view()
	var secrets []item
	for o := range f.Records.In(at).Under("") {
		secrets = append(secrets, item{Object: o, At: at})
	}
	var mappings []mappingItem
	for o := range f.Mappings.In(at).Under("prod") {
		mappings = append(mappings, mappingItem{Object: o, At: at})
	}
	querytest.Agrees(t, f.list(), &cmfv1.ListSecretsRequest{}, "", "environments name")
	querytest.Agrees(t, mappingList, &cmfv1.ListEnvironmentSecretMappingsRequest{}, "", "")
	equal(t, "secrets by environment", querytest.Names(t, f.list(), query.Params{Search: "pro", SearchScope: "environments"}, secrets...), "keys")
	equal(t, "secrets by name", querytest.Names(t, f.list(), query.Params{Search: "U", SearchScope: "name"}, secrets...), "unused")
	equal(t, "mappings", querytest.Names(t, mappingList, query.Params{Sort: []string{"name", "uid"}}, mappings...), "kafka-id")
	empty := item{Object: store.NewObject("", (*cmfv1.Secret)(nil)), At: at}
	querytest.Names(t, f.list(), query.Params{Filter: "!labels.a", Search: "a", SearchScope: "environments"}, empty)
}
