package reconcile

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// followSecrets seals anew whatever is sealed with a key that has been rotated
// out, so that the old key can be dropped from the keyset some day.
func (r *Reconciler) followSecrets(ctx context.Context) error {
	feed := r.State.Secrets.Changes("")
	defer feed.Close()
	for {
		keys, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			_, err := r.State.Secrets.Modify(ctx, key, r.reseal)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("seal secret %s anew: %w", key, err)
			}
		}
	}
}

// reseal is the secret with every value under the current key. The version
// stays: the values do.
func (r *Reconciler) reseal(secret *cmfv1.Secret) (*cmfv1.Secret, error) {
	out := proto.Clone(secret).(*cmfv1.Secret)
	for field, sealed := range secret.GetSpec().GetData() {
		if r.Keys.Current(sealed) {
			continue
		}
		place := state.SecretPlace(secret.GetMetadata().GetName(), field)
		value, err := r.Keys.Open(place, sealed)
		if err != nil {
			// Another key is needed; users see it when they use the secret.
			r.Log.Error("secret cannot be opened with the keys configured", "secret", secret.GetMetadata().GetName(), "field", field, "error", err)
			continue
		}
		if out.Spec.Data[field], err = r.Keys.Seal(place, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}
