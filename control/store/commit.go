package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Transactions that are independent of each other are committed in groups: while
// a request to etcd is on its way, those that arrive wait, and go together in the
// next one, each as a transaction within the request with conditions of its own.
// etcd judges all conditions of a request before it applies any of it, so no
// transaction of a group may write what another one reads or writes.
const (
	// maxRequests is how many requests may be on their way.
	maxRequests = 2
	// maxGroup and maxGroupBytes bound a request. etcd takes 128 operations in a
	// transaction, those within it less the number of transactions, and 1.5 MiB
	// in a request.
	maxGroup      = 32
	maxGroupBytes = 512 << 10
	maxGroupOps   = 128 - maxGroup

	// slowCommit is how long a commit takes before etcd is asked something else, to
	// tell an etcd that is slow to write from one that does not answer.
	slowCommit = 100 * time.Millisecond
)

// committer groups the transactions of a store.
type committer struct {
	client  *clientv3.Client
	silence *silence
	metrics *metrics
	// ask asks etcd something that it answers without writing.
	ask func()

	mu      sync.Mutex
	waiting []*pendingCommit
	sending int
	live    sync.WaitGroup // of the goroutines that send
}

// pendingCommit is a transaction that waits for its commit.
type pendingCommit struct {
	tx *Tx
	// request is what it was sent with; nil before.
	request *request
	done    chan struct{}
	// What follows is set before done is closed.
	revision int64
	err      error
}

func (p *pendingCommit) finish(revision int64, err error) {
	p.revision, p.err = revision, err
	close(p.done)
}

// commit does all that the transaction says if all of its conditions hold, and
// returns the revision that it made; otherwise it does nothing and fails with
// ErrConflict.
func (s *Store) commit(ctx context.Context, tx *Tx) (int64, error) {
	for _, own := range tx.own {
		s.written.put(own.key, own.value)
	}
	revision, err := s.committer.submit(ctx, tx)
	if err != nil {
		for _, own := range tx.own {
			s.written.forget(own.key, own.value)
		}
		return 0, fmt.Errorf("commit: %w", s.noticed(err))
	}
	return revision, nil
}

// noticed is the error, of which it is noted what it says of etcd.
func (s *Store) noticed(err error) error {
	if errors.Is(err, ErrNoSpace) {
		s.exhausted()
	}
	return err
}

// request is a request to etcd on its way. It is given up when everybody who
// waits for it has.
type request struct {
	awaited int // guarded by committer.mu
	cancel  context.CancelFunc
}

func (c *committer) submit(ctx context.Context, tx *Tx) (int64, error) {
	if c.silence.isSilent() {
		return 0, errSilent // and nothing is sent
	}
	p := &pendingCommit{tx: tx, done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, p)
	if c.sending < maxRequests {
		c.sending++
		c.live.Go(c.send)
	}
	c.mu.Unlock()
	slow := time.NewTimer(slowCommit)
	defer slow.Stop()
	for {
		select {
		case <-p.done:
			return p.revision, p.err
		case <-slow.C:
			c.ask()
		case <-c.silence.Broken():
			c.withdraw(p)
			return 0, errSilent
		case <-ctx.Done():
			c.withdraw(p)
			return 0, translate(ctx.Err())
		}
	}
}

// withdraw takes back a transaction that has not been sent. One that has may
// still be committed, since others may wait for the same request.
func (c *committer) withdraw(p *pendingCommit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.request != nil {
		if p.request.awaited--; p.request.awaited == 0 {
			p.request.cancel()
		}
		return
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(other *pendingCommit) bool { return other == p })
}

// send sends group after group until nothing waits.
func (c *committer) send() {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout) //nolint:forbidigo // on behalf of several callers; see withdraw
		group := c.take(cancel)
		if group != nil {
			c.sendGroup(ctx, group)
		}
		cancel()
		if group == nil {
			return
		}
	}
}

// take takes the transaction that has waited longest, and with it those that can
// go together.
func (c *committer) take(cancel context.CancelFunc) []*pendingCommit {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.waiting = nil
		c.sending--
		return nil
	}
	var group footprint
	var taken []*pendingCommit
	sent := &request{cancel: cancel}
	rest := c.waiting[:0]
	for _, p := range c.waiting {
		if len(taken) == 0 || group.admits(p.tx) {
			group.add(p.tx)
			taken = append(taken, p)
			p.request = sent
			sent.awaited++
		} else {
			rest = append(rest, p)
		}
	}
	clear(c.waiting[len(rest):])
	c.waiting = rest
	return taken
}

func (c *committer) sendGroup(ctx context.Context, group []*pendingCommit) {
	if len(group) == 1 {
		tx := group[0].tx
		response, err := c.request(ctx, c.client.Txn(ctx).If(tx.conditions...).Then(tx.ops...))
		if err != nil {
			group[0].finish(0, translate(err))
			return
		}
		group[0].conclude(response.Header.Revision, response.Succeeded)
		return
	}
	ops := make([]clientv3.Op, len(group))
	for i, p := range group {
		ops[i] = clientv3.OpTxn(p.tx.conditions, p.tx.ops, nil)
	}
	response, err := c.request(ctx, c.client.Txn(ctx).Then(ops...))
	switch {
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps), errors.Is(err, rpctypes.ErrDuplicateKey):
		// One of them is to blame; which one shows when each goes by itself.
		for i := range group {
			c.sendGroup(ctx, group[i:i+1])
		}
	case errors.Is(err, rpctypes.ErrNoSpace):
		// Those that only delete are accepted when they go by themselves.
		for i, p := range group {
			if p.tx.puts() {
				p.finish(0, translate(err))
			} else {
				c.sendGroup(ctx, group[i:i+1])
			}
		}
	case err != nil:
		for _, p := range group {
			p.finish(0, translate(err))
		}
	default:
		for i, p := range group {
			p.conclude(response.Header.Revision, response.Responses[i].GetResponseTxn().GetSucceeded())
		}
	}
}

func (c *committer) request(ctx context.Context, txn clientv3.Txn) (*clientv3.TxnResponse, error) {
	began, answered := time.Now(), c.silence.ask()
	response, err := txn.Commit()
	answered(err)
	c.metrics.observeRequest(ctx, operationCommit, began)
	return response, err
}

func (p *pendingCommit) conclude(revision int64, succeeded bool) {
	if !succeeded {
		p.finish(0, ErrConflict)
		return
	}
	p.finish(revision, nil)
}

// footprint is what the transactions of a group read and write.
type footprint struct {
	count, bytes          int
	alone                 bool
	reads, writes         map[string]struct{}
	readSpans, writeSpans []span
}

// admits is true if the transaction can go with the group: there is room, and
// neither writes what the other reads or writes.
func (f *footprint) admits(tx *Tx) bool {
	if f.alone || tx.goesAlone() || f.count == maxGroup || f.bytes+tx.size > maxGroupBytes {
		return false
	}
	return !touches(tx.writes, tx.writeSpans, f.reads, f.readSpans) &&
		!touches(tx.writes, tx.writeSpans, f.writes, f.writeSpans) &&
		!touches(f.writes, f.writeSpans, tx.reads, tx.readSpans)
}

func (f *footprint) add(tx *Tx) {
	f.count++
	f.bytes += tx.size
	f.alone = f.alone || tx.goesAlone()
	if f.reads == nil {
		f.reads, f.writes = map[string]struct{}{}, map[string]struct{}{}
	}
	for key := range tx.reads {
		f.reads[key] = struct{}{}
	}
	for key := range tx.writes {
		f.writes[key] = struct{}{}
	}
	f.readSpans = append(f.readSpans, tx.readSpans...)
	f.writeSpans = append(f.writeSpans, tx.writeSpans...)
}

func (tx *Tx) goesAlone() bool {
	return tx.alone || len(tx.ops) > maxGroupOps || len(tx.conditions) > maxGroupOps || tx.size > maxGroupBytes
}

// touches is true if two sets of keys have one in common.
func touches(keys map[string]struct{}, spans []span, others map[string]struct{}, otherSpans []span) bool {
	if len(keys) > len(others) {
		keys, spans, others, otherSpans = others, otherSpans, keys, spans
	}
	for key := range keys {
		if _, both := others[key]; both || containedIn(otherSpans, key) {
			return true
		}
	}
	if len(spans) > 0 {
		for key := range others {
			if containedIn(spans, key) {
				return true
			}
		}
	}
	return slices.ContainsFunc(spans, func(s span) bool {
		return slices.ContainsFunc(otherSpans, func(o span) bool { return s.from < o.to && o.from < s.to })
	})
}

func containedIn(spans []span, key string) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.contains(key) })
}
