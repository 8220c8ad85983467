package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/internal/await"
)

var watches = map[string]func(t *testing.T, client *clientv3.Client){
	"events come once each, in order, and resume on any replica": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		replicas := []*replica{start(t, client, prefix), start(t, client, prefix)}
		begin := must(replicas[0].things.Snapshot(t.Context())).Revision()
		written := make(chan []string, 1)
		go func() { written <- churn(t.Context(), replicas[0], 300) }()
		seen := map[string][]string{}
		for name, watcher := range map[string]func(context.Context, []*replica, int64) ([]string, error){
			"one watch": watchOn, "watches that resume each other": watchInPieces,
		} {
			got, err := watcher(within(t), replicas, begin)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			seen[name] = got
		}
		want := <-written
		for name, got := range seen {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-written +seen):\n%s", name, diff)
			}
		}
	},
	"an event tells what there was before": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		w := must(r.things.Watch(t.Context(), "", 0))
		one := must(r.things.Create(t.Context(), "a", text("one")))
		two := must(r.things.Update(t.Context(), "a", one.Revision, text("two")))
		if err := r.things.Delete(t.Context(), "a", two.Revision); err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(got) < 3 {
			for _, event := range must(w.Next(within(t))) {
				got = append(got, fmt.Sprintf("%s -> %s", content(event.Previous), content(event.Object)))
			}
		}
		if diff := cmp.Diff([]string{"nothing -> one", "one -> two", "two -> nothing"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"a watch is of its path only": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		w := must(r.things.Watch(t.Context(), "prod", 0))
		for _, key := range []string{"prod", "prod2/a", "other/prod/a", "prod/a"} {
			must(r.things.Create(t.Context(), key, text("x")))
		}
		if got := must(w.Next(within(t))); len(got) != 1 || got[0].Key != "prod/a" {
			t.Errorf("the events are %v", got)
		}
	},
	"a snapshot and the watch from its revision miss nothing between them": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		done := make(chan error, 1)
		const count = 200
		go func() {
			for n := range count {
				if _, err := r.things.Create(t.Context(), fmt.Sprintf("k%03d", n), text("x")); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		var snapshot snapshot
		await.Until(t, "some are written", func() bool {
			snapshot = must(r.things.Snapshot(t.Context()))
			return len(snapshot.Under("")) > 10
		})
		got := keys(snapshot.Under(""))
		w := must(r.things.Watch(t.Context(), "", snapshot.Revision()))
		for len(got) < count {
			for _, event := range must(w.Next(within(t))) {
				got = append(got, event.Key)
			}
		}
		for n, key := range got {
			if want := fmt.Sprintf("k%03d", n); key != want {
				t.Fatalf("number %d is %s, want %s", n, key, want)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	},
	"events of one transaction are never divided": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		w := must(r.things.Watch(t.Context(), "", 0))
		const size = 100
		for range 6 {
			var ops []op
			for n := range size {
				ops = append(ops, r.things.Put(fmt.Sprintf("k%d", n), text("x")))
			}
			must(r.Commit(t.Context(), nil, ops))
		}
		for seen := 0; seen < 6*size; {
			events := must(w.Next(within(t)))
			if len(events)%size != 0 {
				t.Fatalf("Next gave %d events, where each transaction makes %d", len(events), size)
			}
			seen += len(events)
		}
	},
	"a watch from a revision whose events are no longer held is refused": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix(), store.WithHistory(8, 1<<20))
		first := must(r.things.Create(t.Context(), "a", text("x")))
		for n := range 10 {
			must(r.things.Create(t.Context(), fmt.Sprintf("k%d", n), text("x")))
		}
		must(r.things.List(t.Context(), ""))
		if _, err := r.things.Watch(t.Context(), "", first.Revision); !errors.Is(err, store.ErrTooOld) {
			t.Errorf("the error is %v, want ErrTooOld", err)
		}
	},
	"a watch from a revision that etcd never had is refused": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		o := must(r.things.Create(t.Context(), "a", text("x")))
		if _, err := r.things.Watch(t.Context(), "", o.Revision+1_000_000); !errors.Is(err, store.ErrTooOld) {
			t.Errorf("the error is %v, want ErrTooOld", err)
		}
	},
	"a watch from a revision that this replica has yet to see begins there": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		gate := newGate(client)
		near, far := start(t, client, prefix), start(t, gate.client, prefix)
		gate.cut()
		ahead := must(near.things.Create(t.Context(), "a", text("x")))
		gate.restore()
		w, err := far.things.Watch(t.Context(), "", ahead.Revision)
		if err != nil {
			t.Fatal(err)
		}
		must(near.things.Create(t.Context(), "b", text("x")))
		if got := must(w.Next(within(t))); len(got) != 1 || got[0].Key != "b" {
			t.Errorf("the events are %v", got)
		}
	},
	"a slow reader is cut off where it is, and told": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix(), store.WithHistory(8, 1<<20))
		w := must(r.things.Watch(t.Context(), "", 0))
		first := must(r.things.Create(t.Context(), "a", text("x")))
		must(w.Next(within(t)))
		for n := range 10 {
			must(r.things.Create(t.Context(), fmt.Sprintf("k%d", n), text("x")))
		}
		must(r.things.List(t.Context(), ""))
		if _, err := w.Next(within(t)); !errors.Is(err, store.ErrTooOld) {
			t.Errorf("the error is %v, want ErrTooOld", err)
		}
		if w.Revision() != first.Revision {
			t.Errorf("it says that it is complete up to %d, which is %d", w.Revision(), first.Revision)
		}
	},
	"an idle watch says how far it is": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix(), store.WithBookmarks(10*time.Millisecond))
		w := must(r.things.Watch(t.Context(), "", 0))
		other := must(r.others.Create(t.Context(), "a", text("x")))
		await.Until(t, "a bookmark is past the change in another collection", func() bool {
			events := must(w.Next(within(t)))
			if len(events) != 1 || events[0].Key != "" || events[0].Revision != w.Revision() {
				t.Fatalf("the events are %v, want a bookmark of %d", events, w.Revision())
			}
			return events[0].Revision >= other.Revision
		})
		must(r.things.Create(t.Context(), "a", text("x")))
		resumed := must(r.things.Watch(t.Context(), "", w.Revision()))
		if got := must(resumed.Next(within(t))); len(got) != 1 || got[0].Key != "a" {
			t.Errorf("the events after the bookmark are %v", got)
		}
	},
	"a watch ends with its context and with the store": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		w := must(r.things.Watch(t.Context(), "", 0))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v, want that the context was canceled", err)
		}
		r.stop()
		if _, err := w.Next(within(t)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the error is %v, want ErrUnavailable", err)
		}
	},
}

// lastKey is written when there is no more to come.
const lastKey = "last"

// churn makes n commits at random, then lastKey, and says in the order of events
// what they were. It returns early, with too little, if a commit fails.
func churn(ctx context.Context, r *replica, n int) []string {
	var written []string
	random := rand.New(rand.NewPCG(1, 2))
	exists := map[string]bool{}
	for i := range n {
		var ops []op
		var events []string
		for _, which := range random.Perm(5)[:1+random.IntN(3)] {
			key := fmt.Sprintf("k%d", which)
			switch remove := random.IntN(3) == 0; {
			case remove && exists[key]:
				ops, exists[key] = append(ops, r.things.Remove(key)), false
				events = append(events, "deleted "+key)
			case !remove:
				ops, exists[key] = append(ops, r.things.Put(key, text("%d", i))), true
				events = append(events, fmt.Sprintf("put %s %d", key, i))
			}
		}
		// Within a transaction, events come in the order of their keys.
		slices.SortFunc(events, func(a, b string) int {
			return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1])
		})
		ops = append(ops, r.others.Put("noise", text("%d", i)))
		revision, err := r.Commit(ctx, nil, ops)
		if err != nil {
			return append(written, err.Error())
		}
		for _, event := range events {
			written = append(written, fmt.Sprintf("%d %s", revision, event))
		}
	}
	revision, err := r.Commit(ctx, nil, []op{r.things.Put(lastKey, text(""))})
	return append(written, fmt.Sprintf("%d put %s %v", revision, lastKey, orEmpty(err)))
}

func orEmpty(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// watchOn follows one watch until lastKey.
func watchOn(ctx context.Context, replicas []*replica, from int64) ([]string, error) {
	w, err := replicas[1].things.Watch(ctx, "", from)
	if err != nil {
		return nil, err
	}
	var seen []string
	for !ended(seen) {
		events, err := w.Next(ctx)
		if err != nil {
			return nil, err
		}
		seen = append(seen, describe(events)...)
	}
	return seen, nil
}

// watchInPieces resumes the watch on the other replica after every Next.
func watchInPieces(ctx context.Context, replicas []*replica, from int64) ([]string, error) {
	var seen []string
	for i := 0; !ended(seen); i++ {
		w, err := replicas[i%2].things.Watch(ctx, "", from)
		if err != nil {
			return nil, err
		}
		events, err := w.Next(ctx)
		if err != nil {
			return nil, err
		}
		seen, from = append(seen, describe(events)...), w.Revision()
	}
	return seen, nil
}

func ended(seen []string) bool {
	return len(seen) > 0 && strings.Contains(seen[len(seen)-1], "put "+lastKey)
}

func describe(events []event) []string {
	var all []string
	for _, event := range events {
		switch {
		case event.Object != nil:
			all = append(all, fmt.Sprintf("%d put %s %s", event.Revision, event.Key, content(event.Object)))
		case event.Key != "":
			all = append(all, fmt.Sprintf("%d deleted %s", event.Revision, event.Key))
		}
	}
	return all
}

func content(o *store.Object[value]) string {
	if o == nil {
		return "nothing"
	}
	return o.Value().GetValue()
}
