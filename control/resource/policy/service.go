package policy

import (
	"context"

	"google.golang.org/grpc"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedPolicyServiceServer
	*Policies
}

func (s *service) CreatePolicy(ctx context.Context, req *cmfv1.CreatePolicyRequest) (*cmfv1.Policy, error) {
	if err := check(req.GetPolicy()); err != nil {
		return nil, err
	}
	return s.kind.Create(ctx, s.store, "", userPart(req.GetPolicy()), nil)
}

func (s *service) ListPolicies(ctx context.Context, req *cmfv1.ListPoliciesRequest) (*cmfv1.PoliciesPage, error) {
	return resource.List[cmfv1.PoliciesPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) WatchPolicies(req *cmfv1.WatchPoliciesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchPoliciesResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) GetPolicy(ctx context.Context, req *cmfv1.GetPolicyRequest) (*cmfv1.Policy, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetPolicyName(), resource.Detail{})
}

func (s *service) UpdatePolicy(ctx context.Context, req *cmfv1.UpdatePolicyRequest) (*cmfv1.Policy, error) {
	update := resource.WithName(req.GetPolicy(), req.GetPolicyName())
	if err := check(update); err != nil {
		return nil, err
	}
	return s.kind.Update(ctx, s.store, "", req.GetPolicyName(), req.GetResourceVersion(), update.GetMetadata(),
		func(*store.Tx, item) (*cmfv1.Policy, error) { return userPart(update), nil })
}

func (s *service) DeletePolicy(ctx context.Context, req *cmfv1.DeletePolicyRequest) (*cmfv1.DeletePolicyResponse, error) {
	if err := s.kind.Delete(ctx, s.store, "", req.GetPolicyName(), req.GetResourceVersion(), nil); err != nil {
		return nil, err
	}
	return &cmfv1.DeletePolicyResponse{}, nil
}
