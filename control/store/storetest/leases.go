package storetest

import (
	"errors"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/internal/await"
)

var leases = map[string]func(t *testing.T, client *clientv3.Client){
	"an object goes with its lease, and caches see it go": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		replicas := []*replica{start(t, client, prefix), start(t, client, prefix)}
		lease := must(client.Grant(t.Context(), 60)).ID
		w := must(replicas[1].things.Watch(t.Context(), "", 0))
		must(replicas[0].Commit(t.Context(), nil, []op{replicas[0].things.PutLeased("a", text("x"), lease)}))
		if o := must(replicas[1].things.Get(t.Context(), "a")); o.Lease != lease {
			t.Errorf("the object has lease %x, want %x", o.Lease, lease)
		}
		must(client.Revoke(t.Context(), lease)) // as etcd does when it expires
		await.Until(t, "the watch sees the object go", func() bool {
			for _, event := range must(w.Next(within(t))) {
				if event.Object == nil && event.Key == "a" {
					return true
				}
			}
			return false
		})
		for _, r := range replicas {
			if _, err := r.things.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the error is %v, want ErrNotFound", err)
			}
		}
	},
	"update and modify keep the lease, put ends it": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		lease := must(client.Grant(t.Context(), 60)).ID
		must(r.Commit(t.Context(), nil, []op{r.things.PutLeased("a", text("one"), lease)}))
		one := must(r.things.Get(t.Context(), "a"))
		two := must(r.things.Update(t.Context(), "a", one.Revision, text("two")))
		three := must(r.things.Modify(t.Context(), "a", func(value) (value, error) { return text("three"), nil }))
		for _, o := range []*store.Object[value]{one, two, three, must(r.things.Get(t.Context(), "a"))} {
			if o.Lease != lease {
				t.Errorf("%q has lease %x, want %x", o.Value().GetValue(), o.Lease, lease)
			}
		}
		must(r.Commit(t.Context(), nil, []op{r.things.Put("a", text("four"))}))
		if o := must(r.things.Get(t.Context(), "a")); o.Lease != 0 {
			t.Errorf("it still has lease %x", o.Lease)
		}
	},
	"nothing is written under a lease that is lost": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		lease := must(client.Grant(t.Context(), 60)).ID
		must(client.Revoke(t.Context(), lease))
		_, err := r.Commit(t.Context(), nil, []op{r.things.PutLeased("a", text("x"), lease)})
		if !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("the error is %v, want ErrLeaseLost", err)
		}
	},
	"whoever lost the lease of a key cannot write on condition of it": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		lease := must(client.Grant(t.Context(), 60)).ID
		must(r.Commit(t.Context(), nil, []op{r.things.PutLeased("leader", text("me"), lease)}))
		write := func() error {
			_, err := r.Commit(t.Context(), []cond{r.things.HeldBy("leader", lease)},
				[]op{r.others.Put("work", text("x"))})
			return err
		}
		if err := write(); err != nil {
			t.Errorf("the holder is refused: %v", err)
		}
		must(client.Revoke(t.Context(), lease))
		must(r.things.Create(t.Context(), "leader", text("another")))
		if err := write(); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the error is %v, want ErrConflict", err)
		}
	},
}
