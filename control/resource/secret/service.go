package secret

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedSecretServiceServer
	*Secrets
}

func (s *service) CreateSecret(ctx context.Context, req *cmfv1.CreateSecretRequest) (*cmfv1.Secret, error) {
	secret := req.GetSecret()
	if err := check(secret); err != nil {
		return nil, err
	}
	data, err := s.seal(secret.GetMetadata().GetName(), secret.GetSpec().GetData(), nil)
	if err != nil {
		return nil, err
	}
	return s.kind.Create(ctx, s.store, "", &cmfv1.Secret{
		Metadata: resource.UserMetadata(secret.GetMetadata()),
		Spec:     &cmfv1.SecretSpec{Data: data},
		Status:   &cmfv1.SecretStatus{Version: "1"},
	}, nil)
}

func (s *service) GetSecret(ctx context.Context, req *cmfv1.GetSecretRequest) (*cmfv1.Secret, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetSecretName(), resource.Detail{})
}

func (s *service) ListSecrets(ctx context.Context, req *cmfv1.ListSecretsRequest) (*cmfv1.SecretsPage, error) {
	return resource.List[cmfv1.SecretsPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) WatchSecrets(req *cmfv1.WatchSecretsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchSecretsResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) UpdateSecret(ctx context.Context, req *cmfv1.UpdateSecretRequest) (*cmfv1.Secret, error) {
	name := req.GetSecretName()
	update := resource.WithName(req.GetSecret(), name)
	return s.kind.Update(ctx, s.store, "", name, req.GetResourceVersion(), req.GetSecret().GetMetadata(), func(_ *store.Tx, before item) (*cmfv1.Secret, error) {
		if err := checkUpdate(update); err != nil {
			return nil, err
		}
		data, err := s.seal(name, update.GetSpec().GetData(), before.Value())
		if err != nil {
			return nil, err
		}
		after := proto.CloneOf(before.Value())
		after.Metadata = resource.UserMetadata(update.GetMetadata())
		after.Spec.Data = data
		if !maps.Equal(data, before.Value().GetSpec().GetData()) {
			version, err := strconv.ParseInt(before.Value().GetStatus().GetVersion(), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("version of secret %s: %w", before.Key, err)
			}
			after.Status = &cmfv1.SecretStatus{Version: strconv.FormatInt(version+1, 10)}
		}
		return after, nil
	})
}

func (s *service) DeleteSecret(ctx context.Context, req *cmfv1.DeleteSecretRequest) (*cmfv1.DeleteSecretResponse, error) {
	name := req.GetSecretName()
	err := s.kind.Delete(ctx, s.store, "", name, req.GetResourceVersion(), func(tx *store.Tx, secret item) error {
		if environments := s.mappedBy(tx, name); len(environments) > 0 {
			return apierror.InUse("Cannot delete secret '%s': mapped by environments [%s]", name, resource.Abridge(environments))
		}
		s.references.RequireEmpty(tx, secret.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteSecretResponse{}, nil
}
