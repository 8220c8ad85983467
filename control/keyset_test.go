package control_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/openweir/weir/control"
	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/seal"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

// TestAReplicaWithoutAKeyOfEtcdIsNotReady: it does not start, and one that runs
// already becomes not ready, when another one seals with a key that it lacks.
func TestAReplicaWithoutAKeyOfEtcdIsNotReady(t *testing.T) {
	first := must(seal.Generate())(t)
	other := must(seal.Generate())(t)
	withKeys := func(keyset []byte) func(*control.Config) {
		return func(c *control.Config) { c.Keys = must(seal.Parse(keyset))(t) }
	}
	r := start(t, withKeys(first))
	create := func(r *replica, name string) {
		must(cmfv1.NewSecretServiceClient(r.conn).CreateSecret(t.Context(), &cmfv1.CreateSecretRequest{Secret: &cmfv1.Secret{
			Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.SecretSpec{Data: map[string]string{"password": "s3cret"}},
		}}))(t)
	}
	create(r, "kafka")

	for name, keyset := range map[string]*seal.Keys{"another keyset": must(seal.Parse(other))(t), "no keyset": nil} {
		replica := must(control.New(control.Config{
			Etcd: r.etcd, Replica: "replica-2", Authenticate: access.AllowAnonymous, Keys: keyset, Log: slog.New(slog.DiscardHandler),
		}))(t)
		err := replica.Run(t.Context())
		want := "keyset: etcd has values that are encrypted with keys which the keyset lacks: "
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %s, the replica ended with %v, want %q", name, err, want)
		}
	}
	if err := r.Ready(t.Context()); err != nil {
		t.Errorf("the replica with the key is not ready: %v", err)
	}

	added := must(seal.Add(first))(t)
	id := must(seal.List(added))(t)[1].ID
	create(startReplica(t, r.etcd, "replica-2", withKeys(must(seal.Promote(added, id))(t))), "registry")
	await.Until(t, "the replica without the promoted key names it", func() bool {
		err := r.Ready(t.Context())
		return err != nil && strings.HasSuffix(err.Error(), fmt.Sprintf("which the keyset lacks: %d", id))
	})
}

// TestMissingKeysAreIgnoredOnRequest: the resources are served, and the secret can be
// set again.
func TestMissingKeysAreIgnoredOnRequest(t *testing.T) {
	r := start(t, func(c *control.Config) { c.Keys = must(seal.Parse(must(seal.Generate())(t)))(t) })
	secret := &cmfv1.Secret{Metadata: &cmfv1.ObjectMeta{Name: "kafka"}, Spec: &cmfv1.SecretSpec{Data: map[string]string{"password": "s3cret"}}}
	must(cmfv1.NewSecretServiceClient(r.conn).CreateSecret(t.Context(), &cmfv1.CreateSecretRequest{Secret: secret}))(t)
	again := startReplica(t, r.etcd, "replica-2", func(c *control.Config) {
		c.Keys, c.IgnoreMissingKeys = must(seal.Parse(must(seal.Generate())(t)))(t), true
	})
	must(cmfv1.NewSecretServiceClient(again.conn).UpdateSecret(t.Context(), &cmfv1.UpdateSecretRequest{SecretName: "kafka", Secret: secret}))(t)
}
