package service

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type secretMappings struct {
	cmfv1.UnimplementedSecretMappingServiceServer
	*Services
}

func (s *Services) mappingKind() kind[*cmfv1.EnvironmentSecretMapping] {
	return kind[*cmfv1.EnvironmentSecretMapping]{
		noun: "Secret mapping", name: contract.KindSecretMapping,
		store: s.state.Store, kept: s.state.SecretMappings, list: query.SecretMappings,
		view: same[*cmfv1.EnvironmentSecretMapping],
	}
}

// reference is the key that keeps a secret while a mapping names it.
func reference(secret, env, mapping string) string { return store.Key(secret, env, mapping) }

func (s *secretMappings) CreateEnvironmentSecretMapping(ctx context.Context, req *cmfv1.CreateEnvironmentSecretMappingRequest) (*cmfv1.EnvironmentSecretMapping, error) {
	mapping := req.GetMapping()
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	if err := rules.CheckSecretMapping(mapping); err != nil {
		return nil, err
	}
	name, secret := mapping.GetMetadata().GetName(), mapping.GetSpec().GetSecretName()
	return s.mappingKind().create(ctx, env.Key, &cmfv1.EnvironmentSecretMapping{
		Metadata: userMeta(mapping.GetMetadata()),
		Spec:     mapping.GetSpec(),
	}, func(ctx context.Context) (change, error) {
		if _, err := s.secretKind().get(ctx, "", secret); err != nil {
			return change{}, err
		}
		return change{
			conds: []store.Cond{s.state.Environments.Present(env.Key), s.state.Secrets.Present(store.Key(secret))},
			ops:   []store.Op{s.state.SecretReferences.Put(reference(secret, env.Key, name), &emptypb.Empty{})},
		}, nil
	})
}

func (s *secretMappings) ListEnvironmentSecretMappings(ctx context.Context, req *cmfv1.ListEnvironmentSecretMappingsRequest) (*cmfv1.EnvironmentSecretMappingsPage, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	page, err := s.mappingKind().page(ctx, env.Key, req, nil)
	if err != nil {
		return nil, err
	}
	return &cmfv1.EnvironmentSecretMappingsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *secretMappings) GetEnvironmentSecretMapping(ctx context.Context, req *cmfv1.GetEnvironmentSecretMappingRequest) (*cmfv1.EnvironmentSecretMapping, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	return s.mappingKind().describe(ctx, env.Key, req.GetName())
}

func (s *secretMappings) UpdateEnvironmentSecretMapping(ctx context.Context, req *cmfv1.UpdateEnvironmentSecretMappingRequest) (*cmfv1.EnvironmentSecretMapping, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	update := named(clone(req.GetMapping()), req.GetName())
	return s.mappingKind().update(ctx, env.Key, req.GetName(), req.GetMapping().GetMetadata(), func(ctx context.Context, before store.Object[*cmfv1.EnvironmentSecretMapping]) (*cmfv1.EnvironmentSecretMapping, change, error) {
		if err := rules.CheckSecretMapping(update); err != nil {
			return nil, change{}, err
		}
		was, will := before.Value.GetSpec().GetSecretName(), update.GetSpec().GetSecretName()
		if _, err := s.secretKind().get(ctx, "", will); err != nil {
			return nil, change{}, err
		}
		after := clone(before.Value)
		after.Metadata = userMeta(update.GetMetadata())
		after.Spec = update.GetSpec()
		with := change{conds: []store.Cond{s.state.Secrets.Present(store.Key(will))}}
		if was != will {
			with.ops = []store.Op{
				s.state.SecretReferences.Remove(reference(was, env.Key, req.GetName())),
				s.state.SecretReferences.Put(reference(will, env.Key, req.GetName()), &emptypb.Empty{}),
			}
		}
		return after, with, nil
	})
}

func (s *secretMappings) DeleteEnvironmentSecretMapping(ctx context.Context, req *cmfv1.DeleteEnvironmentSecretMappingRequest) (*cmfv1.DeleteEnvironmentSecretMappingResponse, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	err = s.mappingKind().remove(ctx, env.Key, req.GetName(), func(_ context.Context, mapping store.Object[*cmfv1.EnvironmentSecretMapping]) (change, error) {
		return change{ops: s.unmapOps(env.Value, mapping.Value, false)}, nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteEnvironmentSecretMappingResponse{}, nil
}

// unmapOps is what goes with a mapping: its hold on the secret, and the
// Kubernetes Secret that it put on the cluster.
func (s *Services) unmapOps(env *cmfv1.Environment, mapping *cmfv1.EnvironmentSecretMapping, release bool) []store.Op {
	metadata := mapping.GetMetadata()
	return []store.Op{
		s.state.SecretReferences.Remove(reference(mapping.GetSpec().GetSecretName(), env.GetName(), metadata.GetName())),
		s.state.Bury(env.GetKubernetesClusterName(), render.SecretRef(env, metadata.GetName()), metadata.GetUid(), release),
	}
}

// unmap drops a mapping, and leaves its Kubernetes Secret to itself where
// release is set.
func (s *Services) unmap(ctx context.Context, env *cmfv1.Environment, mapping store.Object[*cmfv1.EnvironmentSecretMapping], release bool) error {
	_, err := s.state.Store.Commit(ctx,
		[]store.Cond{s.state.SecretMappings.Unchanged(mapping.Key, mapping.Revision)},
		append(s.unmapOps(env, mapping.Value, release), s.state.SecretMappings.Remove(mapping.Key)))
	if errors.Is(err, store.ErrConflict) {
		return errStale
	}
	if err != nil {
		return fmt.Errorf("delete secret mapping %s: %w", mapping.Key, err)
	}
	return nil
}
