package secret

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// place is what a value of a secret is sealed for. A ciphertext that is moved to
// another secret or key does not open.
func place(secret, key string) string { return "secrets/" + secret + "/" + key }

// seal seals the values of a secret. A value that equals the mask is one that a
// client read and sent back: the sealed value that it stands for is kept.
func (s *Secrets) seal(name string, data map[string]string, before *cmfv1.Secret) (map[string]string, error) {
	sealed := make(map[string]string, len(data))
	for key, value := range data {
		if kept, known := before.GetSpec().GetData()[key]; known && (value == contract.Mask || s.seals(place(name, key), kept, value)) {
			sealed[key] = kept
			continue
		}
		text, err := s.keys.Seal(place(name, key), value)
		if errors.Is(err, seal.ErrNoKey) {
			return nil, apierror.Unavailable(err, "Secrets cannot be stored: the control plane has no encryption keys (--keyset).")
		}
		if err != nil {
			return nil, err
		}
		sealed[key] = text
	}
	return sealed, nil
}

// seals is true if a text is the value sealed with the current key. Sealing gives
// another text each time, and an unchanged value should not look changed.
func (s *Secrets) seals(place, sealed, value string) bool {
	opened, err := s.keys.Open(place, sealed)
	return err == nil && opened == value && s.keys.Current(sealed)
}

// reseal seals again whatever is sealed with a key that has been rotated out, so
// that the old key can be removed from the keyset.
func (s *Secrets) reseal(ctx context.Context) error {
	feed := s.store.Changes(s.Records.Scope(""))
	defer feed.Close()
	work := resource.NewWork("reseal-secrets", s.store, s.resealOne)
	defer work.End()
	return work.Follow(ctx, feed, func(changed []store.Ref) {
		for _, ref := range changed {
			work.Do(ctx, ref.Key)
		}
	})
}

func (s *Secrets) resealOne(ctx context.Context, key string) error {
	if secret := s.Records.In(s.store.Cached()).Get(key); secret == nil || !s.outdated(secret.Value()) {
		return nil
	}
	_, err := s.store.Update(ctx, func(tx *store.Tx) error {
		before := s.Records.Get(tx, key)
		if before == nil {
			return nil
		}
		after, err := s.resealed(before.Value())
		if err == nil && !proto.Equal(before.Value(), after) {
			s.Records.Put(tx, key, after)
		}
		return err
	})
	return err
}

// outdated is true if a value is sealed with another key than the current one.
func (s *Secrets) outdated(secret *cmfv1.Secret) bool {
	for _, sealed := range secret.GetSpec().GetData() {
		if !s.keys.Current(sealed) {
			return true
		}
	}
	return false
}

// resealed is the secret with every value under the current key. The version
// stays, as the values do.
func (s *Secrets) resealed(secret *cmfv1.Secret) (*cmfv1.Secret, error) {
	after := proto.CloneOf(secret)
	name := secret.GetMetadata().GetName()
	for key, sealed := range secret.GetSpec().GetData() {
		if s.keys.Current(sealed) {
			continue
		}
		value, err := s.keys.Open(place(name, key), sealed)
		if err != nil {
			// Another key is needed, which users learn when they use the secret.
			s.log.Error("secret cannot be opened with the configured keys", "secret", name, "key", key, "error", err)
			continue
		}
		if after.Spec.Data[key], err = s.keys.Seal(place(name, key), value); err != nil {
			return nil, err
		}
	}
	return after, nil
}
