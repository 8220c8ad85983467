package store

import (
	"cmp"
	"maps"
	"slices"
)

// Change is what one transaction did to the objects of one key, as a view of
// them shows it.
type Change[V any] struct {
	Key           string
	Before, After V
	Revision      int64
	// Index counts the keys that the transaction touched in the scopes, in order,
	// from 1.
	Index int
	// Last is true for the last key of the transaction.
	Last bool
}

// Replay gives the changes of a batch in order. view makes of the objects of a
// key, in any collections, what the caller wants to know of them. It is called
// with readers that give single objects as of right before and right after each
// change; what it reads of other keys, by path or by index may be newer. A reader
// is good for the call only.
func Replay[V any](b Batch, view func(at Reader, key string) V) []Change[V] {
	if b.Empty() {
		return nil
	}
	// From the snapshot after the batch, transaction by transaction backwards:
	// what a transaction changed is put back to what was there before it.
	at := &Snapshot{tables: b.after.tables, restored: maps.Clone(b.after.restored)}
	if at.restored == nil {
		at.restored = map[ref]any{}
	}
	var out []Change[V]
	for _, t := range slices.Backward(b.transactions) {
		at.revision = t.revision
		out = append(out, replayOne(t, at, view)...)
	}
	slices.Reverse(out)
	return out
}

// replayOne gives the changes of a transaction, the last key first.
func replayOne[V any](t transaction, at *Snapshot, view func(Reader, string) V) []Change[V] {
	changes := slices.Clone(t.changes)
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.key, b.key) })
	var out []Change[V]
	for end := len(changes); end > 0; {
		key := changes[end-1].key
		start := end - 1
		for start > 0 && changes[start-1].key == key {
			start--
		}
		c := Change[V]{Key: key, After: view(at, key), Revision: t.revision, Last: end == len(changes)}
		for _, undone := range changes[start:end] {
			at.restored[undone.ref] = undone.before
		}
		c.Before = view(at, key)
		out = append(out, c)
		end = start
	}
	for i := range out {
		out[i].Index = len(out) - i
	}
	return out
}
