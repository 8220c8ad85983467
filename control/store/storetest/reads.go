package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
)

var reads = map[string]func(t *testing.T, client *clientv3.Client){
	"under a path are its descendants only, in the order of keys": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		for _, key := range []string{"prod/b", "prod", "prod/a/x", "prod2/a", "prod-1/a", "prod/a", "a/prod/b"} {
			must(r.things.Create(t.Context(), key, text("x")))
			must(r.others.Create(t.Context(), key, text("other")))
		}
		for under, want := range map[string][]string{
			"":         {"a/prod/b", "prod", "prod-1/a", "prod/a", "prod/a/x", "prod/b", "prod2/a"},
			"prod":     {"prod/a", "prod/a/x", "prod/b"},
			"prod/a":   {"prod/a/x"},
			"pro":      {},
			"prod2":    {"prod2/a"},
			"prod/a/x": {},
		} {
			got := keys(must(r.things.List(t.Context(), under)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("under %q (-want +got):\n%s", under, diff)
			}
		}
	},
	"a collection is not mixed up with one whose name begins alike": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		r := start(t, client, prefix)
		must(client.Put(t.Context(), prefix+"/things2/a", "not ours"))
		must(client.Put(t.Context(), prefix+"2/things/a", "not ours"))
		must(r.things.Create(t.Context(), "b", text("ours")))
		if got := keys(must(r.things.List(t.Context(), ""))); !cmp.Equal(got, []string{"b"}) {
			t.Errorf("the collection holds %v", got)
		}
	},
	"an index follows creations, updates and deletions": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		a := must(r.things.Create(t.Context(), "a", text("red round")))
		must(r.things.Create(t.Context(), "b", text("red")))
		must(r.things.Create(t.Context(), "c", text("redder")))
		expectIndex(t, r, map[string][]string{"red": {"a", "b"}, "round": {"a"}, "redder": {"c"}, "blue": {}})
		must(r.things.Update(t.Context(), "a", a.Revision, text("blue round")))
		expectIndex(t, r, map[string][]string{"red": {"b"}, "round": {"a"}, "redder": {"c"}, "blue": {"a"}})
		if err := r.things.Delete(t.Context(), "a", 0); err != nil {
			t.Fatal(err)
		}
		expectIndex(t, r, map[string][]string{"red": {"b"}, "round": {}, "redder": {"c"}, "blue": {}})
	},
	"what was there before the store is loaded, over several pages": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		first := start(t, client, prefix)
		const count, together = 1201, 100
		for done := 0; done < count; done += together {
			var ops []op
			for n := done; n < min(done+together, count); n++ {
				ops = append(ops, first.things.Put(fmt.Sprintf("k/%04d", n), text("n%d", n)))
			}
			must(first.Commit(t.Context(), nil, ops))
		}
		second := start(t, client, prefix)
		want := must(first.things.List(t.Context(), "k"))
		got := must(second.things.List(t.Context(), "k"))
		if len(got) != count || !cmp.Equal(keys(want), keys(got)) {
			t.Errorf("one replica has %d, the other %d of %d", len(want), len(got), count)
		}
	},
	"a snapshot stays as it is": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		created := must(r.things.Create(t.Context(), "a", text("one")))
		snapshot := must(r.things.Snapshot(t.Context()))
		must(r.things.Update(t.Context(), "a", created.Revision, text("two")))
		must(r.things.Create(t.Context(), "b", text("one")))
		must(r.things.List(t.Context(), ""))
		if got := keys(snapshot.Under("")); !cmp.Equal(got, []string{"a"}) {
			t.Errorf("the snapshot holds %v", got)
		}
		if got, _ := snapshot.Get("a"); got.Revision != created.Revision {
			t.Errorf("the object in the snapshot went from revision %d to %d", created.Revision, got.Revision)
		}
	},
	"every replica sees every write that was acknowledged": readYourWrites,
	"a read goes on while others write elsewhere in etcd": func(t *testing.T, client *clientv3.Client) {
		// No event will ever tell the cache that it is at etcd's revision.
		r := start(t, client, newPrefix())
		must(r.things.Create(t.Context(), "a", text("one")))
		for n := range 20 {
			must(client.Put(t.Context(), "/storetest-elsewhere", fmt.Sprint(n)))
			must(r.things.Get(t.Context(), "a"))
		}
	},
	"a read whose caller leaves ends with that": func(t *testing.T, client *clientv3.Client) {
		gate := newGate(client)
		r := start(t, gate.client, newPrefix())
		gate.cut()
		defer gate.restore()
		must(client.Put(t.Context(), "/storetest-elsewhere", "x")) // so that the cache has to wait
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, err := r.things.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v, want that the context was canceled", err)
		}
	},
}

func expectIndex(t *testing.T, r *replica, want map[string][]string) {
	t.Helper()
	for word, keysWanted := range want {
		got := keys(must(r.things.ListByIndex(t.Context(), "word", word)))
		if diff := cmp.Diff(keysWanted, got); diff != "" {
			t.Errorf("by %q (-want +got):\n%s", word, diff)
		}
	}
}

// readYourWrites has writers on two replicas and readers on both, who know what
// was acknowledged before they read.
func readYourWrites(t *testing.T, client *clientv3.Client) {
	prefix := newPrefix()
	replicas := []*replica{start(t, client, prefix), start(t, client, prefix)}
	const writers, rounds = 6, 40
	var acknowledged [writers]atomic.Int64
	errs := together(2*writers, func(i int) error {
		writer := i % writers
		key := store.Key("w", fmt.Sprint(writer))
		if i >= writers {
			return readAcknowledged(t.Context(), replicas, key, &acknowledged[writer], rounds)
		}
		here, there := replicas[i%2], replicas[(i+1)%2]
		for round := range rounds {
			o, err := here.things.Create(t.Context(), key, text("round %d", round))
			if err != nil {
				return err
			}
			acknowledged[writer].Store(o.Revision)
			if got, err := there.things.Get(t.Context(), key); err != nil || got.Revision != o.Revision {
				return fmt.Errorf("created at %d, the other replica has it at %d (%v)", o.Revision, got.Revision, err)
			}
			if o, err = there.things.Update(t.Context(), key, o.Revision, text("again %d", round)); err != nil {
				return err
			}
			acknowledged[writer].Store(o.Revision)
			if got, err := here.things.Get(t.Context(), key); err != nil || got.Revision != o.Revision {
				return fmt.Errorf("updated at %d, the other replica has it at %d (%v)", o.Revision, got.Revision, err)
			}
			if err := here.things.Delete(t.Context(), key, o.Revision); err != nil {
				return err
			}
			if _, err := there.things.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("deleted, the other replica still has it (%v)", err)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func readAcknowledged(ctx context.Context, replicas []*replica, key string, acknowledged *atomic.Int64, rounds int) error {
	for round := range rounds {
		known := acknowledged.Load()
		snapshot, err := replicas[round%2].things.Snapshot(ctx)
		if err != nil {
			return err
		}
		if o, ok := snapshot.Get(key); ok && o.Revision < known {
			return fmt.Errorf("revision %d was acknowledged before the read that gave %d", known, o.Revision)
		}
	}
	return nil
}
