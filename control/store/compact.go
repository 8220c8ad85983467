package store

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Compact has etcd forget what changed longer ago than retention, until the context
// ends. Without that the database grows with every write. Stores that lost their
// watch load everything again where etcd has forgotten what they missed.
func (s *Store) Compact(ctx context.Context, retention time.Duration) error {
	type moment struct {
		at       time.Time
		revision int64
	}
	var known []moment // revisions since the last compaction, the oldest first
	ticker := time.NewTicker(retention / 5)
	defer ticker.Stop()
	for {
		known = append(known, moment{time.Now(), s.Cached().Revision()})
		var revision int64
		for len(known) > 0 && time.Since(known[0].at) >= retention {
			revision, known = known[0].revision, known[1:]
		}
		if revision > 0 {
			if err := s.compact(ctx, revision); err != nil && ctx.Err() == nil {
				s.log.Warn("the history of etcd could not be compacted", "revision", revision, "error", err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) compact(ctx context.Context, revision int64) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	_, err := s.client.Compact(ctx, revision)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil // nothing has changed since, or someone else did it
	}
	return err
}
