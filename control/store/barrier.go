package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// barrier is one question to etcd for its revision, on behalf of every reader
// that arrived before the question was put. A reader that comes later cannot
// share it, for a write may have been acknowledged in between.
type barrier struct {
	passed chan struct{}
	// asked is when the question was put; zero for a barrier without one.
	asked    time.Time
	err      error // set before passed is closed
	revision int64
	since    time.Time
}

func (b *barrier) pass(err error) {
	b.err = err
	close(b.passed)
}

// errHistoryChanged makes readers ask again, because the revision that they wait
// for belongs to a history that etcd no longer has.
var errHistoryChanged = errors.New("etcd was restored to another state")

// barriers lets readers wait until the caches have come as far as etcd was when
// they asked.
type barriers struct {
	mu      sync.Mutex
	next    *barrier   // the question not put yet; nil if nobody has one
	waiting []*barrier // for the caches to come to their revisions, in the order of these

	revision int64     // of the caches
	matched  time.Time // the latest time whose state of etcd the caches are known to contain
	history  int       // counts the times that etcd was put back
	cluster  uint64    // etcd's cluster id

	asked   chan struct{} // holds one signal while next is there
	lagging chan struct{} // holds one signal after a barrier began to wait
}

func newBarriers() *barriers {
	return &barriers{matched: time.Now(), asked: make(chan struct{}, 1), lagging: make(chan struct{}, 1)}
}

// position is where the caches are in which history.
type position struct {
	revision int64
	history  int
	cluster  uint64
}

func (b *barriers) position() position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return position{b.revision, b.history, b.cluster}
}

func (b *barriers) join() *barrier {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = &barrier{passed: make(chan struct{})}
		signal(b.asked)
	}
	return b.next
}

func (b *barriers) take() *barrier {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.next
	b.next = nil
	return taken
}

// await lets the barrier pass once the caches are at the revision, unless the
// history is no longer the one that the revision is of.
func (b *barriers) await(waiter *barrier, history int, revision int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case history != b.history:
		waiter.pass(errHistoryChanged)
	case revision <= b.revision:
		b.reached(waiter)
	default:
		waiter.revision, waiter.since = revision, time.Now()
		at, _ := slices.BinarySearchFunc(b.waiting, revision+1, func(other *barrier, r int64) int { return cmp.Compare(other.revision, r) })
		b.waiting = slices.Insert(b.waiting, at, waiter)
		signal(b.lagging)
	}
}

// advance says that the caches are at the revision.
func (b *barriers) advance(revision int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revision = max(b.revision, revision)
	for len(b.waiting) > 0 && b.waiting[0].revision <= b.revision {
		b.reached(b.waiting[0])
		b.waiting = b.waiting[1:]
	}
}

// reached lets a barrier pass that the caches have come to. The caller holds b.mu.
func (b *barriers) reached(waiter *barrier) {
	if waiter.asked.After(b.matched) {
		b.matched = waiter.asked
	}
	waiter.pass(nil)
}

// age is how long ago the caches last were known to be as etcd was.
func (b *barriers) age() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.matched)
}

// restart says that the caches were filled anew, possibly from another history.
func (b *barriers) restart(revision int64, cluster uint64) {
	b.mu.Lock()
	another := revision < b.revision || (b.cluster != 0 && b.cluster != cluster)
	b.cluster = cluster
	if another {
		b.history++
		b.revision = revision
		for _, waiter := range b.waiting {
			waiter.pass(errHistoryChanged)
		}
		b.waiting = nil
	}
	b.mu.Unlock()
	b.advance(revision)
}

// lag says how far the caches are behind what readers wait for, and how long the
// first of them has been waiting.
func (b *barriers) lag() (revisions int64, waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return 0, 0
	}
	return b.waiting[len(b.waiting)-1].revision - b.revision, time.Since(b.waiting[0].since)
}

// signal leaves a signal in the channel unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// answerBarriers puts the readers' questions to etcd, one at a time: whoever
// arrives during one shares the next.
func (s *Store) answerBarriers(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.ready:
	}
	for {
		var probe <-chan time.Time
		if s.silence.isUnanswered() {
			probe = time.After(probeInterval)
		}
		select {
		case <-ctx.Done():
			return
		case <-probe:
			s.barriers.join()
		case <-s.barriers.asked:
		}
		if b := s.barriers.take(); b != nil {
			s.answer(ctx, b)
		}
	}
}

func (s *Store) answer(ctx context.Context, b *barrier) {
	timeout := questionTimeout
	if s.silence.isSilent() {
		timeout = silenceLimit
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	before := s.barriers.position()
	b.asked = time.Now()
	header, err := s.currentHeader(ctx)
	if err != nil {
		b.pass(translate(err))
		return
	}
	if !before.precedes(header) && before.history == s.barriers.position().history {
		signal(s.rewind)
	}
	s.barriers.await(b, before.history, header.Revision)
}

// precedes says whether etcd's answer is of the history that the caches are of
// and not from before them.
func (p position) precedes(header *etcdserverpb.ResponseHeader) bool {
	return p.cluster == header.ClusterId && p.revision <= header.Revision
}

// currentHeader asks etcd for nothing but the header of a linearizable answer.
func (s *Store) currentHeader(ctx context.Context) (*etcdserverpb.ResponseHeader, error) {
	began, answered := time.Now(), s.silence.ask()
	response, err := s.client.Get(ctx, s.prefix, clientv3.WithCountOnly())
	answered(err)
	s.metrics.observeRequest(ctx, operationRead, began)
	if err != nil {
		return nil, fmt.Errorf("ask etcd for its revision: %w", err)
	}
	return response.Header, nil
}

// catchUp returns once the caches hold every write that was acknowledged before
// the call.
func (s *Store) catchUp(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	for {
		b := s.barriers.join()
		select {
		case <-s.silence.Broken():
			return errSilent
		case <-b.passed:
			if !errors.Is(b.err, errHistoryChanged) {
				return b.err
			}
		case <-ctx.Done():
			return s.whyBehind(ctx.Err())
		case <-s.stopped:
			return fmt.Errorf("%w: the store has stopped", ErrUnavailable)
		}
	}
}

// comeTo returns once the caches are at the revision.
func (s *Store) comeTo(ctx context.Context, revision int64) error {
	if s.current.Load().revision >= revision {
		return nil
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	b := &barrier{passed: make(chan struct{})}
	s.barriers.await(b, s.barriers.position().history, revision)
	select {
	case <-s.silence.Broken():
		return errSilent
	case <-b.passed:
		if b.err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, b.err)
		}
		return nil
	case <-ctx.Done():
		return s.whyBehind(ctx.Err())
	case <-s.stopped:
		return fmt.Errorf("%w: the store has stopped", ErrUnavailable)
	}
}

// whyBehind says why a reader had to give up.
func (s *Store) whyBehind(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if !s.isReady() {
		return fmt.Errorf("%w: the cache is not filled yet: %w", ErrUnavailable, errors.Join(s.trouble(), err))
	}
	if behind, waited := s.barriers.lag(); behind > 0 {
		return fmt.Errorf("%w: the cache has been %d revisions behind for %s: %w",
			ErrUnavailable, behind, waited.Round(time.Millisecond), errors.Join(s.trouble(), err))
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
