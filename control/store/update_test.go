package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

// requests counts the transactions that are sent to etcd, and can hold them up.
type requests struct {
	clientv3.KV
	sent atomic.Int64
	hold sync.RWMutex
}

func (r *requests) Txn(ctx context.Context) clientv3.Txn {
	r.sent.Add(1)
	r.hold.RLock()
	defer r.hold.RUnlock()
	return r.KV.Txn(ctx)
}

func counting(t *testing.T) (*requests, *store.Store, *things) {
	server := storetest.Server(t, embedded.Config{})
	client := clientv3.NewCtxClient(context.Background())
	t.Cleanup(func() { client.Close() })
	counted := &requests{KV: server.Client().KV}
	client.KV, client.Maintenance, client.Watcher = counted, server.Client().Maintenance, server.Client().Watcher
	s, c := startStore(t, client)
	return counted, s, c
}

func TestTransactionsThatWaitGoTogether(t *testing.T) {
	counted, s, c := counting(t)
	const writers = 60
	counted.hold.Lock()
	var wg sync.WaitGroup
	var begun atomic.Int64
	errs := make(chan error, writers)
	for n := range writers {
		wg.Go(func() {
			begun.Add(1)
			_, err := c.Create(within(t, await.Patience), fmt.Sprintf("k%d", n), wrapperspb.String("x"))
			errs <- err
		})
	}
	await.Until(t, "all have begun and requests are on their way", func() bool { return begun.Load() == writers && counted.sent.Load() == 2 })
	counted.hold.Unlock()
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if sent := counted.sent.Load(); sent > writers/2 {
		t.Errorf("%d writes took %d requests", writers, sent)
	}
	if view, err := s.View(t.Context()); err != nil || c.In(view).Count("") != writers {
		t.Errorf("there are %d objects (%v), want %d", c.In(view).Count(""), err, writers)
	}
}

// TestNoIncrementIsLost has writers on one key, each of which reads it first.
func TestNoIncrementIsLost(t *testing.T) {
	_, s, c := counting(t)
	create(t, c, "count")
	const writers, rounds = 16, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				if _, err := s.Update(within(t, await.Patience), func(tx *store.Tx) error {
					n, _ := strconv.Atoi(c.Collection.Get(tx, "count").Value().GetValue())
					c.Collection.Put(tx, "count", wrapperspb.String(strconv.Itoa(n+1)))
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if o, err := c.Get(t.Context(), "count"); err != nil || o.Value().GetValue() != strconv.Itoa(writers*rounds) {
		t.Errorf("the count is %v (%v), want %d", o.Message(), err, writers*rounds)
	}
}

// TestAnErrorCountsOnlyOnceTheReplicaIsUpToDate has a transaction decide on what
// another replica has just written.
func TestAnErrorCountsOnlyOnceTheReplicaIsUpToDate(t *testing.T) {
	server := storetest.Server(t, embedded.Config{Listen: "127.0.0.1:0"})
	_, near := startStore(t, dial(t, server))
	s, far := startStore(t, dial(t, server))
	for n := range 50 {
		key := fmt.Sprintf("k%d", n)
		create(t, near, key)
		_, err := s.Update(within(t, await.Patience), func(tx *store.Tx) error {
			if far.Collection.Get(tx, key) == nil {
				return store.ErrNotFound
			}
			return nil
		})
		if err != nil {
			t.Fatalf("what was acknowledged before is not seen: %v", err)
		}
	}
}

func TestNothingIsWrittenAfterAnError(t *testing.T) {
	counted, s, c := counting(t)
	refused := errors.New("refused")
	_, err := s.Update(t.Context(), func(tx *store.Tx) error {
		c.Collection.Put(tx, "a", wrapperspb.String("x"))
		return refused
	})
	if !errors.Is(err, refused) || counted.sent.Load() != 0 {
		t.Errorf("the error is %v, and %d transactions were sent", err, counted.sent.Load())
	}
}
