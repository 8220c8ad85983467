package control

import (
	"iter"
	"log/slog"
	"testing"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// TestSealedValuesAreLookedAtWhenTheyChange: and not whenever anything does.
func TestSealedValuesAreLookedAtWhenTheyChange(t *testing.T) {
	etcd := storetest.Etcd(t)
	config := Config{Etcd: etcd, Replica: "replica-1", Authenticate: access.AllowAnonymous, Log: slog.New(slog.DiscardHandler)}
	if err := config.complete(); err != nil {
		t.Fatal(err)
	}
	s := store.New(etcd, Prefix, config.Log)
	c := &Control{config: config, store: s, rooms: newRooms(s, access.NewAuthorizer(), config)}
	looked := 0
	c.rooms.all = append(c.rooms.all, resource.Room{Sealed: []resource.Sealed{{
		Values: func(store.Reader) iter.Seq[string] {
			looked++
			return func(func(string) bool) {}
		},
		Same: func(store.Reader, store.Reader) bool { return true },
	}}})
	storetest.Start(t, s)
	other := store.New(etcd, Prefix, config.Log)
	environments, secrets := put[*cmfv1.Environment](other, "environments"), put[*cmfv1.Secret](other, "secrets")
	storetest.Start(t, other)
	for i, test := range []struct {
		write func(tx *store.Tx)
		want  int
	}{
		{func(*store.Tx) {}, 1},
		{func(tx *store.Tx) { environments(tx, "prod", &cmfv1.Environment{Name: "prod"}) }, 1},
		{func(tx *store.Tx) {
			secrets(tx, "kafka", &cmfv1.Secret{Metadata: &cmfv1.ObjectMeta{Name: "kafka"}, Spec: &cmfv1.SecretSpec{}})
		}, 2},
		{func(tx *store.Tx) { environments(tx, "test", &cmfv1.Environment{Name: "test"}) }, 2},
	} {
		if _, err := other.Update(t.Context(), func(tx *store.Tx) error { test.write(tx); return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.View(t.Context()); err != nil { // so that the cache has it
			t.Fatal(err)
		}
		for range 3 {
			if err := c.checkKeyset(); err != nil {
				t.Fatal(err)
			}
		}
		if looked != test.want {
			t.Errorf("after write %d, the values were looked at %d times, want %d", i, looked, test.want)
		}
	}
}
