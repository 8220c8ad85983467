package storetest

import (
	"errors"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
)

var writes = map[string]func(t *testing.T, client *clientv3.Client){
	"create then get gives the object with its revisions": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		created, err := r.things.Create(t.Context(), "a", text("one"))
		if err != nil {
			t.Fatal(err)
		}
		if created.Revision == 0 || created.Revision != created.CreateRevision {
			t.Errorf("a new object has revision %d and was created at %d", created.Revision, created.CreateRevision)
		}
		expect(t, r.things, created)
	},
	"create of a key that is taken is refused": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		first := must(r.things.Create(t.Context(), "a", text("one")))
		if _, err := r.things.Create(t.Context(), "a", text("two")); !errors.Is(err, store.ErrExists) {
			t.Errorf("the error is %v, want ErrExists", err)
		}
		expect(t, r.things, first)
	},
	"of two creates of one key exactly one succeeds": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		replicas := []*replica{start(t, client, prefix), start(t, client, prefix)}
		for round := range 30 {
			key := store.Key("k", string(rune('a'+round)))
			errs := together(2, func(i int) error {
				_, err := replicas[i].things.Create(t.Context(), key, text("by %d", i))
				return err
			})
			expectOneWinner(t, errs, store.ErrExists)
		}
	},
	"update replaces the object and keeps when it was created": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		created := must(r.things.Create(t.Context(), "a", text("one")))
		updated, err := r.things.Update(t.Context(), "a", created.Revision, text("two"))
		if err != nil {
			t.Fatal(err)
		}
		if updated.Revision <= created.Revision || updated.CreateRevision != created.CreateRevision {
			t.Errorf("created at %d and %d, it was updated at %d and %d",
				created.CreateRevision, created.Revision, updated.CreateRevision, updated.Revision)
		}
		expect(t, r.things, updated)
	},
	"update is the same on a replica that has yet to see the object": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		gate := newGate(client)
		near, far := start(t, client, prefix), start(t, gate.client, prefix)
		gate.cut()
		lease := must(client.Grant(t.Context(), 60)).ID
		must(near.Commit(t.Context(), nil, []op{near.things.PutLeased("a", text("one"), lease)}))
		seen := must(near.things.Get(t.Context(), "a"))
		// The update waits until the replica has seen what it replaces.
		var updated *store.Object[value]
		for _, err := range together(2, func(i int) (err error) {
			if i == 0 {
				updated, err = far.things.Update(t.Context(), "a", seen.Revision, text("two"))
				return err
			}
			gate.restore()
			return nil
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		expect(t, near.things, updated)
		expect(t, far.things, updated)
	},
	"of two updates of one revision exactly one succeeds": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		replicas := []*replica{start(t, client, prefix), start(t, client, prefix)}
		current := must(replicas[0].things.Create(t.Context(), "a", text("zero")))
		for range 30 {
			errs := together(2, func(i int) error {
				_, err := replicas[i].things.Update(t.Context(), "a", current.Revision, text("by %d", i))
				return err
			})
			expectOneWinner(t, errs, store.ErrConflict)
			current = must(replicas[0].things.Get(t.Context(), "a"))
		}
	},
	"a revision from before a deletion is refused after a new creation": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		before := must(r.things.Create(t.Context(), "a", text("same")))
		if err := r.things.Delete(t.Context(), "a", before.Revision); err != nil {
			t.Fatal(err)
		}
		after := must(r.things.Create(t.Context(), "a", text("same")))
		if _, err := r.things.Update(t.Context(), "a", before.Revision, text("other")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("update: the error is %v, want ErrConflict", err)
		}
		if err := r.things.Delete(t.Context(), "a", before.Revision); !errors.Is(err, store.ErrConflict) {
			t.Errorf("delete: the error is %v, want ErrConflict", err)
		}
		if before.CreateRevision == after.CreateRevision {
			t.Error("both objects were created at one revision")
		}
		expect(t, r.things, after)
	},
	"what is not there cannot be updated, modified, deleted or got": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		unchanged := func(v value) (value, error) { return v, nil }
		_, get := r.things.Get(t.Context(), "a")
		_, update := r.things.Update(t.Context(), "a", 7, text("x"))
		_, modify := r.things.Modify(t.Context(), "a", unchanged)
		for verb, err := range map[string]error{
			"get": get, "update": update, "modify": modify,
			"delete":                   r.things.Delete(t.Context(), "a", 7),
			"delete whatever there is": r.things.Delete(t.Context(), "a", 0),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: the error is %v, want ErrNotFound", verb, err)
			}
		}
	},
	"delete ends the object": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		must(r.things.Create(t.Context(), "a", text("one")))
		if err := r.things.Delete(t.Context(), "a", 0); err != nil {
			t.Fatal(err)
		}
		if _, err := r.things.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the error is %v, want ErrNotFound", err)
		}
	},
	"no concurrent modify is lost": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		replicas := []*replica{start(t, client, prefix), start(t, client, prefix)}
		must(replicas[0].things.Create(t.Context(), "a", text("")))
		const writers, each = 8, 10
		for _, err := range together(writers, func(i int) error {
			for range each {
				_, err := replicas[i%2].things.Modify(t.Context(), "a", func(v value) (value, error) {
					v.Value += "x"
					return v, nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		got := must(replicas[1].things.Get(t.Context(), "a")).Value().GetValue()
		if want := strings.Repeat("x", writers*each); got != want {
			t.Errorf("%d modifications left %d traces", len(want), len(got))
		}
	},
	"modify to the same writes nothing": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		created := must(r.things.Create(t.Context(), "a", text("one")))
		modified, err := r.things.Modify(t.Context(), "a", func(value) (value, error) { return text("one"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if modified.Revision != created.Revision {
			t.Errorf("the revision went from %d to %d", created.Revision, modified.Revision)
		}
	},
	"modify judges by what etcd holds and not by an older cache": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		gate := newGate(client)
		near, far := start(t, client, prefix), start(t, gate.client, prefix)
		must(near.things.Create(t.Context(), "a", text("one")))
		must(far.things.Get(t.Context(), "a"))
		gate.cut()
		must(near.things.Modify(t.Context(), "a", func(v value) (value, error) { return text("two"), nil }))
		gate.restore()
		// To the cache of far this looks like no change at all.
		must(far.things.Modify(t.Context(), "a", func(value) (value, error) { return text("one"), nil }))
		if got := must(near.things.Get(t.Context(), "a")).Value().GetValue(); got != "one" {
			t.Errorf("the object is %q", got)
		}
	},
	"an error of the change ends modify and writes nothing": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		created := must(r.things.Create(t.Context(), "a", text("one")))
		refused := errors.New("refused")
		_, err := r.things.Modify(t.Context(), "a", func(v value) (value, error) {
			v.Value = "two"
			return v, refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("the error is %v, want %v", err, refused)
		}
		expect(t, r.things, created)
	},
	"a value beyond etcd's limit is refused as that": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		huge := text("%s", Noise(3<<20))
		if _, err := r.things.Create(t.Context(), "a", huge); err == nil {
			t.Error("a value of 3 MiB was taken")
		}
	},
	"an empty key is refused": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		if _, err := r.things.Create(t.Context(), "", text("x")); err == nil || !strings.Contains(err.Error(), "empty") {
			t.Errorf("the error is %v, want one that says that the key is empty", err)
		}
	},
}

// expect checks that the object of the key is the one given.
func expect(t *testing.T, c *things, want *store.Object[value]) {
	t.Helper()
	got, err := c.Get(t.Context(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got.Key != want.Key || !proto.Equal(got.Value(), want.Value()) || got.Revision != want.Revision ||
		got.CreateRevision != want.CreateRevision || got.Lease != want.Lease {
		t.Errorf("the object is %s %v at %d, created at %d, lease %x; want %s %v at %d, created at %d, lease %x",
			got.Key, got.Value(), got.Revision, got.CreateRevision, got.Lease,
			want.Key, want.Value(), want.Revision, want.CreateRevision, want.Lease)
	}
}

// together runs n functions at the same time.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errs
}

func expectOneWinner(t *testing.T, errs []error, lost error) {
	t.Helper()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
		} else if !errors.Is(err, lost) {
			t.Errorf("the error is %v, want %v", err, lost)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d succeeded", winners, len(errs))
	}
}
