package savepoint

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

const (
	// deadline is how long a savepoint may take. The operator has none: it
	// never completes one that its validation rejects, and reports nothing.
	deadline = 15 * time.Minute
	// deadlineCheck is how often savepoints are held against the deadline.
	deadlineCheck = 10 * time.Second
)

// expireOverdue fails savepoints that have not ended in time.
func (s *Savepoints) expireOverdue(ctx context.Context) error {
	work := resource.NewWork("expire-savepoints", s.store, func(ctx context.Context, key string) error { return s.expire(ctx, key, time.Now()) })
	defer work.End()
	ticker := time.NewTicker(deadlineCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			at := s.store.Cached()
			for key := range s.Records.Scope("").Keys(at) {
				if s.overdue(at, key, now) && !work.Failing(key) {
					work.Do(ctx, key)
				}
			}
			work.Retry(ctx)
		}
	}
}

// expire fails a savepoint if it is overdue at a time.
func (s *Savepoints) expire(ctx context.Context, key string, now time.Time) error {
	_, err := s.store.Update(ctx, func(tx *store.Tx) error {
		record := s.Records.Get(tx, key)
		s.status.Get(tx, key)
		if !s.overdue(tx, key, now) {
			return nil
		}
		after := proto.CloneOf(record.Value())
		after.Expired = fmt.Sprintf("The savepoint was not complete within %s.", deadline)
		s.Records.Put(tx, key, after)
		return nil
	})
	return err
}

func (s *Savepoints) overdue(at store.Reader, key string, now time.Time) bool {
	savepoint, ok := s.Kind.Item(at, key)
	return ok && overdue(savepoint.Value(), savepoint.Reported(), now)
}

// overdue is true if a savepoint should have ended by now and has not.
func overdue(record *storev1.SavepointRecord, reported *storev1.StatusRecord, now time.Time) bool {
	return record.GetExpired() == "" && !record.GetDeleting() &&
		now.Sub(metadataOf(record).GetCreationTimestamp().AsTime()) >= deadline &&
		!ended(statusOf(record, reported).GetState())
}
