package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

type things struct {
	*store.Collection[*wrapperspb.StringValue]
	store *store.Store
}

func (t *things) Create(ctx context.Context, key string, value *wrapperspb.StringValue) (*store.Object[*wrapperspb.StringValue], error) {
	if _, err := t.store.Update(ctx, func(tx *store.Tx) error {
		t.Collection.RequireAbsent(tx, key)
		t.Collection.Put(tx, key, value)
		return nil
	}); err != nil {
		return nil, err
	}
	return t.Get(ctx, key)
}

func (t *things) Get(ctx context.Context, key string) (*store.Object[*wrapperspb.StringValue], error) {
	view, err := t.store.View(ctx)
	if err != nil {
		return nil, err
	}
	return t.In(view).Get(key), nil
}

func (t *things) List(ctx context.Context) ([]*store.Object[*wrapperspb.StringValue], error) {
	view, err := t.store.View(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Collect(t.In(view).Under("")), nil
}

// startStore runs a store with one collection until the test ends.
func startStore(t *testing.T, client *clientv3.Client) (*store.Store, *things) {
	t.Helper()
	s := store.New(client, "/fault", quiet)
	c := &things{store.NewCollection[*wrapperspb.StringValue](s, "things"), s}
	storetest.Start(t, s)
	return s, c
}

var quiet = slog.New(slog.DiscardHandler)

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func create(t *testing.T, c *things, key string) *store.Object[*wrapperspb.StringValue] {
	t.Helper()
	o, err := c.Create(within(t, await.Patience), key, wrapperspb.String(key))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestWithoutEtcdNothingHangsAndItsReturnIsEnough(t *testing.T) {
	config := embedded.Config{Dir: t.TempDir(), Listen: "unix:" + filepath.Join(t.TempDir(), "s")}
	server := storetest.Server(t, config)
	s, c := startStore(t, dial(t, server))
	before := create(t, c, "before")
	if _, err := c.Get(t.Context(), "before"); err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(t.Context(), 0, c.Scope(""))
	if err != nil {
		t.Fatal(err)
	}

	server.Close()
	_, read := c.Get(within(t, time.Second), "before")
	_, write := c.Create(within(t, time.Second), "during", wrapperspb.String(""))
	for what, err := range map[string]error{
		"a read": read, "a write": write, "the health": s.Healthy(within(t, time.Second)),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s gives %v, want ErrUnavailable", what, err)
		}
	}
	if o := c.In(s.Cached()).Get("before"); o == nil || o.Revision != before.Revision {
		t.Error("the cache has lost what it had")
	}

	storetest.Server(t, config)
	await.Until(t, "the store is healthy", func() bool { return s.Healthy(within(t, time.Second)) == nil })
	create(t, c, "after")
	batch, err := w.Next(within(t, await.Patience))
	events := store.Replay(batch, func(store.Reader, string) struct{} { return struct{}{} })
	if err != nil || len(events) != 1 || events[0].Key != "after" {
		t.Errorf("the watch from before gives %v (%v)", events, err)
	}
}

func TestEtcdPutBackToAnOlderStateIsNoticed(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	config := embedded.Config{Dir: dir, Listen: "unix:" + filepath.Join(t.TempDir(), "s")}
	server := storetest.Server(t, config)
	create(t, second(startStore(t, dial(t, server))), "old")
	server.Close()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}

	server = storetest.Server(t, config)
	s, c := startStore(t, dial(t, server))
	for n := range 20 {
		create(t, c, fmt.Sprintf("lost%d", n))
	}
	if got, err := c.List(t.Context()); err != nil || len(got) != 21 {
		t.Fatalf("there are %d objects (%v)", len(got), err)
	}
	feed := s.Changes(c.Scope(""))
	defer feed.Close()
	if keys, err := feed.Next(within(t, await.Patience)); err != nil || len(keys) != 21 {
		t.Fatalf("the feed begins with %v (%v)", keys, err)
	}
	w, err := s.Watch(t.Context(), 0, c.Scope(""))
	if err != nil {
		t.Fatal(err)
	}

	server.Close()
	config.Dir = backup
	storetest.Server(t, config)
	await.Until(t, "reads give the state of the backup", func() bool {
		got, err := c.List(within(t, time.Second))
		return err == nil && len(got) == 1 && got[0].Key == "old"
	})
	if keys, err := feed.Next(within(t, await.Patience)); err != nil || len(keys) != 20 {
		t.Errorf("the feed names %d keys (%v), where 20 are lost", len(keys), err)
	}
	if _, err := w.Next(within(t, await.Patience)); !errors.Is(err, store.ErrTooOld) {
		t.Errorf("a watch of the lost history gives %v, want ErrTooOld", err)
	}
	if _, err := s.Watch(t.Context(), w.Revision(), c.Scope("")); !errors.Is(err, store.ErrTooOld) {
		t.Errorf("a watch from the lost history gives %v, want ErrTooOld", err)
	}
	create(t, c, "new")
	if _, err := c.Get(within(t, await.Patience), "new"); err != nil {
		t.Errorf("after the restoration a write is not read: %v", err)
	}
}

func second[A, B any](_ A, b B) B { return b }

// An etcd without space serves reads and deletions. Once enough is deleted, the
// embedded etcd accepts writes again.
func TestWithoutSpaceReadsAndDeletionsGoOn(t *testing.T) {
	server := storetest.Server(t, embedded.Config{QuotaBytes: 1 << 20})
	s, c := startStore(t, server.Client())
	create(t, c, "first")
	storetest.FillSpace(t, server.Client())
	put := func(key string) error {
		_, err := c.Create(within(t, await.Patience), key, wrapperspb.String(""))
		return err
	}
	if err := put("second"); !errors.Is(err, store.ErrNoSpace) {
		t.Fatalf("a write beyond the quota gave %v, want ErrNoSpace", err)
	}
	if !s.Space().Exhausted {
		t.Error("the store does not know that there is no space")
	}
	freed := s.Freed()
	if _, err := c.Get(t.Context(), "first"); err != nil {
		t.Errorf("a read gives %v", err)
	}
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("the health is %v, though reads are served", err)
	}
	// A change that can do with deletions alone is told to.
	if _, err := s.Update(t.Context(), func(tx *store.Tx) error {
		c.Delete(tx, "first")
		if !tx.OutOfSpace() {
			c.Put(tx, "note", wrapperspb.String("first is deleted"))
		}
		return nil
	}); err != nil {
		t.Errorf("a deletion gives %v", err)
	}
	if o, err := c.Get(t.Context(), "first"); err != nil || o != nil {
		t.Errorf("after the deletion there is %v (%v)", o, err)
	}

	storetest.FreeSpace(t, server.Client())
	await.Success(t, "a write", func() error { return put("second") })
	await.Closed(t, "the store to notice", freed)
	if space := s.Space(); space.Exhausted || len(space.Members) != 1 || space.Members[0].Quota != 1<<20 || space.Members[0].Size < space.Members[0].InUse {
		t.Errorf("the space is %+v", space)
	}
}

// Deletions that are sent together with writes are not rejected with them.
func TestWithoutSpaceDeletionsAreNotRejectedWithWrites(t *testing.T) {
	server := storetest.Server(t, embedded.Config{QuotaBytes: 1 << 20})
	s, c := startStore(t, server.Client())
	const count = 20
	for n := range count {
		create(t, c, fmt.Sprint(n))
	}
	storetest.FillSpace(t, server.Client())
	var all errgroup.Group
	for n := range count {
		all.Go(func() error {
			_, err := s.Update(within(t, await.Patience), func(tx *store.Tx) error { c.Delete(tx, fmt.Sprint(n)); return nil })
			return err
		})
		all.Go(func() error {
			if _, err := c.Create(within(t, await.Patience), fmt.Sprint("new", n), wrapperspb.String("")); !errors.Is(err, store.ErrNoSpace) {
				return fmt.Errorf("a write gave %v", err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := c.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d objects are left (%v)", len(left), err)
	}
}

// TestAWatchThatFellSilentIsReplaced has a watch that etcd believes in and that
// brings nothing.
func TestAWatchThatFellSilentIsReplaced(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t, embedded.Config{})
	client := clientv3.NewCtxClient(context.Background())
	defer client.Close()
	silent := &silentFirst{Watcher: server.Client().Watcher}
	client.KV, client.Maintenance, client.Watcher = server.Client().KV, server.Client().Maintenance, silent
	_, c := startStore(t, client)
	create(t, c, "a")
	if _, err := c.Get(within(t, await.Patience), "a"); err != nil {
		t.Error(err)
	}
	if n := silent.watches.Load(); n < 2 {
		t.Errorf("there were %d watches", n)
	}
}

// silentFirst gives watches of which the first says nothing.
type silentFirst struct {
	clientv3.Watcher
	watches atomic.Int32
}

func (s *silentFirst) Watch(ctx context.Context, key string, options ...clientv3.OpOption) clientv3.WatchChan {
	if s.watches.Add(1) == 1 {
		return make(clientv3.WatchChan)
	}
	return s.Watcher.Watch(ctx, key, options...)
}

func (s *silentFirst) Close() error { return nil }
