package store

import (
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// Object is a message as etcd holds it. Objects are shared by everyone who
// reads them and never change; a nil *Object stands for an absent one.
type Object[T proto.Message] struct {
	Key string
	// Value must not be changed; clone it first.
	Value T
	// Revision is etcd's revision of the last change of the object. It says
	// which version of the object this is, and no two versions share it.
	Revision int64
	// CreateRevision is the revision at which the object was created. It differs
	// after the object was deleted and created again.
	CreateRevision int64
	// Lease is what the object is attached to; 0 for none.
	Lease clientv3.LeaseID

	derived atomic.Pointer[any]
}

// Message is the value, or the zero value of an absent object, which the
// getters of a message accept.
func (o *Object[T]) Message() T {
	if o == nil {
		var none T
		return none
	}
	return o.Value
}

// Derived is what WithDerived handed over with the value, such as its parsed
// form, for as long as the object is among the last that this store wrote; nil
// otherwise, and then it has to be worked out again.
func (o *Object[T]) Derived() any {
	if known := o.derived.Load(); known != nil {
		return *known
	}
	return nil
}

// keepDerived sets what Derived gives.
func (o *Object[T]) keepDerived(derived any) { o.derived.Store(&derived) }

// dropDerived makes Derived give nil.
func (o *Object[T]) dropDerived() { o.derived.Store(nil) }

// Index finds the objects of a collection by something other than their key.
type Index[T proto.Message] struct {
	Name string
	// Values gives what the object is found by. It must depend on nothing but
	// its arguments.
	Values func(key string, value T) []string
}
