package storetest

import (
	"log/slog"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
)

// Etcd runs an etcd until the test ends, and gives a client of it.
func Etcd(t testing.TB) *clientv3.Client {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server.Client()
}

// New makes a store over an etcd, to which collections can be added.
func New(client *clientv3.Client) *store.Store {
	return store.New(client, newPrefix(), slog.New(slog.DiscardHandler))
}

// Start runs a store until stop is called or the test ends. It returns when the
// store is ready.
func Start(t testing.TB, s *store.Store) (stop func()) {
	t.Helper()
	return run(t, s)
}
