package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
)

var changes = map[string]func(t *testing.T, client *clientv3.Client){
	"the first look is at every key that exists": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		for _, key := range []string{"prod/b", "prod/a", "prod2/a"} {
			must(r.things.Create(t.Context(), key, text("x")))
		}
		must(r.things.List(t.Context(), ""))
		expectNext(t, follow(t, r.things, "prod"), "prod/a", "prod/b")
	},
	"the first look comes even if nothing exists": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		expectNext(t, follow(t, r.things, ""))
	},
	"a feed opened before the store runs is filled by loading": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		must(start(t, client, prefix).things.Create(t.Context(), "a", text("x")))
		s := store.New(client, prefix, quiet)
		feed := follow(t, &things{store.NewCollection[value](s, "things"), s}, "")
		Start(t, s)
		expectNext(t, feed, "a")
	},
	"many changes of a key are one": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		feed, other := follow(t, r.things, ""), follow(t, r.others, "")
		expectNext(t, feed)
		expectNext(t, other)
		must(r.things.Create(t.Context(), "a", text("")))
		for n := range 20 {
			must(r.things.Modify(t.Context(), "a", func(value) (value, error) { return text("%d", n), nil }))
		}
		must(r.things.Create(t.Context(), "b", text("x")))
		if err := r.things.Delete(t.Context(), "b", 0); err != nil {
			t.Fatal(err)
		}
		must(r.others.Create(t.Context(), "mark", text("x")))
		expectNext(t, other, "mark") // so that all changes before it have been told of
		expectNext(t, feed, "a", "b")
	},
	"whoever is woken finds the change in every collection that it touched": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		feed := follow(t, r.things, "")
		expectNext(t, feed)
		for n := range 100 {
			revision := must(r.Commit(t.Context(), nil, []op{
				r.things.Put("a", text("%d", n)), r.others.Put("b", text("%d", n)),
			}))
			expectNext(t, feed, "a")
			a, _ := r.things.Cached("a")
			b, _ := r.others.Cached("b")
			if a.Revision != revision || b.Revision != revision {
				t.Fatalf("committed at %d, the cache has them at %d and %d", revision, a.Revision, b.Revision)
			}
		}
	},
	"a feed ends with its context and with the store": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		feed := follow(t, r.things, "")
		expectNext(t, feed)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := feed.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v, want that the context was canceled", err)
		}
		r.stop()
		if _, err := feed.Next(within(t)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the error is %v, want ErrUnavailable", err)
		}
	},
	"a loop that looks at what the feed names ends up with what is there": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		r, writer := start(t, client, prefix), start(t, client, prefix)
		feed := follow(t, r.things, "")
		go churn(t.Context(), writer, 300)
		seen := map[string]string{}
		for seen[lastKey] == "" {
			for _, key := range must(feed.Next(within(t))) {
				if o, ok := r.things.Cached(key); ok {
					seen[key] = fmt.Sprint(o.Revision)
				} else {
					delete(seen, key)
				}
			}
		}
		want := map[string]string{}
		for _, o := range must(r.things.List(t.Context(), "")) {
			want[o.Key] = fmt.Sprint(o.Revision)
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("(-there +seen):\n%s", diff)
		}
	},
}

func expectNext(t *testing.T, feed feed, want ...string) {
	t.Helper()
	got, err := feed.Next(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(got)+len(want) > 0 && !cmp.Equal(want, got) {
		t.Errorf("the keys are %v, want %v", got, want)
	}
}
