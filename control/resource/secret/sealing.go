package secret

import (
	"errors"
	"iter"
	"maps"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/seal"
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
		if kept, known := before.GetSpec().GetData()[key]; known && (value == contract.Mask || s.keys.Seals(place(name, key), kept, value)) {
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

func sealedValues(secret *cmfv1.Secret) iter.Seq[string] {
	return maps.Values(secret.GetSpec().GetData())
}

// resealed is the secret with every value under the current key. The version
// stays, as the values do.
func (s *Secrets) resealed(_ string, secret *cmfv1.Secret) (*cmfv1.Secret, error) {
	after := proto.CloneOf(secret)
	name := secret.GetMetadata().GetName()
	for key, sealed := range secret.GetSpec().GetData() {
		resealed, err := s.keys.Reseal(place(name, key), sealed)
		if err != nil {
			// Another key is needed, which users learn when they use the secret.
			s.log.Error("secret cannot be opened with the configured keys", "secret", name, "key", key, "error", err)
			continue
		}
		after.Spec.Data[key] = resealed
	}
	return after, nil
}
