package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

// Feed tells a loop which objects to look at. It holds keys, not changes: however
// often an object changes between two looks, and however slow the loop is, its
// key is in the feed once.
type Feed struct {
	store  *Store
	scopes []Scope

	mu     sync.Mutex
	dirty  map[ref]struct{}
	primed bool          // the first Next has returned
	wake   chan struct{} // holds one signal after dirty grew
}

// Ref names an object by its collection and its key in it.
type Ref struct{ Collection, Key string }

// Follow calls changed now and whenever an object in the scope has changed, until the
// context ends, which is no error.
func (s *Store) Follow(ctx context.Context, scope Scope, changed func()) error {
	feed := s.Changes(scope)
	defer feed.Close()
	for {
		if _, err := feed.Next(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		changed()
	}
}

// Changes opens a feed of the keys in the scopes. It must be closed.
func (s *Store) Changes(scopes ...Scope) *Feed {
	f := &Feed{store: s, scopes: scopes, dirty: map[ref]struct{}{}, wake: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.current.Load()
	for _, scope := range scopes {
		now.tables[scope.collection].keys(scope.under, func(key string, _ int64) bool {
			f.dirty[ref{scope.collection, key}] = struct{}{}
			return true
		})
	}
	s.feeds[f] = struct{}{}
	return f
}

// Close ends the feed.
func (f *Feed) Close() {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	delete(f.store.feeds, f)
}

// Next waits until there are objects to look at and takes them, ordered by
// collection, as they were added to the store, and key. The first call returns
// every object that exists as soon as the cache is filled, even if there is none;
// later ones return those created, changed or deleted since the call before.
func (f *Feed) Next(ctx context.Context) ([]Ref, error) {
	select {
	case <-f.store.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if refs, ok := f.take(); ok {
			return refs, nil
		}
		select {
		case <-f.wake:
		case <-f.store.stopped:
			return nil, fmt.Errorf("follow changes: %w: the store has stopped", ErrUnavailable)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *Feed) take() ([]Ref, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.dirty) == 0 && f.primed {
		return nil, false
	}
	f.primed = true
	sorted := make([]ref, 0, len(f.dirty))
	for r := range f.dirty {
		sorted = append(sorted, r)
	}
	clear(f.dirty)
	slices.SortFunc(sorted, func(a, b ref) int {
		return cmp.Or(cmp.Compare(a.collection, b.collection), cmp.Compare(a.key, b.key))
	})
	refs := make([]Ref, len(sorted))
	for i, r := range sorted {
		refs[i] = Ref{f.store.collections[r.collection].Name(), r.key}
	}
	return refs, true
}

// mark adds what has changed.
func (f *Feed) mark(changes []change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		for _, scope := range f.scopes {
			if scope.contains(c.collection, c.key) {
				f.dirty[c.ref] = struct{}{}
			}
		}
	}
	if len(f.dirty) > 0 {
		signal(f.wake)
	}
}
