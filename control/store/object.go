package store

import (
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// Object is a message as etcd holds it. Objects are shared by everyone who
// reads them and never change; a nil *Object stands for an absent one.
//
// An object lies in memory in the encoding that it has in etcd. Its value is
// decoded when it is asked for and kept while it is among the values that were
// decoded last; see decodedValues.
type Object[T proto.Message] struct {
	Key string
	// Revision is etcd's revision of the last change of the object. It says
	// which version of the object this is, and no two versions share it.
	Revision int64
	// CreateRevision is the revision at which the object was created. It differs
	// after the object was deleted and created again.
	CreateRevision int64
	// Lease is what the object is attached to; 0 for none.
	Lease clientv3.LeaseID

	of      *Collection[T] // nil for an object that does not come from a store
	encoded []byte
	head    T // zero where the collection does not keep heads
	decoded atomic.Pointer[decodedValue[T]]
}

type decodedValue[T proto.Message] struct {
	value    T
	derived  atomic.Pointer[any]
	attached atomic.Pointer[any]
}

// NewObject makes an object that does not come from a store, for what takes
// objects.
func NewObject[T proto.Message](key string, value T) *Object[T] {
	o := &Object[T]{Key: key}
	o.decoded.Store(&decodedValue[T]{value: value})
	return o
}

// Value is the message. It must not be changed; clone it first.
func (o *Object[T]) Value() T {
	if known := o.decoded.Load(); known != nil {
		return known.value
	}
	value, size, err := o.of.unmarshal(o.encoded)
	if err != nil {
		// It could be decoded when the object was made, and does not change.
		panic("store: " + o.of.name + "/" + o.Key + ": " + err.Error())
	}
	o.keep(&decodedValue[T]{value: value}, size)
	return value
}

// Head is the message without its large parts, where the collection keeps them
// apart, and the whole message otherwise. It is always at hand, so it is what
// filters and orders of long lists look at. It must not be changed.
func (o *Object[T]) Head() T {
	if o.of != nil && o.of.headOf != nil {
		return o.head
	}
	return o.Value()
}

// Message is the value, or the zero value of an absent object, which the
// getters of a message accept.
func (o *Object[T]) Message() T {
	if o == nil {
		var none T
		return none
	}
	return o.Value()
}

// Derive gives what make makes of an object's value, such as its parsed form. It is
// kept as long as the value is, and shared by everyone who asks, so it must not be
// changed. All who derive something from the objects of a collection derive the same
// thing; see WithDerived.
func Derive[T proto.Message, D any](o *Object[T], make func(T) (D, error)) (D, error) {
	value := o.Message()
	if o == nil {
		return make(value)
	}
	known := o.decoded.Load()
	if known != nil {
		if derived := known.derived.Load(); derived != nil {
			return (*derived).(D), nil
		}
	}
	made, err := make(value)
	if err == nil && known != nil {
		derived := any(made)
		known.derived.Store(&derived)
	}
	return made, err
}

// Attach keeps something made of the value beside it, in the place of what was
// attached before, for as long as the value is kept.
func (o *Object[T]) Attach(made any) {
	if known := o.decoded.Load(); known != nil {
		known.attached.Store(&made)
	}
}

// Attached is what Attach kept; nil where there is nothing any more.
func (o *Object[T]) Attached() any {
	if known := o.decoded.Load(); known != nil {
		if made := known.attached.Load(); made != nil {
			return *made
		}
	}
	return nil
}

// keep keeps a value of that many bytes for the next who ask.
func (o *Object[T]) keep(value *decodedValue[T], size int) {
	if o.decoded.CompareAndSwap(nil, value) {
		o.of.store.decodedValues.add(o, size)
	}
}

func (o *Object[T]) encodedBytes() int { return len(o.encoded) }

// dropDecoded makes the next Value decode again.
func (o *Object[T]) dropDecoded() { o.decoded.Store(nil) }
