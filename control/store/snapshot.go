package store

import (
	"iter"

	"google.golang.org/protobuf/proto"
)

// Snapshot is every collection as of one revision. It never changes, and keeping
// it costs only what has changed since.
type Snapshot struct {
	revision int64
	tables   []table // by the number of the collection
	// restored are objects of an earlier revision in the place of those in the
	// tables; see Replay.
	restored map[ref]any
}

// ref names an object of any collection.
type ref struct {
	collection int
	key        string
}

// Reader is what collections are read from: a Snapshot, or a Tx, which reads from
// the snapshot that it began with.
type Reader interface{ snapshot() *Snapshot }

func (s *Snapshot) snapshot() *Snapshot { return s }

// Revision is etcd's revision that the snapshot is complete up to. A Watch from
// it sees everything that came after the snapshot.
func (s *Snapshot) Revision() int64 { return s.revision }

// Table is a collection as of the revision of a Reader.
type Table[T proto.Message] struct {
	*tree[T]
	at *Snapshot
}

// In gives the collection as of the revision of the reader. Reading from a Tx in
// this way adds no condition to it.
func (c *Collection[T]) In(r Reader) Table[T] {
	at := r.snapshot()
	return Table[T]{at.tables[c.number].(*tree[T]), at}
}

// Same is true if nothing has changed in the collection between two readers. It compares
// what they share, and costs nothing.
func (c *Collection[T]) Same(a, b Reader) bool {
	one, other := a.snapshot(), b.snapshot()
	return one.tables[c.number] == other.tables[c.number] && one.restored == nil && other.restored == nil
}

// Get gives the object of the key, nil if there is none.
func (t Table[T]) Get(key string) *Object[T] {
	if t.at.restored != nil {
		if object, restored := t.at.restored[ref{t.of.number, key}]; restored {
			o, _ := object.(*Object[T])
			return o
		}
	}
	found, _ := t.objects.Get(entry[T]{key: key})
	return found.object
}

// Under gives the objects under the path in the order of their keys.
func (t Table[T]) Under(path string) iter.Seq[*Object[T]] {
	return func(yield func(*Object[T]) bool) { t.each(spanOf(path), yield) }
}

// Count is how many objects there are under the path. It does not visit them.
func (t Table[T]) Count(path string) int {
	first, end := t.bounds(spanOf(path))
	return end - first
}

// Range gives the objects under the path that are at the positions from up to,
// but not including, to in the order of their keys. It does not visit the others.
func (t Table[T]) Range(path string, from, to int) []*Object[T] {
	first, end := t.bounds(spanOf(path))
	from, to = min(first+from, end), min(first+to, end)
	objects := make([]*Object[T], 0, max(to-from, 0))
	if from >= to {
		return objects
	}
	start, _ := t.objects.GetAt(from)
	t.objects.Ascend(start, func(e entry[T]) bool {
		objects = append(objects, e.object)
		return len(objects) < cap(objects)
	})
	return objects
}

// By gives the objects that the index has the value for, in the order of their
// keys. It panics if the collection has no such index.
func (t Table[T]) By(index, value string) iter.Seq[*Object[T]] {
	at := t.of.indexNumber(index)
	return func(yield func(*Object[T]) bool) {
		t.indexes[at].Ascend(posting[T]{value: value}, func(p posting[T]) bool {
			return p.value == value && yield(p.object)
		})
	}
}
