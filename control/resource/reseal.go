package resource

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/store"
)

// Sealed are the values of a collection that are sealed with keys of the keyset.
type Sealed struct {
	// Values returns the sealed values.
	Values func(at store.Reader) iter.Seq[string]
	// Same is true if nothing has changed in the collection between two readers.
	Same func(a, b store.Reader) bool
	// Reseal is a duty that seals again whatever is sealed with another key than the
	// primary one, so that the other can be removed from the keyset.
	Reseal func(context.Context) error
}

// NewSealed describes the sealed values of a collection. values are those of a record,
// and resealed is the record with its values under the primary key: the record itself
// if they are.
func NewSealed[R proto.Message](
	s *store.Store, name string, records *store.Collection[R], values func(record R) iter.Seq[string], resealed func(key string, record R) (R, error),
) Sealed {
	return Sealed{
		Values: func(at store.Reader) iter.Seq[string] {
			return func(yield func(string) bool) {
				for record := range records.In(at).Under("") {
					for value := range values(record.Value()) {
						if !yield(value) {
							return
						}
					}
				}
			}
		},
		Same:   records.Same,
		Reseal: reseal(s, name, records, resealed),
	}
}

func reseal[R proto.Message](s *store.Store, name string, records *store.Collection[R], resealed func(key string, record R) (R, error)) func(context.Context) error {
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
