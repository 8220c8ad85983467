package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Collection is all objects of one kind.
type Collection[T proto.Message] struct {
	store   *Store
	name    string
	prefix  string // of the keys in etcd
	message protoreflect.MessageType
	indexes []Index[T]
	names   map[string]int // of the indexes

	// current is what readers see. It is replaced, never changed, so that
	// reading takes no lock.
	current atomic.Pointer[Snapshot[T]]

	mu      sync.Mutex // guards what follows
	trees   trees[T]   // what the next snapshot is made from
	history history[T]
	changed map[string]struct{} // applied, not announced
	feeds   map[*Feed[T]]struct{}
	wake    chan struct{} // closed and replaced when there is news for watchers
}

// NewCollection adds the collection of that name to the store, whose keys in etcd
// begin with the store's prefix and the name. It must be called before Run, and
// panics if the name is taken or contains a slash.
func NewCollection[T proto.Message](s *Store, name string, indexes ...Index[T]) *Collection[T] {
	var zero T
	c := &Collection[T]{
		store:   s,
		name:    name,
		prefix:  s.prefix + name + "/",
		message: zero.ProtoReflect().Type(),
		indexes: indexes,
		names:   map[string]int{},
		trees:   newTrees[T](len(indexes)),
		history: history[T]{limit: s.config.history},
		changed: map[string]struct{}{},
		feeds:   map[*Feed[T]]struct{}{},
		wake:    make(chan struct{}),
	}
	for i, index := range indexes {
		c.names[index.Name] = i
	}
	c.publish(0)
	s.add(name, c)
	return c
}

// Get gives the object of the key as it is in etcd, or ErrNotFound.
func (c *Collection[T]) Get(ctx context.Context, key string) (Object[T], error) {
	if err := c.store.catchUp(ctx); err != nil {
		return Object[T]{}, c.failed("get", key, err)
	}
	o, ok := c.Cached(key)
	if !ok {
		return Object[T]{}, c.failed("get", key, ErrNotFound)
	}
	return o, nil
}

// List gives the objects under the path as they are in etcd, ordered by key.
func (c *Collection[T]) List(ctx context.Context, under string) ([]Object[T], error) {
	if err := c.store.catchUp(ctx); err != nil {
		return nil, c.failed("list", under, err)
	}
	return c.CachedUnder(under), nil
}

// ListByIndex gives the objects that the index has the value for, as they are in
// etcd, ordered by key. It panics if the collection has no such index.
func (c *Collection[T]) ListByIndex(ctx context.Context, index, value string) ([]Object[T], error) {
	if err := c.store.catchUp(ctx); err != nil {
		return nil, c.failed("list by "+index, value, err)
	}
	return c.CachedByIndex(index, value), nil
}

// Snapshot gives the whole collection as it is in etcd, for several looks at the
// same state and for the revision to Watch from.
func (c *Collection[T]) Snapshot(ctx context.Context) (*Snapshot[T], error) {
	if err := c.store.catchUp(ctx); err != nil {
		return nil, c.failed("snapshot", "", err)
	}
	return c.current.Load(), nil
}

// Cached gives the object of the key as the cache has it.
func (c *Collection[T]) Cached(key string) (Object[T], bool) { return c.current.Load().Get(key) }

// CachedUnder gives the objects under the path as the cache has them, ordered by
// key.
func (c *Collection[T]) CachedUnder(under string) []Object[T] { return c.current.Load().Under(under) }

// CachedByIndex gives the objects that the index has the value for, as the cache
// has them, ordered by key. It panics if the collection has no such index.
func (c *Collection[T]) CachedByIndex(index, value string) []Object[T] {
	return c.current.Load().ByIndex(index, value)
}

func (c *Collection[T]) failed(verb, key string, err error) error {
	return fmt.Errorf("%s %s/%s: %w", verb, c.name, key, err)
}

// decode makes an object of what etcd has, or logs why it cannot.
func (c *Collection[T]) decode(kv *mvccpb.KeyValue) (*Object[T], bool) {
	value := c.message.New().Interface().(T)
	if err := proto.Unmarshal(kv.Value, value); err != nil {
		c.store.log.Error("etcd holds a value that cannot be read; it is treated as absent",
			"key", string(kv.Key), "revision", kv.ModRevision, "error", err)
		return nil, false
	}
	return &Object[T]{
		Key:            string(kv.Key[len(c.prefix):]),
		Value:          value,
		Revision:       kv.ModRevision,
		CreateRevision: kv.CreateRevision,
		Lease:          clientv3.LeaseID(kv.Lease),
	}, true
}

// publish shows readers what the trees hold. The caller holds the lock.
func (c *Collection[T]) publish(revision int64) {
	c.current.Store(&Snapshot[T]{revision: revision, names: c.names, trees: c.trees.clone()})
}

func (c *Collection[T]) reset(kvs []*mvccpb.KeyValue, revision int64) {
	fresh := newTrees[T](len(c.indexes))
	for _, kv := range kvs {
		if o, ok := c.decode(kv); ok {
			fresh.put(o, c.indexes)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.markDifferences(c.trees, fresh)
	c.trees = fresh
	c.history.reset(revision)
	c.publish(revision)
}

// markDifferences notes the keys whose objects are not the same in both.
func (c *Collection[T]) markDifferences(before, after trees[T]) {
	before.objects.Ascend(func(e entry[T]) bool {
		if now, ok := after.objects.Get(e); !ok || now.object.Revision != e.object.Revision {
			c.changed[e.key] = struct{}{}
		}
		return true
	})
	after.objects.Ascend(func(e entry[T]) bool {
		if !before.objects.Has(e) {
			c.changed[e.key] = struct{}{}
		}
		return true
	})
}

func (c *Collection[T]) apply(events []*mvccpb.Event) {
	changes := make([]Event[T], len(events))
	for i, event := range events {
		change := Event[T]{Type: Deleted, Key: string(event.Kv.Key[len(c.prefix):]), Revision: event.Kv.ModRevision}
		if event.Type == clientv3.EventTypePut {
			if o, ok := c.decode(event.Kv); ok {
				change.Type, change.Object = Put, o
			}
		}
		changes[i] = change
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range changes {
		if change.Type == Put {
			change.Previous = c.trees.put(change.Object, c.indexes)
		} else {
			change.Previous = c.trees.remove(change.Key, c.indexes)
		}
		c.history.append(change)
		c.changed[change.Key] = struct{}{}
	}
	c.publish(changes[len(changes)-1].Revision)
}

func (c *Collection[T]) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for feed := range c.feeds {
		feed.mark(c.changed)
	}
	clear(c.changed)
	close(c.wake)
	c.wake = make(chan struct{})
}
