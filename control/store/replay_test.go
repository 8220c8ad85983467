package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
)

// TestReplayShowsEveryMoment follows two collections by a view of both, and
// compares what it shows before and after each change with a model that sees one
// transaction after the other.
func TestReplayShowsEveryMoment(t *testing.T) {
	s := store.New(storetest.Etcd(t), "/replay", quiet)
	specs := store.NewCollection[*wrapperspb.StringValue](s, "specs")
	statuses := store.NewCollection[*wrapperspb.StringValue](s, "statuses")
	storetest.Start(t, s)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		root := fmt.Sprintf("run%d", run)
		w, err := s.Watch(t.Context(), 0, specs.Scope(root), statuses.Scope(root))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		type both struct{ spec, status string }
		model := map[string]both{}
		var want []string
		for n := range rapid.IntRange(1, 12).Draw(t, "transactions") {
			touched := map[string]both{}
			_, err := s.Update(t.Context(), func(tx *store.Tx) error {
				touched = map[string]both{}
				for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID[string]).Draw(t, "keys") {
					key, now := root+"/"+name, model[name]
					if rapid.Bool().Draw(t, "spec") {
						now.spec = fmt.Sprint(n)
						specs.Put(tx, key, wrapperspb.String(now.spec))
					} else if now.spec != "" {
						now.spec = ""
						specs.Delete(tx, key)
					}
					if rapid.Bool().Draw(t, "status") {
						now.status = fmt.Sprint(n)
						statuses.Put(tx, key, wrapperspb.String(now.status))
					}
					if now != model[name] {
						touched[name] = now
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			names := []string{}
			for name := range touched {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				want = append(want, fmt.Sprintf("%s: %v -> %v", name, model[name], touched[name]))
				model[name] = touched[name]
			}
		}
		if _, err := s.View(t.Context()); err != nil {
			t.Fatal(err)
		}
		batch, err := w.Read()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range store.Replay(batch, func(at store.Reader, key string) both {
			return both{specs.In(at).Get(key).Message().GetValue(), statuses.In(at).Get(key).Message().GetValue()}
		}) {
			got = append(got, fmt.Sprintf("%s: %v -> %v", strings.TrimPrefix(c.Key, root+"/"), c.Before, c.After))
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Fatalf("(-model +replay):\n%s", difference)
		}
	})
}
