package store

import (
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Tx is a transaction under way. Reads see one snapshot, never the transaction's
// own writes. Nothing is written before Update commits it, and then all of it at
// once, and only if every condition holds.
type Tx struct {
	base *Snapshot

	conditions []clientv3.Cmp
	// What the conditions are about, and what is written, by etcd's keys.
	reads, writes         map[string]struct{}
	readSpans, writeSpans []span

	ops []clientv3.Op
	own []ownWrite
	// size is about that of the request in bytes.
	size int
	// alone is set where an op can fail the whole request, so that it must not
	// be sent together with others.
	alone bool
	// outOfSpace is set where etcd rejects every transaction that puts something.
	outOfSpace bool
	err        error
}

type ownWrite struct {
	key   string
	value *ownValue
}

func (tx *Tx) snapshot() *Snapshot { return tx.base }

// Revision is that of the snapshot that the transaction reads.
func (tx *Tx) Revision() int64 { return tx.base.revision }

// OutOfSpace is true if etcd has no space left and would reject what puts anything.
// A change that can do with deletions alone then does, and so frees space.
func (tx *Tx) OutOfSpace() bool { return tx.outOfSpace }

// puts is true if the transaction puts anything.
func (tx *Tx) puts() bool { return len(tx.own) > 0 }

// Get gives the object of the key, nil if there is none. The transaction is
// committed only if the object is still the same.
func (c *Collection[T]) Get(tx *Tx, key string) *Object[T] {
	o := c.In(tx).Get(key)
	if o == nil {
		c.RequireAbsent(tx, key)
	} else {
		c.RequireRevision(tx, key, o.Revision)
	}
	return o
}

// Peek gives the object of the key as In does, without a condition.
func (c *Collection[T]) Peek(tx *Tx, key string) *Object[T] { return c.In(tx).Get(key) }

// RequireRevision has the commit fail unless the object of the key has the
// revision then.
func (c *Collection[T]) RequireRevision(tx *Tx, key string, revision int64) {
	c.require(tx, key, clientv3.Compare(clientv3.ModRevision(c.prefix+key), "=", revision))
}

// RequireAbsent has the commit fail if there is an object of the key then.
func (c *Collection[T]) RequireAbsent(tx *Tx, key string) {
	requireAbsent(tx, c.prefix+key)
}

func requireAbsent(tx *Tx, key string) {
	require(tx, key, clientv3.Compare(clientv3.CreateRevision(key), "=", 0))
}

// RequirePresent has the commit fail unless there is an object of the key then,
// whatever its revision.
func (c *Collection[T]) RequirePresent(tx *Tx, key string) {
	c.require(tx, key, clientv3.Compare(clientv3.CreateRevision(c.prefix+key), ">", 0))
}

// RequireLease has the commit fail unless the object of the key is there and
// attached to the lease then.
func (c *Collection[T]) RequireLease(tx *Tx, key string, lease clientv3.LeaseID) {
	c.require(tx, key, clientv3.Compare(clientv3.LeaseValue(c.prefix+key), "=", lease))
}

// RequireEmpty has the commit fail if there is an object under the path then.
func (c *Collection[T]) RequireEmpty(tx *Tx, under string) {
	// Every key in the range has to satisfy this, and none that exists does.
	all := c.span(under)
	c.requireSpan(tx, all, clientv3.Compare(clientv3.CreateRevision(all.from), "=", 0).WithRange(all.to))
}

// RequireNoneSince has the commit fail if an object under the path was written
// after the revision.
func (c *Collection[T]) RequireNoneSince(tx *Tx, under string, revision int64) {
	all := c.span(under)
	c.requireSpan(tx, all, clientv3.Compare(clientv3.ModRevision(all.from), "<", revision+1).WithRange(all.to))
}

func (c *Collection[T]) require(tx *Tx, key string, condition clientv3.Cmp) {
	require(tx, c.prefix+key, condition)
}

// require adds a condition on a key of etcd.
func require(tx *Tx, key string, condition clientv3.Cmp) {
	tx.conditions = append(tx.conditions, condition)
	note(&tx.reads, key)
	tx.size += 2 * len(key)
}

func (c *Collection[T]) requireSpan(tx *Tx, all span, condition clientv3.Cmp) {
	tx.conditions = append(tx.conditions, condition)
	tx.readSpans = append(tx.readSpans, all)
}

// PutOption changes how a value is put.
type PutOption func(*put)

type put struct {
	lease   clientv3.LeaseID
	derived any
}

// WithLease attaches the object to a lease, with which it ends.
func WithLease(lease clientv3.LeaseID) PutOption { return func(p *put) { p.lease = lease } }

// WithDerived hands over what Derive would make of the value.
func WithDerived(derived any) PutOption { return func(p *put) { p.derived = derived } }

// Put creates or replaces the object of the key. It is attached to no lease
// afterwards, unless an option says so. The value must not be changed any more.
func (c *Collection[T]) Put(tx *Tx, key string, value T, options ...PutOption) {
	var p put
	for _, option := range options {
		option(&p)
	}
	if key == "" {
		tx.fail(fmt.Errorf("put %s: the key is empty", c.name))
		return
	}
	encoded, size, err := encode(value)
	if err != nil {
		tx.fail(fmt.Errorf("encode %s/%s: %w", c.name, key, err))
		return
	}
	var lease []clientv3.OpOption
	if p.lease != 0 {
		lease, tx.alone = append(lease, clientv3.WithLease(p.lease)), true
	}
	full := c.prefix + key
	tx.write(full, clientv3.OpPut(full, string(encoded), lease...))
	tx.own = append(tx.own, ownWrite{full, &ownValue{encoded: encoded, size: size, value: value, derived: p.derived}})
	tx.size += len(full) + len(encoded)
}

// Delete ends the object of the key, if there is one.
func (c *Collection[T]) Delete(tx *Tx, key string) {
	tx.write(c.prefix+key, clientv3.OpDelete(c.prefix+key))
	tx.size += len(c.prefix) + len(key)
}

// DeleteUnder ends all objects under the path.
func (c *Collection[T]) DeleteUnder(tx *Tx, under string) {
	all := c.span(under)
	tx.ops = append(tx.ops, clientv3.OpDelete(all.from, clientv3.WithRange(all.to)))
	tx.writeSpans = append(tx.writeSpans, all)
}

func (tx *Tx) write(key string, op clientv3.Op) {
	if _, twice := tx.writes[key]; twice {
		tx.fail(fmt.Errorf("transaction: key %s is written twice", key))
		return
	}
	note(&tx.writes, key)
	tx.ops = append(tx.ops, op)
}

func (tx *Tx) fail(err error) { tx.err = errors.Join(tx.err, err) }

func note(keys *map[string]struct{}, key string) {
	if *keys == nil {
		*keys = map[string]struct{}{}
	}
	(*keys)[key] = struct{}{}
}

// span is the range of etcd's keys under the path.
func (c *Collection[T]) span(path string) span {
	if path == "" {
		return spanOf(c.prefix[:len(c.prefix)-1])
	}
	return spanOf(c.prefix + path)
}

// Discard drops everything that the transaction was to write.
func (tx *Tx) Discard() {
	tx.ops, tx.own, tx.writes, tx.writeSpans, tx.size, tx.alone = nil, nil, nil, nil, 0, false
}
