package watch

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
)

// Source is a collection, whatever it is of.
type Source interface {
	open(ctx context.Context, under string, after int64) (tail, error)
}

// tail is the part of a collection's history that a Replay has yet to take.
type tail interface {
	poll() ([]change, <-chan struct{}, error)
	// revision is up to where all changes have been polled.
	revision() int64
	// snapshot is the collection as it is, and the revision it is of.
	snapshot(ctx context.Context) (objects map[string]any, revision int64, err error)
}

// change is an event of a collection. Both sides are nil where there is no
// object.
type change struct {
	key           string
	revision      int64
	source        int
	before, after any
}

// From makes a collection a source.
func From[T proto.Message](c *store.Collection[T]) Source { return source[T]{c} }

type source[T proto.Message] struct{ c *store.Collection[T] }

func (s source[T]) open(ctx context.Context, under string, after int64) (tail, error) {
	w, err := s.c.Watch(ctx, under, after)
	if err != nil {
		return nil, err
	}
	return &follower[T]{c: s.c, w: w, under: under}, nil
}

type follower[T proto.Message] struct {
	c     *store.Collection[T]
	w     *store.Watch[T]
	under string
}

func (f *follower[T]) revision() int64 { return f.w.Revision() }

func (f *follower[T]) poll() ([]change, <-chan struct{}, error) {
	events, wake, err := f.w.Poll()
	if err != nil {
		return nil, nil, err
	}
	changes := make([]change, len(events))
	for i, event := range events {
		changes[i] = change{key: event.Key, revision: event.Revision, before: present(event.Previous), after: present(event.Object)}
	}
	return changes, wake, nil
}

func (f *follower[T]) snapshot(ctx context.Context) (map[string]any, int64, error) {
	snapshot, err := f.c.Snapshot(ctx)
	if err != nil {
		return nil, 0, err
	}
	all := snapshot.Under(f.under)
	objects := make(map[string]any, len(all))
	for _, object := range all {
		objects[object.Key] = &object
	}
	return objects, snapshot.Revision(), nil
}

// present is nil where there is no object, and not a nil pointer.
func present[T proto.Message](object *store.Object[T]) any {
	if object == nil {
		return nil
	}
	return object
}
