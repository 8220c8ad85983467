package storetest

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/internal/await"
)

// Server runs an etcd until the test ends.
func Server(t testing.TB, config embedded.Config) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// Etcd runs an etcd until the test ends, and gives a client of it.
func Etcd(t testing.TB) *clientv3.Client {
	t.Helper()
	return Server(t, embedded.Config{}).Client()
}

// New makes a store over an etcd, to which collections can be added.
func New(client *clientv3.Client) *store.Store {
	return store.New(client, newPrefix(), slog.New(slog.DiscardHandler))
}

// Start runs a store until stop is called or the test ends. It returns when the
// store is ready.
func Start(t testing.TB, s *store.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Cleanup(stop)
	await.Closed(t, "the store to be ready", s.Ready())
	return stop
}
