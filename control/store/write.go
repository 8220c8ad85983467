package store

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// Every write returns when etcd has committed it. The values written must not be
// changed afterwards, for the objects returned contain them.

// Create makes a new object, or fails with ErrExists.
func (c *Collection[T]) Create(ctx context.Context, key string, value T) (Object[T], error) {
	put := c.Put(key, value)
	response, err := c.store.transact(ctx, []Cond{c.Absent(key)}, []Op{put}, nil)
	if err == nil && !response.Succeeded {
		err = ErrExists
	}
	if err != nil {
		return Object[T]{}, c.failed("create", key, err)
	}
	revision := response.Header.Revision
	return Object[T]{Key: key, Value: value, Revision: revision, CreateRevision: revision}, nil
}

// Update replaces the object that has the revision, keeping its lease. It fails
// with ErrNotFound if there is none of that key, and with ErrConflict if it has
// another revision, even one with the same content.
func (c *Collection[T]) Update(ctx context.Context, key string, revision int64, value T) (Object[T], error) {
	// An object's lease and creation do not change with an update, so they need
	// not come back from etcd where the object is known.
	old := Object[T]{Key: key, Revision: revision}
	cached, ok := c.Cached(key)
	known := ok && cached.Revision == revision
	if known {
		old = cached
	}
	o, _, err := c.replace(ctx, old, known, value)
	if err != nil {
		return Object[T]{}, c.failed("update", key, err)
	}
	return o, nil
}

// replace gives the object a new value. Unless the object is known, it is only a
// key and a revision. On ErrConflict replace gives the object that is there
// instead, nil if it cannot be read.
func (c *Collection[T]) replace(ctx context.Context, old Object[T], known bool, value T) (Object[T], *Object[T], error) {
	get := Op{op: clientv3.OpGet(c.prefix + old.Key)}
	then := []Op{c.put(old.Key, value, clientv3.WithIgnoreLease())}
	if !known {
		then = append(then, get) // whole, for etcd leaves the lease out where only keys are asked for
	}
	response, err := c.store.transact(ctx, []Cond{c.Unchanged(old.Key, old.Revision)}, then, []Op{get})
	if err != nil {
		return Object[T]{}, nil, err
	}
	if !response.Succeeded {
		kvs := response.Responses[0].GetResponseRange().Kvs
		if len(kvs) == 0 {
			return Object[T]{}, nil, ErrNotFound
		}
		current, _ := c.decode(kvs[0])
		return Object[T]{}, current, ErrConflict
	}
	replaced := old
	replaced.Value, replaced.Revision = value, response.Header.Revision
	if !known {
		kv := response.Responses[1].GetResponseRange().Kvs[0]
		replaced.CreateRevision, replaced.Lease = kv.CreateRevision, clientv3.LeaseID(kv.Lease)
	}
	return replaced, nil, nil
}

// Modify replaces the object by what change makes of it, keeping its lease.
// Change gets a copy that it may alter and return. It is called again whenever
// the object turned out to be another, so it should have no effects; an error of
// it ends Modify with that error. A result equal to the object writes nothing.
func (c *Collection[T]) Modify(ctx context.Context, key string, change func(T) (T, error)) (Object[T], error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	// What the cache has is most often what etcd has, and if not, writing fails.
	// So it will do for a first try, unless that leads to anything but a write.
	if cached, ok := c.Cached(key); ok {
		value, err := change(proto.CloneOf(cached.Value))
		if err == nil && !proto.Equal(value, cached.Value) {
			o, found, err := c.replace(ctx, cached, true, value)
			switch {
			case err == nil:
				return o, nil
			case found == nil:
				return Object[T]{}, c.failed("modify", key, err)
			}
			return c.modify(ctx, *found, change)
		}
	}
	current, err := c.Get(ctx, key)
	if err != nil {
		return Object[T]{}, err
	}
	return c.modify(ctx, current, change)
}

// modify does what Modify does, beginning with an object as it was in etcd after
// Modify was called.
func (c *Collection[T]) modify(ctx context.Context, current Object[T], change func(T) (T, error)) (Object[T], error) {
	for {
		value, err := change(proto.CloneOf(current.Value))
		if err != nil {
			return Object[T]{}, err
		}
		if proto.Equal(value, current.Value) {
			return current, nil
		}
		o, found, err := c.replace(ctx, current, true, value)
		if err == nil {
			return o, nil
		}
		if found == nil {
			return Object[T]{}, c.failed("modify", current.Key, err)
		}
		current = *found
	}
}

// Delete ends the object that has the revision, or whatever object is there if
// revision is 0. It fails with ErrNotFound if there is none of that key, and with
// ErrConflict if it has another revision.
func (c *Collection[T]) Delete(ctx context.Context, key string, revision int64) error {
	cond := c.Present(key)
	if revision != 0 {
		cond = c.Unchanged(key, revision)
	}
	count := Op{op: clientv3.OpGet(c.prefix+key, clientv3.WithCountOnly())}
	response, err := c.store.transact(ctx, []Cond{cond}, []Op{c.Remove(key)}, []Op{count})
	switch {
	case err != nil:
		return c.failed("delete", key, err)
	case response.Succeeded:
		return nil
	case response.Responses[0].GetResponseRange().Count == 0:
		return c.failed("delete", key, ErrNotFound)
	default:
		return c.failed("delete", key, ErrConflict)
	}
}
