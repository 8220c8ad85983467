package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type secrets struct {
	cmfv1.UnimplementedSecretServiceServer
	*Services
}

func (s *Services) secretKind() kind[*cmfv1.Secret] {
	return kind[*cmfv1.Secret]{
		noun: "Secret", name: contract.KindSecret,
		store: s.state.Store, kept: s.state.Secrets, list: query.Secrets,
		view: func(secret *cmfv1.Secret) *cmfv1.Secret {
			return rules.Masked(secret, s.mappedBy(secret.GetMetadata().GetName()))
		},
	}
}

// mappedBy names the environments that map a secret, in order.
func (s *Services) mappedBy(secret string) []string {
	var out []string
	for _, mapping := range s.state.SecretMappings.CachedByIndex(state.BySecret, secret) {
		out = append(out, store.Segments(mapping.Key)[0])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sealData seals the values of a secret. A value that equals the mask is what a
// client read and sent back: the sealed value it stands for is kept.
func (s *Services) sealData(name string, data map[string]string, before *cmfv1.Secret) (map[string]string, error) {
	sealed := make(map[string]string, len(data))
	for key, value := range data {
		kept, known := before.GetSpec().GetData()[key]
		if known {
			if value == contract.Mask {
				sealed[key] = kept
				continue
			}
			// Sealing gives another text each time; an unchanged value should not
			// look changed.
			if plain, err := s.keys.Open(state.SecretPlace(name, key), kept); err == nil && plain == value && s.keys.Current(kept) {
				sealed[key] = kept
				continue
			}
		}
		text, err := s.keys.Seal(state.SecretPlace(name, key), value)
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

func (s *secrets) CreateSecret(ctx context.Context, req *cmfv1.CreateSecretRequest) (*cmfv1.Secret, error) {
	secret := req.GetSecret()
	if err := rules.CheckSecret(secret); err != nil {
		return nil, err
	}
	data, err := s.sealData(secret.GetMetadata().GetName(), secret.GetSpec().GetData(), nil)
	if err != nil {
		return nil, err
	}
	return s.secretKind().create(ctx, "", &cmfv1.Secret{
		Metadata: userMeta(secret.GetMetadata()),
		Spec:     &cmfv1.SecretSpec{Data: data},
		Status:   &cmfv1.SecretStatus{Version: "1"},
	}, alone)
}

func (s *secrets) GetSecret(ctx context.Context, req *cmfv1.GetSecretRequest) (*cmfv1.Secret, error) {
	return s.secretKind().describe(ctx, "", req.GetSecretName())
}

func (s *secrets) ListSecrets(ctx context.Context, req *cmfv1.ListSecretsRequest) (*cmfv1.SecretsPage, error) {
	page, err := s.secretKind().page(ctx, "", req, nil)
	if err != nil {
		return nil, err
	}
	return &cmfv1.SecretsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *secrets) UpdateSecret(ctx context.Context, req *cmfv1.UpdateSecretRequest) (*cmfv1.Secret, error) {
	update := named(clone(req.GetSecret()), req.GetSecretName())
	return s.secretKind().update(ctx, "", req.GetSecretName(), req.GetSecret().GetMetadata(), func(_ context.Context, before store.Object[*cmfv1.Secret]) (*cmfv1.Secret, change, error) {
		if err := rules.CheckSecretUpdate(update); err != nil {
			return nil, change{}, err
		}
		data, err := s.sealData(req.GetSecretName(), update.GetSpec().GetData(), before.Value)
		if err != nil {
			return nil, change{}, err
		}
		after := clone(before.Value)
		after.Metadata = userMeta(update.GetMetadata())
		after.Spec.Data = data
		if !maps.Equal(data, before.Value.GetSpec().GetData()) {
			version, err := strconv.ParseInt(before.Value.GetStatus().GetVersion(), 10, 64)
			if err != nil {
				return nil, change{}, fmt.Errorf("version of secret %s: %w", before.Key, err)
			}
			after.Status = &cmfv1.SecretStatus{Version: strconv.FormatInt(version+1, 10)}
		}
		return after, change{}, nil
	})
}

func (s *secrets) DeleteSecret(ctx context.Context, req *cmfv1.DeleteSecretRequest) (*cmfv1.DeleteSecretResponse, error) {
	err := s.secretKind().remove(ctx, "", req.GetSecretName(), func(_ context.Context, secret store.Object[*cmfv1.Secret]) (change, error) {
		if environments := s.mappedBy(req.GetSecretName()); len(environments) > 0 {
			return change{}, apierror.InUse("Cannot delete secret '%s': mapped by environments [%s]", req.GetSecretName(), abridge(environments))
		}
		return change{conds: []store.Cond{s.state.SecretReferences.EmptyUnder(secret.Key)}}, nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteSecretResponse{}, nil
}
