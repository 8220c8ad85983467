package secret

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type mappingService struct {
	cmfv1.UnimplementedSecretMappingServiceServer
	*Secrets
}

func (s *mappingService) CreateEnvironmentSecretMapping(ctx context.Context, req *cmfv1.CreateEnvironmentSecretMappingRequest) (*cmfv1.EnvironmentSecretMapping, error) {
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	mapping := req.GetMapping()
	if err := checkMapping(mapping); err != nil {
		return nil, err
	}
	return s.mappingKind.Create(ctx, s.store, env.Key, &cmfv1.EnvironmentSecretMapping{
		Metadata: resource.UserMetadata(mapping.GetMetadata()),
		Spec:     mapping.GetSpec(),
	}, func(tx *store.Tx, mapping *cmfv1.EnvironmentSecretMapping) error {
		if _, err := s.environments.RequirePresent(tx, req.GetEnvName()); err != nil {
			return err
		}
		if err := s.requireSecret(tx, mapping.GetSpec().GetSecretName()); err != nil {
			return err
		}
		s.references.Put(tx, reference(env.Key, mapping), &emptypb.Empty{})
		return nil
	})
}

func (s *mappingService) ListEnvironmentSecretMappings(ctx context.Context, req *cmfv1.ListEnvironmentSecretMappingsRequest) (*cmfv1.EnvironmentSecretMappingsPage, error) {
	return resource.List[cmfv1.EnvironmentSecretMappingsPage](ctx, s.store, s.mappingKind, s.environments.In(req.GetEnvName()), req, resource.Detail{}, nil)
}

func (s *mappingService) GetEnvironmentSecretMapping(ctx context.Context, req *cmfv1.GetEnvironmentSecretMappingRequest) (*cmfv1.EnvironmentSecretMapping, error) {
	return s.mappingKind.Get(ctx, s.store, s.environments.In(req.GetEnvName()), req.GetName(), resource.Detail{})
}

func (s *mappingService) WatchEnvironmentSecretMappings(req *cmfv1.WatchEnvironmentSecretMappingsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchEnvironmentSecretMappingsResponse]) error {
	return resource.Watch(s.watches, s.store, s.mappingKind, stream, s.environments.In(req.GetEnvName()), req, nil)
}

func (s *mappingService) UpdateEnvironmentSecretMapping(ctx context.Context, req *cmfv1.UpdateEnvironmentSecretMappingRequest) (*cmfv1.EnvironmentSecretMapping, error) {
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	update := resource.WithName(req.GetMapping(), req.GetName())
	return s.mappingKind.Update(ctx, s.store, env.Key, req.GetName(), req.GetResourceVersion(), req.GetMapping().GetMetadata(), func(tx *store.Tx, before mappingItem) (*cmfv1.EnvironmentSecretMapping, error) {
		if err := checkMapping(update); err != nil {
			return nil, err
		}
		if err := s.requireSecret(tx, update.GetSpec().GetSecretName()); err != nil {
			return nil, err
		}
		after := proto.CloneOf(before.Value())
		after.Metadata = resource.UserMetadata(update.GetMetadata())
		after.Spec = update.GetSpec()
		if was, is := reference(env.Key, before.Value()), reference(env.Key, after); was != is {
			s.references.Delete(tx, was)
			s.references.Put(tx, is, &emptypb.Empty{})
		}
		return after, nil
	})
}

func (s *mappingService) DeleteEnvironmentSecretMapping(ctx context.Context, req *cmfv1.DeleteEnvironmentSecretMappingRequest) (*cmfv1.DeleteEnvironmentSecretMappingResponse, error) {
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	err = s.mappingKind.Delete(ctx, s.store, env.Key, req.GetName(), req.GetResourceVersion(), func(tx *store.Tx, mapping mappingItem) error {
		s.unmap(tx, env.Value(), mapping.Value(), false)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteEnvironmentSecretMappingResponse{}, nil
}

// requireSecret makes a transaction fail if there is no secret of that name.
func (s *Secrets) requireSecret(tx *store.Tx, name string) error {
	secret, err := s.kind.Find(tx, "", name)
	if err == nil {
		s.Records.RequirePresent(tx, secret.Key)
	}
	return err
}

// reference is the key that keeps a secret while a mapping names it. env is the
// key of the environment.
func reference(env string, mapping *cmfv1.EnvironmentSecretMapping) string {
	return store.Key(mapping.GetSpec().GetSecretName(), env, mapping.GetMetadata().GetName())
}

// unmap writes what goes with a mapping: its reference to the secret, and the
// Kubernetes Secret on the cluster.
func (s *Secrets) unmap(tx *store.Tx, env *cmfv1.Environment, mapping *cmfv1.EnvironmentSecretMapping, release bool) {
	s.references.Delete(tx, reference(env.GetName(), mapping))
	s.ownership.Remove(tx, env.GetKubernetesClusterName(), ref(env, mapping.GetMetadata().GetName()), mapping.GetMetadata().GetUid(), release)
}

// dropMapping deletes a mapping of an environment that goes, and leaves its
// Kubernetes Secret unmanaged.
func (s *Secrets) dropMapping(ctx context.Context, env *store.Object[*cmfv1.Environment], mapping *store.Object[*cmfv1.EnvironmentSecretMapping]) error {
	return resource.Update(ctx, s.store, "Secret mapping '"+mapping.Value().GetMetadata().GetName()+"'", func(tx *store.Tx) error {
		now := s.Mappings.Get(tx, mapping.Key)
		if now == nil {
			return nil
		}
		s.unmap(tx, env.Value(), now.Value(), true)
		s.Mappings.Delete(tx, mapping.Key)
		return nil
	})
}
