package rolebinding

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedRoleBindingServiceServer
	*RoleBindings
}

func (s *service) CreateRoleBinding(ctx context.Context, req *cmfv1.CreateRoleBindingRequest) (*cmfv1.RoleBinding, error) {
	binding, err := check(req.GetRoleBinding())
	if err != nil {
		return nil, err
	}
	if err := requireGrant(ctx, binding); err != nil {
		return nil, err
	}
	return s.kind.Create(ctx, s.store, "", userPart(req.GetRoleBinding()), nil)
}

func (s *service) ListRoleBindings(ctx context.Context, req *cmfv1.ListRoleBindingsRequest) (*cmfv1.RoleBindingsPage, error) {
	keep, err := visible(ctx)
	if err != nil {
		return nil, err
	}
	return resource.List[cmfv1.RoleBindingsPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, keep)
}

func (s *service) WatchRoleBindings(req *cmfv1.WatchRoleBindingsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchRoleBindingsResponse]) error {
	keep, err := visible(stream.Context())
	if err != nil {
		return err
	}
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, keep)
}

func (s *service) GetRoleBinding(ctx context.Context, req *cmfv1.GetRoleBindingRequest) (*cmfv1.RoleBinding, error) {
	if err := s.requireVisible(ctx, req.GetRoleBindingName()); err != nil {
		return nil, err
	}
	return s.kind.Get(ctx, s.store, nil, req.GetRoleBindingName(), resource.Detail{})
}

func (s *service) UpdateRoleBinding(ctx context.Context, req *cmfv1.UpdateRoleBindingRequest) (*cmfv1.RoleBinding, error) {
	name := req.GetRoleBindingName()
	update := resource.WithName(req.GetRoleBinding(), name)
	binding, err := check(update)
	if err != nil {
		return nil, err
	}
	if err := s.requireVisible(ctx, name); err != nil {
		return nil, err
	}
	return s.kind.Update(ctx, s.store, "", name, req.GetResourceVersion(), update.GetMetadata(),
		func(_ *store.Tx, before item) (*cmfv1.RoleBinding, error) {
			if err := requireGrant(ctx, stored(before.Value())); err != nil {
				return nil, err
			}
			if err := requireGrant(ctx, binding); err != nil {
				return nil, err
			}
			return userPart(update), nil
		})
}

func (s *service) DeleteRoleBinding(ctx context.Context, req *cmfv1.DeleteRoleBindingRequest) (*cmfv1.DeleteRoleBindingResponse, error) {
	if err := s.requireVisible(ctx, req.GetRoleBindingName()); err != nil {
		return nil, err
	}
	err := s.kind.Delete(ctx, s.store, "", req.GetRoleBindingName(), req.GetResourceVersion(), func(_ *store.Tx, before item) error {
		return requireGrant(ctx, stored(before.Value()))
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteRoleBindingResponse{}, nil
}

// requireVisible fails as for a binding that does not exist if the caller may not
// see it.
func (s *service) requireVisible(ctx context.Context, name string) error {
	keep, err := visible(ctx)
	if err != nil {
		return err
	}
	at, err := s.store.View(ctx)
	if err != nil {
		return err
	}
	if found, err := s.kind.Find(at, "", name); err == nil && !keep(found) {
		return apierror.NotFound("Role binding '%s' not found.", name)
	}
	return nil
}

// requireGrant fails if the caller may not grant a binding.
func requireGrant(ctx context.Context, binding access.Binding) error {
	permissions := access.PermissionsOf(ctx)
	if permissions == nil || !permissions.MayGrant(binding) {
		where := "the installation"
		if binding.Environment != "" {
			where = "environment '" + binding.Environment + "'"
		}
		return apierror.Forbidden("%s may not grant the role %s in %s to %s.", access.PrincipalOf(ctx).Name, binding.Role, where, binding.Principal)
	}
	return nil
}
