package machinetoken

import (
	"context"
	"time"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
)

// expiryCheck is how often expired tokens are looked for. They are refused before.
const expiryCheck = 10 * time.Second

// deleteExpired is the duty to delete tokens that have expired.
func (t *Tokens) deleteExpired(ctx context.Context) error {
	work := resource.NewWork("delete-machine-tokens", t.store, func(ctx context.Context, key string) error { return t.expire(ctx, key, time.Now()) })
	defer work.End()
	ticker := time.NewTicker(expiryCheck)
	defer ticker.Stop()
	for {
		at := t.store.Cached()
		for record := range t.kind.Records.In(at).Under("") {
			if expired(record, time.Now()) && !work.Failing(record.Key) {
				work.Do(ctx, record.Key)
			}
		}
		work.Retry(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// expire deletes a token if it has expired at a time.
func (t *Tokens) expire(ctx context.Context, key string, now time.Time) error {
	return resource.Update(ctx, t.store, "The machine token "+key, func(tx *store.Tx) error {
		if record := t.kind.Records.Get(tx, key); record != nil && expired(record, now) {
			t.kind.Records.Delete(tx, key)
		}
		return nil
	})
}
