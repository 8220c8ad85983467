package storetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
)

// Noise is text of that many bytes that cannot be compressed.
func Noise(size int) string {
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = byte('0' + rand.IntN('z'-'0'))
	}
	return string(bytes)
}

// things is a collection with the operations of the suite, each of which is a
// transaction or a view of its own.
type things struct {
	*store.Collection[value]
	store *store.Store
}

type (
	cond func(*store.Tx)
	op   func(*store.Tx)
)

// commit does all ops at once if all conditions hold.
func (r *replica) Commit(ctx context.Context, conds []cond, ops []op) (int64, error) {
	return r.Update(ctx, func(tx *store.Tx) error {
		for _, require := range conds {
			require(tx)
		}
		for _, do := range ops {
			do(tx)
		}
		return nil
	})
}

func (t *things) Unchanged(key string, revision int64) cond {
	return func(tx *store.Tx) { t.RequireRevision(tx, key, revision) }
}
func (t *things) Absent(key string) cond  { return func(tx *store.Tx) { t.RequireAbsent(tx, key) } }
func (t *things) Present(key string) cond { return func(tx *store.Tx) { t.RequirePresent(tx, key) } }
func (t *things) EmptyUnder(under string) cond {
	return func(tx *store.Tx) { t.RequireEmpty(tx, under) }
}
func (t *things) HeldBy(key string, lease clientv3.LeaseID) cond {
	return func(tx *store.Tx) { t.RequireLease(tx, key, lease) }
}

func (t *things) Put(key string, v value) op {
	return func(tx *store.Tx) { t.Collection.Put(tx, key, v) }
}
func (t *things) PutLeased(key string, v value, lease clientv3.LeaseID) op {
	return func(tx *store.Tx) { t.Collection.Put(tx, key, v, store.WithLease(lease)) }
}
func (t *things) Remove(key string) op { return func(tx *store.Tx) { t.Collection.Delete(tx, key) } }
func (t *things) RemoveUnder(under string) op {
	return func(tx *store.Tx) { t.DeleteUnder(tx, under) }
}

// write replaces the object of the key, nil where there is none, by what change
// makes of it. Where change gives the value that is there, nothing is written.
func (t *things) write(ctx context.Context, key string, change func(*store.Tx, *store.Object[value]) (value, error)) (*store.Object[value], error) {
	var before *store.Object[value]
	var after value
	revision, err := t.store.Update(ctx, func(tx *store.Tx) (err error) {
		before = t.Collection.Get(tx, key)
		if after, err = change(tx, before); err != nil || before != nil && before.Value() == after {
			return err
		}
		var lease clientv3.LeaseID
		if before != nil {
			lease = before.Lease
		}
		t.Collection.Put(tx, key, after, store.WithLease(lease))
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case before != nil && before.Value() == after:
		return before, nil
	}
	written := store.NewObject(key, after)
	written.Revision, written.CreateRevision = revision, revision
	if before != nil {
		written.CreateRevision, written.Lease = before.CreateRevision, before.Lease
	}
	return written, nil
}

func (t *things) Create(ctx context.Context, key string, v value) (*store.Object[value], error) {
	return t.write(ctx, key, func(_ *store.Tx, before *store.Object[value]) (value, error) {
		if before != nil {
			return nil, store.ErrExists
		}
		return v, nil
	})
}

func (t *things) Update(ctx context.Context, key string, revision int64, v value) (*store.Object[value], error) {
	return t.write(ctx, key, func(tx *store.Tx, before *store.Object[value]) (value, error) {
		if before == nil {
			return nil, store.ErrNotFound
		}
		t.RequireRevision(tx, key, revision)
		return v, nil
	})
}

func (t *things) Modify(ctx context.Context, key string, change func(value) (value, error)) (*store.Object[value], error) {
	return t.write(ctx, key, func(_ *store.Tx, before *store.Object[value]) (value, error) {
		if before == nil {
			return nil, store.ErrNotFound
		}
		after, err := change(proto.CloneOf(before.Value()))
		if err == nil && proto.Equal(before.Value(), after) {
			return before.Value(), nil
		}
		return after, err
	})
}

func (t *things) Delete(ctx context.Context, key string, revision int64) error {
	_, err := t.store.Update(ctx, func(tx *store.Tx) error {
		if t.Collection.Get(tx, key) == nil {
			return store.ErrNotFound
		}
		if revision != 0 {
			t.RequireRevision(tx, key, revision)
		}
		t.Collection.Delete(tx, key)
		return nil
	})
	return err
}

func (t *things) Get(ctx context.Context, key string) (*store.Object[value], error) {
	view, err := t.store.View(ctx)
	if err != nil {
		return nil, err
	}
	if o := t.In(view).Get(key); o != nil {
		return o, nil
	}
	return nil, store.ErrNotFound
}

func (t *things) Cached(key string) (*store.Object[value], bool) {
	o := t.In(t.store.Cached()).Get(key)
	return o, o != nil
}

func (t *things) List(ctx context.Context, under string) ([]*store.Object[value], error) {
	view, err := t.store.View(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Collect(t.In(view).Under(under)), nil
}

func (t *things) ListByIndex(ctx context.Context, index, word string) ([]*store.Object[value], error) {
	view, err := t.store.View(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Collect(t.In(view).By(index, word)), nil
}

// snapshot is the collection in a view.
type snapshot struct {
	store.Table[value]
	revision int64
}

func (s snapshot) Revision() int64 { return s.revision }
func (s snapshot) Under(path string) []*store.Object[value] {
	return slices.Collect(s.Table.Under(path))
}
func (s snapshot) Get(key string) (*store.Object[value], bool) {
	o := s.Table.Get(key)
	return o, o != nil
}

func (t *things) Snapshot(ctx context.Context) (snapshot, error) {
	view, err := t.store.View(ctx)
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{t.In(view), view.Revision()}, nil
}

// event is a change of one object, or a bookmark, which has no key.
type event struct {
	Key              string
	Object, Previous *store.Object[value]
	Revision         int64
}

// watch is of one collection.
type watch struct {
	*store.Watch
	things *things
}

func (t *things) Watch(ctx context.Context, under string, after int64) (*watch, error) {
	w, err := t.store.Watch(ctx, after, t.Scope(under))
	if err != nil {
		return nil, err
	}
	return &watch{w, t}, nil
}

func (w *watch) Next(ctx context.Context) ([]event, error) {
	batch, err := w.Watch.Next(ctx)
	if err != nil {
		return nil, err
	}
	if batch.Empty() {
		return []event{{Revision: w.Revision()}}, nil
	}
	var events []event
	for _, c := range store.Replay(batch, func(at store.Reader, key string) *store.Object[value] { return w.things.In(at).Get(key) }) {
		events = append(events, event{Key: c.Key, Object: c.After, Previous: c.Before, Revision: c.Revision})
	}
	return events, nil
}

// feed is of one collection.
type feed struct{ *store.Feed }

func follow(t *testing.T, c *things, under string) feed {
	f := feed{c.store.Changes(c.Scope(under))}
	t.Cleanup(f.Close)
	return f
}

func (f feed) Next(ctx context.Context) ([]string, error) {
	refs, err := f.Feed.Next(ctx)
	var keys []string
	for _, ref := range refs {
		keys = append(keys, ref.Key)
	}
	return keys, err
}
