package store

import (
	"iter"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Collection is all objects of one type. It is read through a Snapshot or a Tx,
// and written through a Tx.
type Collection[T proto.Message] struct {
	store   *Store
	number  int // in the order in which collections were added
	name    string
	prefix  string // of the keys in etcd
	message protoreflect.MessageType
	indexes []Index[T]
	headOf  func(T) T // nil where no heads are kept
}

// Index finds the objects of a collection by something other than their key.
type Index[T proto.Message] struct {
	Name string
	// Values gives what the object is found by. It must depend on nothing but
	// its arguments. It gets the Head of the object.
	Values func(key string, value T) []string
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
	}
	c.number = s.add(name, c)
	return c
}

// KeepHeads keeps what head makes of each value decoded beside the object: the
// value, which it must not change, without its large parts. See Object.Head. It
// must be called before Run.
func (c *Collection[T]) KeepHeads(head func(T) T) *Collection[T] {
	c.headOf = head
	return c
}

// Name is the collection's.
func (c *Collection[T]) Name() string { return c.name }

// Scope is the objects of the collection under the path, for a Watch or a Feed.
func (c *Collection[T]) Scope(under string) Scope {
	return Scope{collection: c.number, name: c.name, prefix: c.prefix, under: spanOf(under)}
}

// Scope is part of a collection.
type Scope struct {
	collection int
	name       string
	prefix     string // of the keys in etcd
	under      span
}

// Collection is the name of the collection.
func (s Scope) Collection() string { return s.name }

// Under is what the collection has under the path.
func (s Scope) Under(path string) Scope {
	s.under = spanOf(path)
	return s
}

// Keys gives the keys of the objects in the scope, in order.
func (s Scope) Keys(r Reader) iter.Seq[string] {
	return func(yield func(string) bool) {
		r.snapshot().tables[s.collection].keys(s.under, func(key string, _ int64) bool { return yield(key) })
	}
}

// Has is true if there is an object of the key in the scope.
func (s Scope) Has(r Reader, key string) bool {
	return s.under.contains(key) && r.snapshot().tables[s.collection].get(key) != nil
}

// RequireAbsent has the commit fail if there is an object of the key then, even
// one that cannot be decoded.
func (s Scope) RequireAbsent(tx *Tx, key string) {
	requireAbsent(tx, s.prefix+key)
}

// Contains is true if the object is in the scope.
func (s Scope) Contains(object Ref) bool {
	return s.name == object.Collection && s.under.contains(object.Key)
}

func (s Scope) contains(collection int, key string) bool {
	return s.collection == collection && s.under.contains(key)
}

func (c *Collection[T]) empty() table { return newTree(c) }

func (c *Collection[T]) prefixLength() int { return len(c.prefix) }

func (c *Collection[T]) indexNumber(name string) int {
	for i, index := range c.indexes {
		if index.Name == name {
			return i
		}
	}
	panic("store: collection " + c.name + " has no index named " + name)
}

// decode makes an object of what etcd holds, nil where it cannot, which is
// logged. What this store wrote itself is taken as it was written.
func (c *Collection[T]) decode(kv *mvccpb.KeyValue) any {
	o := &Object[T]{
		Key:            string(kv.Key[len(c.prefix):]),
		Revision:       kv.ModRevision,
		CreateRevision: kv.CreateRevision,
		Lease:          clientv3.LeaseID(kv.Lease),
		of:             c,
		encoded:        kv.Value,
	}
	if own := c.store.written.take(kv.Key, kv.Value); own != nil {
		value := own.value.(T)
		o.head = c.ownHead(value)
		kept := &decodedValue[T]{value: value}
		if own.derived != nil {
			kept.derived.Store(&own.derived)
		}
		o.keep(kept, own.size)
		return o
	}
	// Decoded now, so that a value which cannot be is noticed, though most are not
	// asked for soon.
	value, _, err := c.unmarshal(kv.Value)
	if err != nil {
		c.store.log.Error("a value in etcd cannot be decoded; it is treated as absent",
			"key", string(kv.Key), "revision", kv.ModRevision, "error", err)
		return nil
	}
	if c.headOf != nil {
		o.head = c.headOf(value)
	}
	return o
}

// ownHead is the head of a value that this store wrote. The texts of such a value
// can be parts of something large, such as the request that they came with, which
// a head must not keep in memory; so it is copied.
func (c *Collection[T]) ownHead(value T) (head T) {
	if c.headOf == nil {
		return head
	}
	plain, err := proto.Marshal(c.headOf(value))
	if err == nil {
		head = c.message.New().Interface().(T)
		err = proto.Unmarshal(plain, head)
	}
	if err != nil {
		panic("store: copy the head of a " + c.name + ": " + err.Error()) // what is written can be encoded
	}
	return head
}

// unmarshal gives the value that is encoded, and how many bytes it has when it is
// not compressed.
func (c *Collection[T]) unmarshal(encoded []byte) (T, int, error) {
	value := c.message.New().Interface().(T)
	size, err := decode(encoded, value)
	return value, size, err
}
