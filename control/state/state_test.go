package state_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take milliseconds.
const patience = 30 * time.Second

// open gives the state that is kept in an etcd, with the limits.
func open(t *testing.T, server *embedded.Server, limits state.Limits) *state.State {
	t.Helper()
	s := state.New(store.New(server.Client(), state.Prefix, slog.New(slog.DiscardHandler)), limits)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Store.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the store ended with %v", err)
		}
	})
	select {
	case <-s.Store.Ready():
	case <-time.After(patience):
		t.Fatal("the store did not become ready")
	}
	return s
}

func start(t *testing.T) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func fresh(t *testing.T, limits state.Limits) *state.State { return open(t, start(t), limits) }

// commit does the operations and waits until the caches have seen them. It
// fails the test if they do not fit into a transaction beside some others.
func commit(t *testing.T, s *state.State, ops []store.Op) {
	t.Helper()
	if len(ops) > 112 {
		t.Fatalf("there are %d operations, too many for a transaction that has others too", len(ops))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.Store.Commit(ctx, nil, ops); err != nil {
		t.Fatal(err)
	}
	// A read sees all that was committed before it.
	if _, err := s.Events.List(ctx, ""); err != nil {
		t.Fatal(err)
	}
}
