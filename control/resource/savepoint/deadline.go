package savepoint

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

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
	ticker := time.NewTicker(deadlineCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			if err := s.expire(ctx, now); err != nil {
				return err
			}
		}
	}
}

// expire fails those that are overdue at a time.
func (s *Savepoints) expire(ctx context.Context, now time.Time) error {
	at := s.store.Cached()
	for o := range s.Records.In(at).Under("") {
		if !s.overdue(at, o.Key, now) {
			continue
		}
		_, err := s.store.Update(ctx, func(tx *store.Tx) error {
			record := s.Records.Get(tx, o.Key)
			s.status.Get(tx, o.Key)
			if !s.overdue(tx, o.Key, now) {
				return nil
			}
			after := proto.CloneOf(record.Value())
			after.Expired = fmt.Sprintf("The savepoint was not complete within %s.", deadline)
			s.Records.Put(tx, o.Key, after)
			return nil
		})
		if err != nil {
			return fmt.Errorf("expire savepoint %s: %w", o.Key, err)
		}
	}
	return nil
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
