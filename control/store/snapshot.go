package store

import (
	"strings"

	"github.com/google/btree"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// Object is a message as etcd holds it.
type Object[T proto.Message] struct {
	Key string
	// Value is shared by everyone who reads the object and must not be changed;
	// clone it first.
	Value T
	// Revision is etcd's revision of the last change of the object. It says
	// which version of the object this is, and no two versions share it.
	Revision int64
	// CreateRevision is the revision at which the object came to be. It is
	// another one after the object was deleted and created again.
	CreateRevision int64
	// Lease is what the object goes with when it ends; 0 for none.
	Lease clientv3.LeaseID
}

// Index finds the objects of a collection by something other than their key.
type Index[T proto.Message] struct {
	Name string
	// Values gives what the object is found by. It must depend on nothing but
	// its arguments.
	Values func(key string, value T) []string
}

// Snapshot is a collection as it was at one moment. It never changes, and
// keeping it costs only what has changed since.
type Snapshot[T proto.Message] struct {
	revision int64
	names    map[string]int // of the indexes: the position in trees.indexes
	trees[T]
}

// trees hold the objects of a collection, by key and by each index. Clones share
// what neither side has changed since.
type trees[T proto.Message] struct {
	objects *btree.BTreeG[entry[T]]
	indexes []*btree.BTreeG[posting[T]]
}

type entry[T proto.Message] struct {
	key    string
	object *Object[T]
}

type posting[T proto.Message] struct {
	value, key string
	object     *Object[T]
}

// degree makes nodes of up to 63 items: few enough that copying the ones on the
// way to a leaf, which every published change costs, stays around a kilobyte.
const degree = 32

func newTrees[T proto.Message](indexes int) trees[T] {
	t := trees[T]{objects: btree.NewG(degree, func(a, b entry[T]) bool { return a.key < b.key })}
	for range indexes {
		t.indexes = append(t.indexes, btree.NewG(degree, func(a, b posting[T]) bool {
			if order := strings.Compare(a.value, b.value); order != 0 {
				return order < 0
			}
			return a.key < b.key
		}))
	}
	return t
}

func (t trees[T]) clone() trees[T] {
	c := trees[T]{objects: t.objects.Clone(), indexes: make([]*btree.BTreeG[posting[T]], len(t.indexes))}
	for i, index := range t.indexes {
		c.indexes[i] = index.Clone()
	}
	return c
}

// put makes o the object of its key and returns the one before, if any.
func (t trees[T]) put(o *Object[T], indexes []Index[T]) *Object[T] {
	old, _ := t.objects.ReplaceOrInsert(entry[T]{o.Key, o})
	t.unpost(old.object, indexes)
	for i, index := range indexes {
		for _, value := range index.Values(o.Key, o.Value) {
			t.indexes[i].ReplaceOrInsert(posting[T]{value, o.Key, o})
		}
	}
	return old.object
}

// remove takes the object of the key out and returns it, if there was one.
func (t trees[T]) remove(key string, indexes []Index[T]) *Object[T] {
	old, _ := t.objects.Delete(entry[T]{key: key})
	t.unpost(old.object, indexes)
	return old.object
}

func (t trees[T]) unpost(o *Object[T], indexes []Index[T]) {
	if o == nil {
		return
	}
	for i, index := range indexes {
		for _, value := range index.Values(o.Key, o.Value) {
			t.indexes[i].Delete(posting[T]{value: value, key: o.Key})
		}
	}
}

// Revision is the one that the collection last changed at, or that it was loaded
// at. A Watch from it sees everything that came after the snapshot.
func (s *Snapshot[T]) Revision() int64 { return s.revision }

// Get gives the object of the key.
func (s *Snapshot[T]) Get(key string) (Object[T], bool) {
	found, ok := s.objects.Get(entry[T]{key: key})
	if !ok {
		return Object[T]{}, false
	}
	return *found.object, true
}

// Under gives the objects under the path, ordered by key.
func (s *Snapshot[T]) Under(path string) []Object[T] {
	var objects []Object[T]
	s.each(path, func(o *Object[T]) { objects = append(objects, *o) })
	return objects
}

// ByIndex gives the objects that the index has the value for, ordered by key. It
// panics if the collection has no such index.
func (s *Snapshot[T]) ByIndex(index, value string) []Object[T] {
	at, ok := s.names[index]
	if !ok {
		panic("store: no index is named " + index)
	}
	var objects []Object[T]
	s.indexes[at].AscendGreaterOrEqual(posting[T]{value: value}, func(p posting[T]) bool {
		if p.value != value {
			return false
		}
		objects = append(objects, *p.object)
		return true
	})
	return objects
}

func (s *Snapshot[T]) each(path string, visit func(*Object[T])) {
	all := spanOf(path)
	step := func(e entry[T]) bool {
		visit(e.object)
		return true
	}
	if all.to == "" {
		s.objects.Ascend(step)
		return
	}
	s.objects.AscendRange(entry[T]{key: all.from}, entry[T]{key: all.to}, step)
}
