package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// maxAttempts bounds how often a transaction starts over because something that
// it read had changed before it could be committed. Of two replicas that write
// the same thing all the time, the one that lost is behind in the next round too,
// and wins less than half of the rounds.
const maxAttempts = 50

// Update runs change and commits what it wrote, and returns the revision of the
// commit. It is the one place where conflicts are handled: change runs again, on a
// newer snapshot, whenever a condition did not hold or change itself returned
// ErrConflict, so it must have no effects but on what it is given and returns.
// Where etcd has no space left it runs once more with Tx.OutOfSpace.
// After maxAttempts it fails with ErrConflict. Any other error of change is
// returned as it is, and nothing is written.
//
// The first attempt reads the cache as it stands: if that is behind etcd in
// anything that matters, the commit fails. An attempt that writes nothing, or
// fails, proves nothing about etcd, and counts only if the snapshot was
// linearizable.
//
// A write that ends with ErrUnavailable may or may not have happened.
func (s *Store) Update(ctx context.Context, change func(*Tx) error) (int64, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	var base *Snapshot
	if s.isReady() {
		base = s.current.Load()
	}
	return s.update(ctx, base, false, change)
}

// UpdateFrom is Update for a caller who knows of a revision after which nobody
// else writes what matters to the transaction, such as that of its own last
// commit. Every attempt reads a snapshot that contains the revision, so that one
// which writes nothing, or fails, counts, and asks etcd nothing.
func (s *Store) UpdateFrom(ctx context.Context, revision int64, change func(*Tx) error) (int64, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	base, err := s.ViewFrom(ctx, revision)
	if err != nil {
		return 0, err
	}
	return s.update(ctx, base, true, change)
}

// update is Update. base is what the first attempt reads, nil for a linearizable
// snapshot; sufficient says whether an attempt on it that writes nothing counts.
func (s *Store) update(ctx context.Context, base *Snapshot, sufficient bool, change func(*Tx) error) (int64, error) {
	// Those that contend for what they write first go one at a time from the first
	// conflict on, newcomers too: each would otherwise make the others start over,
	// and one that has to read a newer snapshot first would lose every time.
	locked, outOfSpace := false, false
	lock := func(tx *Tx) (unlock func(), err error) {
		locked = true
		return s.contended.acquire(ctx, tx.firstKey())
	}
	for attempt := 0; attempt < maxAttempts; {
		if base == nil {
			var err error
			if base, err = s.View(ctx); err != nil {
				return 0, err
			}
			sufficient = true
		}
		tx := &Tx{base: base, outOfSpace: outOfSpace}
		err := change(tx)
		if err == nil {
			err = tx.err
		}
		switch {
		case err == nil && outOfSpace && tx.puts():
			return 0, fmt.Errorf("commit: %w", ErrNoSpace)
		case err == nil && len(tx.ops) > 0 && !locked && s.contended.has(tx.firstKey()):
			unlock, err := lock(tx)
			if err != nil {
				return 0, err
			}
			defer unlock()
			base = nil
			continue
		case err == nil && len(tx.ops) > 0:
			var revision int64
			revision, err = s.commit(ctx, tx)
			if errors.Is(err, ErrNoSpace) && !outOfSpace {
				outOfSpace = true // perhaps deletions alone will do
				continue
			}
			if err == nil || !errors.Is(err, ErrConflict) {
				return revision, err
			}
			s.metrics.conflicts.Add(1)
		case !errors.Is(err, ErrConflict) && sufficient:
			return base.revision, err
		case !errors.Is(err, ErrConflict):
			base = nil
			continue
		}
		base = nil
		if attempt++; !locked {
			unlock, err := lock(tx)
			if err != nil {
				return 0, err
			}
			defer unlock()
		}
	}
	return 0, ErrConflict
}

// firstKey stands for what a transaction contends for.
func (tx *Tx) firstKey() string {
	if len(tx.own) > 0 {
		return tx.own[0].key
	}
	if len(tx.ops) > 0 {
		return string(tx.ops[0].KeyBytes())
	}
	return ""
}

// keyLocks are locks by key, which exist while someone holds or awaits them.
type keyLocks struct {
	mu    sync.Mutex
	locks map[string]*keyLock
}

type keyLock struct {
	held  chan struct{} // has room for the one who holds the lock
	users int
}

// has is true if someone holds or awaits the lock of the key.
func (k *keyLocks) has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.locks[key] != nil
}

func (k *keyLocks) acquire(ctx context.Context, key string) (release func(), err error) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*keyLock{}
	}
	lock := k.locks[key]
	if lock == nil {
		lock = &keyLock{held: make(chan struct{}, 1)}
		k.locks[key] = lock
	}
	lock.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if lock.users--; lock.users == 0 {
			delete(k.locks, key)
		}
	}
	select {
	case lock.held <- struct{}{}:
		return func() { <-lock.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, translate(ctx.Err())
	}
}
