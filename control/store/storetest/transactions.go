package storetest

import (
	"errors"
	"fmt"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/openweir/weir/control/store"
)

var transactions = map[string]func(t *testing.T, client *clientv3.Client){
	"all ops happen at one revision": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		must(r.things.Create(t.Context(), "old", text("x")))
		revision, err := r.Commit(t.Context(), nil, []op{
			r.things.Put("a", text("one")), r.others.Put("b", text("two")), r.things.Remove("old"),
		})
		if err != nil {
			t.Fatal(err)
		}
		a, b := must(r.things.Get(t.Context(), "a")), must(r.others.Get(t.Context(), "b"))
		if a.Revision != revision || b.Revision != revision {
			t.Errorf("committed at %d, the objects are at %d and %d", revision, a.Revision, b.Revision)
		}
		if _, err := r.things.Get(t.Context(), "old"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what was removed is there (%v)", err)
		}
	},
	"an update from a revision reads what was written up to it": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		near, far := start(t, client, prefix), start(t, client, prefix)
		for i := range 20 {
			key := store.Key("k", fmt.Sprint(i))
			revision := must(near.Commit(t.Context(), nil, []op{near.things.Put(key, text("one"))}))
			for _, r := range []*replica{near, far} {
				seen := false
				at, err := r.UpdateFrom(t.Context(), revision, func(tx *store.Tx) error {
					seen = r.things.Peek(tx, key) != nil
					return nil
				})
				if err != nil || !seen || at < revision {
					t.Fatalf("after the commit at %d, the update at %d sees the object: %t (%v)", revision, at, seen, err)
				}
			}
		}
	},
	"nothing happens unless all conditions hold": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		there := must(r.things.Create(t.Context(), "dir/there", text("x")))
		lease := must(client.Grant(t.Context(), 60)).ID
		must(r.Commit(t.Context(), nil, []op{r.things.PutLeased("leased", text("x"), lease)}))
		for name, test := range map[string]struct {
			cond  cond
			holds bool
		}{
			"unchanged":                        {r.things.Unchanged("dir/there", there.Revision), true},
			"unchanged, but changed":           {r.things.Unchanged("dir/there", there.Revision-1), false},
			"unchanged, but gone":              {r.things.Unchanged("gone", there.Revision), false},
			"absent":                           {r.things.Absent("gone"), true},
			"absent, but there":                {r.things.Absent("dir/there"), false},
			"present":                          {r.things.Present("dir/there"), true},
			"present, but gone":                {r.things.Present("gone"), false},
			"empty":                            {r.things.EmptyUnder("dir/empty"), true},
			"empty beside one that is not":     {r.things.EmptyUnder("di"), true},
			"empty under an object itself":     {r.things.EmptyUnder("dir/there"), true},
			"empty, but not":                   {r.things.EmptyUnder("dir"), false},
			"the whole collection empty":       {r.others.EmptyUnder(""), true},
			"the whole collection, but is not": {r.things.EmptyUnder(""), false},
			"held":                             {r.things.HeldBy("leased", lease), true},
			"held, but by another":             {r.things.HeldBy("leased", lease+1), false},
			"held, but by none":                {r.things.HeldBy("dir/there", lease), false},
			"held, but gone":                   {r.things.HeldBy("gone", lease), false},
		} {
			t.Run(name, func(t *testing.T) {
				out := store.Key("out", name)
				_, err := r.Commit(t.Context(), []cond{test.cond, r.things.Present("dir/there")},
					[]op{r.things.Put(out, text("x"))})
				_, missing := r.things.Get(t.Context(), out)
				switch {
				case test.holds && (err != nil || missing != nil):
					t.Errorf("commit gave %v and then get %v", err, missing)
				case !test.holds && (!errors.Is(err, store.ErrConflict) || !errors.Is(missing, store.ErrNotFound)):
					t.Errorf("commit gave %v and then get %v, want ErrConflict and ErrNotFound", err, missing)
				}
			})
		}
	},
	"remove under a path ends its descendants only": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		for _, key := range []string{"prod", "prod/a", "prod/a/b", "prod2/a"} {
			must(r.things.Create(t.Context(), key, text("x")))
		}
		must(r.Commit(t.Context(), nil, []op{r.things.RemoveUnder("prod")}))
		got := keys(must(r.things.List(t.Context(), "")))
		if fmt.Sprint(got) != "[prod prod2/a]" {
			t.Errorf("left are %v", got)
		}
	},
	"one key cannot be touched twice": func(t *testing.T, client *clientv3.Client) {
		r := start(t, client, newPrefix())
		if _, err := r.Commit(t.Context(), nil, []op{r.things.Put("a", text("x")), r.things.Put("a", text("y"))}); err == nil {
			t.Error("it was")
		}
	},
	"a parent that goes only when empty never goes from over a child": emptyUnderRace,
}

// emptyUnderRace has one replica delete a parent on condition that it has no
// children, while another creates a child on condition that the parent is there.
func emptyUnderRace(t *testing.T, client *clientv3.Client) {
	prefix := newPrefix()
	a, b := start(t, client, prefix), start(t, client, prefix)
	outcomes := map[string]int{}
	for round := range 50 {
		parent := fmt.Sprintf("parent%d", round)
		child := store.Key(parent, "child")
		must(a.things.Create(t.Context(), parent, text("x")))
		errs := together(2, func(i int) error {
			if i == 0 {
				_, err := a.Commit(t.Context(), []cond{a.others.EmptyUnder(parent)}, []op{a.things.Remove(parent)})
				return err
			}
			_, err := b.Commit(t.Context(), []cond{b.things.Present(parent), b.others.Absent(child)},
				[]op{b.others.Put(child, text("x"))})
			return err
		})
		expectOneWinner(t, errs, store.ErrConflict)
		_, noParent := a.things.Get(t.Context(), parent)
		_, noChild := a.others.Get(t.Context(), child)
		if noParent != nil && noChild == nil {
			t.Fatalf("in round %d the child is without its parent", round)
		}
		outcomes[fmt.Sprintf("parent kept: %t", noParent == nil)]++
	}
	t.Logf("outcomes: %v", outcomes)
}
