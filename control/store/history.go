package store

import "sort"

// change is what a transaction did to one object. before and after are
// *Object[T] of the collection, nil where there is no object.
type change struct {
	ref
	before, after any
}

// transaction is all that happened at one revision of etcd. The group commit may
// have put the writes of several callers into it.
type transaction struct {
	revision int64
	changes  []change
	bytes    int // about what it keeps in memory
}

// history is the latest transactions, in order, for all watches. It is bounded by
// the number of changes and by bytes, and always keeps the last transaction.
// Transactions are numbered from 0; first is the number of the oldest one held.
type history struct {
	maxChanges, maxBytes int

	held           []transaction
	first          uint64
	changes, bytes int
	floor          int64 // every transaction after this revision is held
	era            int   // counts resets, across which nothing is continuous
}

func (h *history) reset(floor int64) {
	*h = history{maxChanges: h.maxChanges, maxBytes: h.maxBytes, first: h.next(), floor: floor, era: h.era + 1}
}

func (h *history) next() uint64 { return h.first + uint64(len(h.held)) }

func (h *history) append(t transaction) {
	h.held = append(h.held, t)
	h.changes += len(t.changes)
	h.bytes += t.bytes
	drop := 0
	for drop < len(h.held)-1 && (h.changes > h.maxChanges || h.bytes > h.maxBytes) {
		oldest := &h.held[drop]
		h.changes -= len(oldest.changes)
		h.bytes -= oldest.bytes
		h.floor = oldest.revision
		*oldest = transaction{}
		drop++
	}
	h.held = h.held[drop:]
	h.first += uint64(drop)
}

// after gives the number of the first transaction after the revision, if all
// since then are held.
func (h *history) after(revision int64) (uint64, bool) {
	if revision < h.floor {
		return 0, false
	}
	skip := sort.Search(len(h.held), func(i int) bool { return h.held[i].revision > revision })
	return h.first + uint64(skip), true
}

// since gives the transactions from the number on, if they are held.
func (h *history) since(number uint64) ([]transaction, bool) {
	if number < h.first {
		return nil, false
	}
	return h.held[number-h.first:], true
}
