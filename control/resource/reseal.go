package resource

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
)

// Reseal is a duty that seals again whatever is sealed with a key that has been
// rotated out, so that the old key can be removed from the keyset. resealed returns
// the record with its values under the current key: the record itself if they are.
func Reseal[R proto.Message](s *store.Store, name string, records *store.Collection[R], resealed func(key string, record R) (R, error)) func(context.Context) error {
	one := func(ctx context.Context, key string) error {
		outdated := func(o *store.Object[R]) (R, bool, error) {
			var none R
			if o == nil {
				return none, false, nil
			}
			after, err := resealed(key, o.Value())
			return after, err == nil && !proto.Equal(after, o.Value()), err
		}
		if _, changed, err := outdated(records.In(s.Cached()).Get(key)); !changed {
			return err
		}
		_, err := s.Update(ctx, func(tx *store.Tx) error {
			after, changed, err := outdated(records.Get(tx, key))
			if changed {
				records.Put(tx, key, after)
			}
			return err
		})
		return err
	}
	return func(ctx context.Context) error {
		feed := s.Changes(records.Scope(""))
		defer feed.Close()
		work := NewWork(name, s, one)
		defer work.End()
		return work.Follow(ctx, feed, func(changed []store.Ref) {
			for _, ref := range changed {
				work.Do(ctx, ref.Key)
			}
		})
	}
}
