package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"github.com/openweir/weir/control/store"
)

var models = map[string]func(t *testing.T, client *clientv3.Client){
	"after any operations every replica is as a map would be": func(t *testing.T, client *clientv3.Client) {
		prefix := newPrefix()
		gate := newGate(client)
		replicas := []*replica{start(t, client, prefix), start(t, gate.client, prefix)}
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			m := &model{replicas: replicas, gate: gate, root: fmt.Sprintf("run%d", run), objects: map[string]object{}}
			t.Repeat(map[string]func(*rapid.T){
				"create": m.create, "update": m.update, "modify": m.modify, "delete": m.delete,
				"remove under": m.removeUnder, "interrupt": m.interrupt, "": m.check,
			})
		})
	},
}

// model is what a collection should hold under root.
type model struct {
	replicas []*replica
	gate     *gate // of the second replica
	root     string
	objects  map[string]object
}

type object struct {
	content           string
	revision, created int64
}

var (
	someKey  = rapid.SampledFrom([]string{"a", "a/b", "a/b/c", "a-b", "ab/c", "b"})
	someText = rapid.SampledFrom([]string{"", "red", "blue", "red blue", "red red"})
)

func (m *model) any(t *rapid.T) *replica { return rapid.SampledFrom(m.replicas).Draw(t, "replica") }
func (m *model) key(t *rapid.T) string   { return m.root + "/" + someKey.Draw(t, "key") }

func (m *model) create(t *rapid.T) { m.createOn(t, m.any(t)) }

func (m *model) createOn(t *rapid.T, r *replica) {
	key, content := m.key(t), someText.Draw(t, "content")
	o, err := r.things.Create(t.Context(), key, text("%s", content))
	if _, taken := m.objects[key]; taken {
		expectError(t, err, store.ErrExists)
		return
	}
	m.wrote(t, o, content, err)
}

func (m *model) update(t *rapid.T) {
	key, content := m.key(t), someText.Draw(t, "content")
	old, there := m.objects[key]
	stale := rapid.Bool().Draw(t, "stale")
	revision := old.revision
	if stale {
		revision--
	}
	o, err := m.any(t).things.Update(t.Context(), key, revision, text("%s", content))
	switch {
	case !there:
		expectError(t, err, store.ErrNotFound)
	case stale:
		expectError(t, err, store.ErrConflict)
	default:
		m.wrote(t, o, content, err)
	}
}

func (m *model) modify(t *rapid.T) {
	key, content := m.key(t), someText.Draw(t, "content")
	old, there := m.objects[key]
	o, err := m.any(t).things.Modify(t.Context(), key, func(v value) (value, error) {
		v.Value = content
		return v, nil
	})
	switch {
	case !there:
		expectError(t, err, store.ErrNotFound)
	case old.content == content:
		if err != nil || o.Revision != old.revision {
			t.Fatalf("modify to the same went from %d to %d (%v)", old.revision, o.Revision, err)
		}
	default:
		m.wrote(t, o, content, err)
	}
}

func (m *model) delete(t *rapid.T) {
	key := m.key(t)
	old, there := m.objects[key]
	revision := rapid.SampledFrom([]int64{0, old.revision, old.revision + 1}).Draw(t, "revision")
	err := m.any(t).things.Delete(t.Context(), key, revision)
	switch {
	case !there:
		expectError(t, err, store.ErrNotFound)
	case revision == old.revision+1:
		expectError(t, err, store.ErrConflict)
	case err != nil:
		t.Fatal(err)
	default:
		delete(m.objects, key)
	}
}

func (m *model) removeUnder(t *rapid.T) {
	path := m.key(t)
	r := m.any(t)
	if _, err := r.Commit(t.Context(), nil, []op{r.things.RemoveUnder(path)}); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(m.objects, func(key string, _ object) bool { return strings.HasPrefix(key, path+"/") })
}

// interrupt cuts the watch of the second replica during a write on the first, and
// half of the time compacts the history that the second would need to go on. On
// the second, a write that is refused would wait for the watch.
func (m *model) interrupt(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "patience") > 0 {
		return // it takes long, compared with the rest
	}
	m.gate.cut()
	m.createOn(t, m.replicas[0])
	if rapid.Bool().Draw(t, "compact") {
		header, err := m.gate.client.Get(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		// Another run may have compacted as far already.
		_, _ = m.gate.client.Compact(t.Context(), header.Header.Revision)
	}
	m.gate.restore()
}

func (m *model) wrote(t *rapid.T, o *store.Object[value], content string, err error) {
	if err != nil {
		t.Fatal(err)
	}
	created := o.Revision
	if old, there := m.objects[o.Key]; there {
		created = old.created
	}
	m.objects[o.Key] = object{content: content, revision: o.Revision, created: created}
}

func (m *model) check(t *rapid.T) {
	r := m.any(t)
	listed, err := r.things.List(t.Context(), m.root)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]object{}
	for _, o := range listed {
		got[o.Key] = object{o.Value().GetValue(), o.Revision, o.CreateRevision}
	}
	if diff := cmp.Diff(m.objects, got, cmp.AllowUnexported(object{})); diff != "" {
		t.Fatalf("the list is not the model (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(keys(listed)) {
		t.Fatalf("the list is not in order: %v", keys(listed))
	}
	m.checkIndex(t, r, "red")
	m.checkIndex(t, r, "blue")
}

func (m *model) checkIndex(t *rapid.T, r *replica, word string) {
	want := []string{}
	for key, o := range m.objects {
		if strings.Contains(o.content, word) {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	found, err := r.things.ListByIndex(t.Context(), "word", word)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(keys(found), func(key string) bool { return !strings.HasPrefix(key, m.root+"/") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("by %q (-want +got):\n%s", word, diff)
	}
}

func expectError(t *rapid.T, err, want error) {
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, want %v", err, want)
	}
}
