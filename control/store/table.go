package store

import (
	"strings"

	"github.com/tidwall/btree"
	"google.golang.org/protobuf/proto"
)

// table is the objects of one collection at one revision, whatever their type.
// Objects are passed as *Object[T] in an interface; nil stands for none.
type table interface {
	// fork gives a copy that can be changed; what neither side changes is shared.
	fork() table
	// put makes the object the one of its key and returns the one before.
	put(object any) (before any)
	// remove takes the object of the key out and returns it.
	remove(key string) (before any)
	// get gives the object of the key.
	get(key string) any
	// keys visits the keys in the span in order until visit returns false.
	keys(in span, visit func(key string, revision int64) bool)
}

// tree is the table of a collection.
type tree[T proto.Message] struct {
	of      *Collection[T]
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

// degree makes nodes of up to 31 items: a published change copies the nodes on
// the way to a leaf, which stays around a kilobyte each.
const degree = 16

func newTree[T proto.Message](of *Collection[T]) *tree[T] {
	options := btree.Options{Degree: degree, NoLocks: true}
	t := &tree[T]{
		of:      of,
		objects: btree.NewBTreeGOptions(func(a, b entry[T]) bool { return a.key < b.key }, options),
	}
	for range of.indexes {
		t.indexes = append(t.indexes, btree.NewBTreeGOptions(func(a, b posting[T]) bool {
			if order := strings.Compare(a.value, b.value); order != 0 {
				return order < 0
			}
			return a.key < b.key
		}, options))
	}
	return t
}

func (t *tree[T]) fork() table {
	forked := &tree[T]{of: t.of, objects: t.objects.Copy()}
	if len(t.indexes) > 0 {
		forked.indexes = make([]*btree.BTreeG[posting[T]], len(t.indexes))
	}
	for i, index := range t.indexes {
		forked.indexes[i] = index.Copy()
	}
	return forked
}

func (t *tree[T]) put(object any) any {
	o := object.(*Object[T])
	before, _ := t.objects.Set(entry[T]{o.Key, o})
	t.unindex(before.object)
	for i, index := range t.of.indexes {
		for _, value := range index.Values(o.Key, o.Head()) {
			t.indexes[i].Set(posting[T]{value, o.Key, o})
		}
	}
	return orNil(before.object)
}

func (t *tree[T]) remove(key string) any {
	before, _ := t.objects.Delete(entry[T]{key: key})
	t.unindex(before.object)
	return orNil(before.object)
}

func (t *tree[T]) unindex(o *Object[T]) {
	if o == nil {
		return
	}
	for i, index := range t.of.indexes {
		for _, value := range index.Values(o.Key, o.Head()) {
			t.indexes[i].Delete(posting[T]{value: value, key: o.Key})
		}
	}
}

func (t *tree[T]) get(key string) any {
	found, _ := t.objects.Get(entry[T]{key: key})
	return orNil(found.object)
}

func (t *tree[T]) keys(in span, visit func(string, int64) bool) {
	t.each(in, func(o *Object[T]) bool { return visit(o.Key, o.Revision) })
}

// each visits the objects in the span in the order of their keys.
func (t *tree[T]) each(in span, visit func(*Object[T]) bool) {
	t.objects.Ascend(entry[T]{key: in.from}, func(e entry[T]) bool {
		return in.contains(e.key) && visit(e.object)
	})
}

// rank counts the objects before the key. It is a binary search by position, of
// which each step costs the height of the tree.
func (t *tree[T]) rank(key string) int {
	low, high := 0, t.objects.Len()
	for low < high {
		middle := int(uint(low+high) >> 1)
		if e, _ := t.objects.GetAt(middle); e.key < key {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// bounds are the positions of the first object in the span and of the first one
// behind it.
func (t *tree[T]) bounds(in span) (first, end int) {
	if in.to == "" {
		return 0, t.objects.Len()
	}
	return t.rank(in.from), t.rank(in.to)
}

// orNil is an untyped nil where there is no object.
func orNil[T proto.Message](o *Object[T]) any {
	if o == nil {
		return nil
	}
	return o
}
