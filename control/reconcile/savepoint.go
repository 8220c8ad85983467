package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// savepointDeadline is how long a savepoint may take. The operator has none: it
// leaves one that its validator refuses waiting for ever and says nothing.
const savepointDeadline = 15 * time.Minute

// savepointCheck is how often savepoints are held against the deadline.
const savepointCheck = 10 * time.Second

// expireSavepoints fails savepoints that have not ended in time.
func (r *Reconciler) expireSavepoints(ctx context.Context) error {
	ticker := time.NewTicker(savepointCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			for _, record := range r.State.Savepoints.CachedUnder("") {
				if err := r.expireSavepoint(ctx, record, now); err != nil {
					return err
				}
			}
		}
	}
}

func (r *Reconciler) expireSavepoint(ctx context.Context, record store.Object[*storev1.SavepointRecord], now time.Time) error {
	if record.Value.GetExpired() != "" || record.Value.GetDeleting() {
		return nil
	}
	if now.Sub(record.Value.GetSavepoint().GetMetadata().GetCreationTimestamp().AsTime()) < savepointDeadline {
		return nil
	}
	reported, _ := r.State.SavepointStatus.Cached(record.Key)
	if rules.SavepointEnded(rules.SavepointStatus(record.Value, reported.Value, "").GetState()) {
		return nil
	}
	after := proto.Clone(record.Value).(*storev1.SavepointRecord)
	after.Expired = fmt.Sprintf("The savepoint was not complete within %s.", savepointDeadline)
	_, err := r.State.Savepoints.Update(ctx, record.Key, record.Revision, after)
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("expire savepoint %s: %w", record.Key, err)
	}
	return nil
}
