package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
)

// Feed tells a loop which objects to look at. It holds keys, not changes: however
// often an object changes between two looks, and however slow the loop is, its
// key is in the feed once.
type Feed[T proto.Message] struct {
	c     *Collection[T]
	under span

	mu     sync.Mutex
	dirty  map[string]struct{}
	primed bool          // the first Next has returned
	wake   chan struct{} // holds one signal after dirty grew
}

// Changes opens a feed of the keys under the path. It must be closed.
func (c *Collection[T]) Changes(under string) *Feed[T] {
	f := &Feed[T]{c: c, under: spanOf(under), dirty: map[string]struct{}{}, wake: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current.Load().each(under, func(o *Object[T]) { f.dirty[o.Key] = struct{}{} })
	c.feeds[f] = struct{}{}
	return f
}

// Close ends the feed.
func (f *Feed[T]) Close() {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	delete(f.c.feeds, f)
}

// Next waits until there are keys to look at and takes them, in order. The first
// call returns every key that exists as soon as the cache is filled, even if
// there is none; the keys of objects created, changed or deleted since the call
// before come from the later ones.
func (f *Feed[T]) Next(ctx context.Context) ([]string, error) {
	select {
	case <-f.c.store.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		if keys, ok := f.take(); ok {
			return keys, nil
		}
		select {
		case <-f.wake:
		case <-f.c.store.stopped:
			return nil, f.c.failed("follow", "", fmt.Errorf("%w: the store has stopped", ErrUnavailable))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *Feed[T]) take() ([]string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.dirty) == 0 && f.primed {
		return nil, false
	}
	f.primed = true
	keys := slices.Sorted(maps.Keys(f.dirty))
	clear(f.dirty)
	return keys, true
}

func (f *Feed[T]) mark(keys map[string]struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range keys {
		if f.under.contains(key) {
			f.dirty[key] = struct{}{}
		}
	}
	if len(f.dirty) > 0 {
		signal(f.wake)
	}
}
