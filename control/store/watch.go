package store

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
)

// readAhead is how many events Next returns at most, but for those of the last
// revision, which are never divided.
const readAhead = 256

// Watch is every change under a path, in order. It holds nothing that must be
// released. One goroutine at a time may use it.
type Watch[T proto.Message] struct {
	c        *Collection[T]
	under    span
	era      int
	next     uint64 // number of the next event in the history
	revision int64
}

// Watch gives every event under the path after the revision: that of a Snapshot
// or of a former Watch, or 0 for now. It fails with ErrTooOld if not all of them
// are known any more.
func (c *Collection[T]) Watch(ctx context.Context, under string, after int64) (*Watch[T], error) {
	// A revision that another replica gave may be ahead of this one's cache, and
	// one that is ahead even of etcd is from a history that etcd has lost.
	if after == 0 || after > c.store.barriers.position().revision {
		if err := c.store.catchUp(ctx); err != nil {
			return nil, c.failed("watch", under, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.reached()
	if after == 0 {
		after = now
	}
	next, ok := c.history.after(after)
	if !ok || after > now {
		return nil, c.failed("watch", under, fmt.Errorf("%w: %d, known are %d to %d", ErrTooOld, after, c.history.floor, now))
	}
	return &Watch[T]{c: c, under: spanOf(under), era: c.history.era, next: next, revision: after}, nil
}

// reached is the revision that the history is complete up to. The caller holds
// the lock, without which events up to that revision might be added afterwards.
func (c *Collection[T]) reached() int64 {
	reached := c.store.barriers.position().revision
	if c.history.next > c.history.first {
		reached = max(reached, c.history.at(c.history.next-1).Revision)
	}
	return reached
}

// Revision is up to where the watch is complete: another Watch from it continues
// where this one is.
func (w *Watch[T]) Revision() int64 { return w.revision }

// Next waits for events and returns those that are there, whole revisions only.
// When nothing happens it returns a single Bookmark from time to time. A reader
// so slow that events it has not seen are no longer held, and one whose replica
// lost the thread, gets ErrTooOld and has to list again: no event is ever
// skipped in silence.
func (w *Watch[T]) Next(ctx context.Context) ([]Event[T], error) {
	var bookmark <-chan time.Time
	for {
		events, wake, err := w.read()
		if err != nil || len(events) > 0 {
			return events, err
		}
		if bookmark == nil {
			timer := time.NewTimer(w.c.store.config.bookmarks)
			defer timer.Stop()
			bookmark = timer.C
		}
		select {
		case <-wake:
		case <-bookmark:
			if events, _, err := w.read(); err != nil || len(events) > 0 {
				return events, err
			}
			return []Event[T]{{Type: Bookmark, Revision: w.revision}}, nil
		case <-w.c.store.stopped:
			return nil, w.c.failed("watch", "", fmt.Errorf("%w: the store has stopped", ErrUnavailable))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Poll gives the events that are there, without waiting, and a channel that is
// closed once there may be more. Following several collections at once needs
// this: one whose events are all taken is complete up to Revision, also where
// nothing in it has changed.
func (w *Watch[T]) Poll() ([]Event[T], <-chan struct{}, error) {
	events, wake, err := w.read()
	if err == nil && wake == nil {
		wake = more
	}
	return events, wake, err
}

// more is the channel of a Poll that left events behind.
var more = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// read gives what is there, and what to wait for if that is nothing.
func (w *Watch[T]) read() ([]Event[T], <-chan struct{}, error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	h := &w.c.history
	if w.era != h.era || w.next < h.first {
		return nil, nil, w.c.failed("watch", "", fmt.Errorf("%w: the watch was cut at %d", ErrTooOld, w.revision))
	}
	var events []Event[T]
	for ; w.next < h.next; w.next++ {
		event := h.at(w.next)
		if len(events) >= readAhead && event.Revision != w.revision {
			return events, nil, nil
		}
		w.revision = event.Revision
		if w.under.contains(event.Key) {
			events = append(events, *event)
		}
	}
	w.revision = max(w.revision, w.c.reached())
	return events, w.c.wake, nil
}
