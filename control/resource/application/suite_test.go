package application

import (
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stored is applications over an etcd, without the rooms that they need for
// requests.
type stored struct{ *Applications }

// open gives what is stored in an etcd, with the limits.
func open(t *testing.T, server *embedded.Server, limits Limits) *stored {
	t.Helper()
	s := store.New(server.Client(), "/test", slog.New(slog.DiscardHandler))
	a := New(s, resource.NewOwnership(s), resource.NewWatches(), nil, nil, nil, nil, nil, limits, slog.New(slog.DiscardHandler))
	storetest.Start(t, s)
	return &stored{a}
}

func fresh(t *testing.T, limits Limits) *stored {
	return open(t, storetest.Server(t, embedded.Config{}), limits)
}

// update commits what change writes, waits until the cache has seen it, and
// reports whether there was anything.
func (s *stored) update(t *testing.T, change func(*store.Tx)) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	before, err := s.store.View(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Update(ctx, func(tx *store.Tx) error { change(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	after, err := s.store.View(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return after.Revision() != before.Revision()
}

// commit adds events to an application's and reports whether that wrote anything.
func (s *stored) commit(t *testing.T, application string, events ...*cmfv1.FlinkApplicationEvent) bool {
	t.Helper()
	return s.update(t, func(tx *store.Tx) { s.appendEvents(tx, application, events...) })
}
