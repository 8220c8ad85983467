package store

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Watch follows what happens in some scopes. It must be closed. One goroutine at
// a time may use it.
type Watch struct {
	store    *Store
	scopes   []Scope
	era      int
	next     uint64 // number of the next transaction
	revision int64
	wake     chan struct{} // holds a signal when there may be something to read
}

// Batch is what happened in the scopes of a Watch, whole transactions only.
type Batch struct {
	transactions []transaction // without the changes outside of the scopes
	after        *Snapshot     // right after the last of them
}

// Empty is true for a batch that says no more than that the watch is alive and
// how far it has come.
func (b Batch) Empty() bool { return len(b.transactions) == 0 }

// Watch gives everything that happens in the scopes after the revision: that of a
// Snapshot or of another Watch, or 0 for now. It fails with ErrTooOld if not all
// of it is known any more.
func (s *Store) Watch(ctx context.Context, after int64, scopes ...Scope) (*Watch, error) {
	// A revision that another replica gave may be ahead of this one's cache, and
	// one that is ahead even of etcd is from a history that etcd has lost.
	if after == 0 || after > s.current.Load().revision {
		if err := s.catchUp(ctx); err != nil {
			return nil, fmt.Errorf("watch: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.current.Load().revision
	if after == 0 {
		after = now
	}
	next, ok := s.history.after(after)
	if !ok || after > now {
		return nil, fmt.Errorf("watch: %w: %d, known are %d to %d", ErrTooOld, after, s.history.floor, now)
	}
	w := &Watch{store: s, scopes: scopes, era: s.history.era, next: next, revision: after, wake: make(chan struct{}, 1)}
	s.watches[w] = struct{}{}
	return w, nil
}

// Close ends the watch.
func (w *Watch) Close() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	delete(w.store.watches, w)
}

// Revision is up to where the watch is complete: another Watch from it continues
// where this one is.
func (w *Watch) Revision() int64 { return w.revision }

// Next waits until something has happened and returns it. When nothing happens it
// returns an empty batch from time to time. A reader so slow that transactions it
// has not seen are no longer held, and one whose store had to load everything
// again, gets ErrTooOld and has to list again: nothing is ever skipped in silence.
func (w *Watch) Next(ctx context.Context) (Batch, error) {
	timer := time.NewTimer(w.store.config.bookmarks)
	defer timer.Stop()
	for idle := false; ; {
		batch, err := w.Read()
		if err != nil || !batch.Empty() || idle {
			return batch, err
		}
		select {
		case <-w.wake:
		case <-timer.C:
			idle = true
		case <-w.store.stopped:
			return Batch{}, fmt.Errorf("watch: %w: the store has stopped", ErrUnavailable)
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// Wake receives a value when there may be something to Read.
func (w *Watch) Wake() <-chan struct{} { return w.wake }

// Read returns what has happened since the last Read, without waiting.
func (w *Watch) Read() (Batch, error) {
	all, after, err := w.take()
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{after: after}
	for _, t := range all {
		if changes := w.within(t.changes); len(changes) > 0 {
			batch.transactions = append(batch.transactions, transaction{revision: t.revision, changes: changes})
		}
	}
	return batch, nil
}

// take gives the transactions that the watch has not seen, and the snapshot right
// after the last of them.
func (w *Watch) take() ([]transaction, *Snapshot, error) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	h := &w.store.history
	all, held := h.since(w.next)
	if !held || w.era != h.era {
		return nil, nil, fmt.Errorf("watch: %w: the watch was cut at revision %d", ErrTooOld, w.revision)
	}
	after := w.store.current.Load()
	// Cloned, since the history clears what it drops.
	all = slices.Clone(all)
	w.next, w.revision = h.next(), after.revision
	return all, after, nil
}

// within gives the changes that are in the scopes.
func (w *Watch) within(changes []change) []change {
	var in []change
	for _, c := range changes {
		if w.concerns(c.ref) {
			in = append(in, c)
		}
	}
	return in
}

func (w *Watch) concerns(r ref) bool {
	return slices.ContainsFunc(w.scopes, func(s Scope) bool { return s.contains(r.collection, r.key) })
}

// notify wakes the reader if one of the changes concerns it. The caller holds the
// store's lock.
func (w *Watch) notify(changes []change) {
	if slices.ContainsFunc(changes, func(c change) bool { return w.concerns(c.ref) }) {
		signal(w.wake)
	}
}
