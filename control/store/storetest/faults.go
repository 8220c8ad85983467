package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/internal/await"
)

var faults = map[string]func(t *testing.T, client *clientv3.Client){
	"a watch that was cut goes on where it was": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		gate := newGate(client)
		near, far := start(t, client, prefix), start(t, gate.client, prefix)
		w := must(far.things.Watch(t.Context(), "", 0))
		var want []string
		for n := range 20 {
			if n%5 == 2 {
				gate.cut()
			}
			key := fmt.Sprintf("k%02d", n)
			must(near.things.Create(t.Context(), key, text("x")))
			want = append(want, key)
			if n%5 == 4 {
				gate.restore()
			}
		}
		var got []string
		for len(got) < len(want) {
			for _, event := range must(w.Next(within(t))) {
				got = append(got, event.Key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"what happened while the watch was cut and then was compacted is loaded": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		gate := newGate(client)
		near, far := start(t, client, prefix), start(t, gate.client, prefix)
		must(near.things.Create(t.Context(), "kept", text("x")))
		must(near.things.Create(t.Context(), "changed", text("red")))
		must(near.things.Create(t.Context(), "deleted", text("red")))
		recreated := must(near.things.Create(t.Context(), "recreated", text("red")))
		must(far.things.List(t.Context(), ""))
		feed := follow(t, far.things, "")
		expectNext(t, feed, "changed", "deleted", "kept", "recreated")
		w := must(far.things.Watch(t.Context(), "", 0))

		gate.cut()
		must(near.things.Modify(t.Context(), "changed", func(value) (value, error) { return text("blue"), nil }))
		for _, key := range []string{"deleted", "recreated"} {
			if err := near.things.Delete(t.Context(), key, 0); err != nil {
				t.Fatal(err)
			}
		}
		must(near.things.Create(t.Context(), "recreated", text("red")))
		last := must(near.things.Create(t.Context(), "new", text("blue")))
		must(client.Compact(t.Context(), last.Revision))
		gate.restore()

		got := keys(must(far.things.List(t.Context(), "")))
		if diff := cmp.Diff([]string{"changed", "kept", "new", "recreated"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		expectIndex(t, far, map[string][]string{"red": {"recreated"}, "blue": {"changed", "new"}})
		expectNext(t, feed, "changed", "deleted", "new", "recreated")
		if _, err := w.Next(within(t)); !errors.Is(err, store.ErrTooOld) {
			t.Errorf("a watch that misses events goes on, or ends with %v", err)
		}
		if _, err := far.things.Watch(t.Context(), "", recreated.Revision); !errors.Is(err, store.ErrTooOld) {
			t.Errorf("a watch from before the gap is not refused: %v", err)
		}
		must(near.things.Create(t.Context(), "later", text("x")))
		must(far.things.Get(t.Context(), "later"))
	},
	"what cannot be read is as if it were not there, and harms nothing else": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		r := start(t, client, prefix)
		must(r.things.Create(t.Context(), "a", text("x")))
		must(r.things.Create(t.Context(), "b", text("x")))
		must(client.Put(t.Context(), prefix+"/things/a", "\xff\xff not a message"))
		for name, replica := range map[string]*replica{"a replica that was there": r, "a new one": start(t, client, prefix)} {
			if got := keys(must(replica.things.List(t.Context(), ""))); !cmp.Equal(got, []string{"b"}) {
				t.Errorf("%s has %v", name, got)
			}
		}
	},
	"a healthy store says so": func(t *testing.T, client *clientv3.Client) {
		if err := start(t, client, newPrefix()).Healthy(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"a store whose cache is behind says so, and is well again afterwards": func(t *testing.T, client *clientv3.Client) {
		gate := newGate(client)
		r := start(t, gate.client, newPrefix())
		gate.cut()
		must(client.Put(t.Context(), "/storetest-elsewhere", "x"))
		await.Success(t, "the store to say that its cache is behind", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			err := r.Healthy(ctx)
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("the error is %v, want ErrUnavailable", err)
			}
			if !strings.Contains(err.Error(), "behind") { // etcd has not answered yet
				return err
			}
			return nil
		})
		gate.restore()
		await.Until(t, "the store is healthy", func() bool { return r.Healthy(t.Context()) == nil })
	},
}
