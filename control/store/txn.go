package store

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

// Cond is a condition of a transaction. Conditions and effects of any of the
// collections of one Store go together in a transaction.
type Cond struct{ cmp clientv3.Cmp }

// Op is an effect of a transaction.
type Op struct {
	op  clientv3.Op
	err error // why the op cannot be
}

// Unchanged holds while the object of the key has the revision.
func (c *Collection[T]) Unchanged(key string, revision int64) Cond {
	return Cond{clientv3.Compare(clientv3.ModRevision(c.prefix+key), "=", revision)}
}

// Absent holds while there is no object of the key.
func (c *Collection[T]) Absent(key string) Cond {
	return Cond{clientv3.Compare(clientv3.CreateRevision(c.prefix+key), "=", 0)}
}

// Present holds while there is an object of the key.
func (c *Collection[T]) Present(key string) Cond {
	return Cond{clientv3.Compare(clientv3.CreateRevision(c.prefix+key), ">", 0)}
}

// EmptyUnder holds while there is no object under the path.
func (c *Collection[T]) EmptyUnder(under string) Cond {
	// Every key in the range has to satisfy this, and none that exists does.
	all := c.span(under)
	return Cond{clientv3.Compare(clientv3.CreateRevision(all.from), "=", 0).WithRange(all.to)}
}

// NoneSince holds while no object under the path was written after the
// revision.
func (c *Collection[T]) NoneSince(under string, revision int64) Cond {
	all := c.span(under)
	return Cond{clientv3.Compare(clientv3.ModRevision(all.from), "<", revision+1).WithRange(all.to)}
}

// HeldBy holds while the object of the key is there and goes with the lease.
func (c *Collection[T]) HeldBy(key string, lease clientv3.LeaseID) Cond {
	return Cond{clientv3.Compare(clientv3.LeaseValue(c.prefix+key), "=", lease)}
}

// Put creates or replaces the object of the key. It is no longer under a lease
// afterwards.
func (c *Collection[T]) Put(key string, value T) Op { return c.put(key, value) }

// PutLeased creates or replaces the object of the key, to go when the lease ends.
func (c *Collection[T]) PutLeased(key string, value T, lease clientv3.LeaseID) Op {
	return c.put(key, value, clientv3.WithLease(lease))
}

func (c *Collection[T]) put(key string, value T, options ...clientv3.OpOption) Op {
	if key == "" {
		return Op{err: fmt.Errorf("put %s: the key is empty", c.name)}
	}
	encoded, err := proto.Marshal(value)
	if err != nil {
		return Op{err: fmt.Errorf("encode %s/%s: %w", c.name, key, err)}
	}
	return Op{op: clientv3.OpPut(c.prefix+key, string(encoded), options...)}
}

// Remove ends the object of the key, if there is one.
func (c *Collection[T]) Remove(key string) Op { return Op{op: clientv3.OpDelete(c.prefix + key)} }

// RemoveUnder ends all objects under the path.
func (c *Collection[T]) RemoveUnder(under string) Op {
	all := c.span(under)
	return Op{op: clientv3.OpDelete(all.from, clientv3.WithRange(all.to))}
}

// span is the range of etcd's keys under the path.
func (c *Collection[T]) span(path string) span {
	if path == "" {
		return spanOf(c.prefix[:len(c.prefix)-1])
	}
	return spanOf(c.prefix + path)
}

// Commit does all ops at once if all conditions hold, and returns the revision
// that they made; otherwise it does nothing and fails with ErrConflict. No key
// may be touched by two ops.
func (s *Store) Commit(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	response, err := s.transact(ctx, conds, ops, nil)
	if err == nil && !response.Succeeded {
		err = ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return response.Header.Revision, nil
}

func (s *Store) transact(ctx context.Context, conds []Cond, then, otherwise []Op) (*clientv3.TxnResponse, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	cmps := make([]clientv3.Cmp, len(conds))
	for i, cond := range conds {
		cmps[i] = cond.cmp
	}
	thenOps, err := bare(then)
	otherwiseOps, otherwiseErr := bare(otherwise)
	if err := errors.Join(err, otherwiseErr); err != nil {
		return nil, err
	}
	response, err := s.client.Txn(ctx).If(cmps...).Then(thenOps...).Else(otherwiseOps...).Commit()
	return response, translate(err)
}

func bare(ops []Op) ([]clientv3.Op, error) {
	all := make([]clientv3.Op, len(ops))
	var errs []error
	for i, op := range ops {
		all[i] = op.op
		errs = append(errs, op.err)
	}
	return all, errors.Join(errs...)
}
