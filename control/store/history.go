package store

import (
	"sort"

	"google.golang.org/protobuf/proto"
)

// EventType says what an Event is about.
type EventType int

const (
	// Put is the creation or change of an object.
	Put EventType = iota + 1
	// Deleted is the end of an object.
	Deleted
	// Bookmark is no change: it says that there was none up to the revision.
	Bookmark
)

// Event is one change in a collection.
type Event[T proto.Message] struct {
	Type     EventType
	Key      string     // empty in a bookmark
	Object   *Object[T] // after a Put; else nil
	Previous *Object[T] // before; nil if there was none
	Revision int64
}

// history holds the latest events of a collection, in order, for all of its
// watchers. Events are numbered from 0; first and next bound the ones held.
type history[T proto.Message] struct {
	limit       int
	ring        []Event[T] // event n is at n modulo limit
	first, next uint64
	floor       int64 // every event after this revision is held
	era         int   // counts resets, across which nothing is continuous
}

func (h *history[T]) reset(floor int64) {
	*h = history[T]{limit: h.limit, floor: floor, era: h.era + 1}
}

func (h *history[T]) append(event Event[T]) {
	if len(h.ring) < h.limit {
		h.ring = append(h.ring, event)
		h.next++
		return
	}
	oldest := h.at(h.first)
	h.floor = oldest.Revision
	h.first++
	*oldest = event
	h.next++
}

func (h *history[T]) at(n uint64) *Event[T] { return &h.ring[n%uint64(h.limit)] }

// after gives the number of the first event after the revision, if all since
// then are held.
func (h *history[T]) after(revision int64) (uint64, bool) {
	if revision < h.floor {
		return 0, false
	}
	held := int(h.next - h.first)
	skip := sort.Search(held, func(i int) bool { return h.at(h.first+uint64(i)).Revision > revision })
	return h.first + uint64(skip), true
}
