package computepool

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

type service struct {
	cmfv1.UnimplementedComputePoolServiceServer
	*Pools
}

func (s *service) CreateComputePool(ctx context.Context, req *cmfv1.CreateComputePoolRequest) (*cmfv1.ComputePool, error) {
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	if err := check(req.GetComputePool()); err != nil {
		return nil, err
	}
	var warnings []string
	created, err := s.kind.Create(ctx, s.store, env.Key, withDefaults(req.GetComputePool()), func(tx *store.Tx, pool *cmfv1.ComputePool) error {
		env, err := s.environments.Require(tx, req.GetEnvName())
		if err != nil {
			return err
		}
		if err := checkCluster(env.Value(), pool, nil); err != nil {
			return err
		}
		if warnings, err = s.admit(ctx, tx, env.Value(), nil, pool); err != nil || !IsShared(pool) {
			return err
		}
		metadata := pool.GetMetadata()
		return s.ownership.Claim(tx, env.Value().GetKubernetesClusterName(), manifest.DeploymentRef(env.Value(), metadata.GetName()),
			objectsName, store.Join(env.Key, metadata.GetName()), metadata.GetUid())
	})
	if err != nil {
		return nil, err
	}
	return created, policy.Warn(ctx, warnings)
}

// withDefaults is a pool as it is to be stored: what the user wrote, with the
// defaults filled in.
func withDefaults(pool *cmfv1.ComputePool) *cmfv1.ComputePool {
	out := &cmfv1.ComputePool{Metadata: resource.UserMetadata(pool.GetMetadata()), Spec: proto.CloneOf(pool.GetSpec())}
	if IsShared(out) && out.Spec.GetState() == "" {
		out.Spec.State = contract.PoolRunning
	}
	return out
}

func (s *service) ListComputePools(ctx context.Context, req *cmfv1.ListComputePoolsRequest) (*cmfv1.ComputePoolsPage, error) {
	return resource.List[cmfv1.ComputePoolsPage](ctx, s.store, s.kind, s.environments.In(req.GetEnvName()), req, resource.Detail{Resources: req.GetIncludeResourceInformation()}, nil)
}

func (s *service) WatchComputePools(req *cmfv1.WatchComputePoolsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchComputePoolsResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, s.environments.In(req.GetEnvName()), req, nil)
}

func (s *service) GetComputePool(ctx context.Context, req *cmfv1.GetComputePoolRequest) (*cmfv1.ComputePool, error) {
	return s.kind.Get(ctx, s.store, s.environments.In(req.GetEnvName()), req.GetComputePoolName(), resource.Detail{Resources: req.GetIncludeResourceInformation()})
}

func (s *service) UpdateComputePool(ctx context.Context, req *cmfv1.UpdateComputePoolRequest) (*cmfv1.ComputePool, error) {
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	update := resource.WithName(req.GetComputePool(), req.GetComputePoolName())
	if err := check(update); err != nil {
		return nil, err
	}
	var warnings []string
	updated, err := s.kind.Update(ctx, s.store, env.Key, req.GetComputePoolName(), req.GetResourceVersion(), update.GetMetadata(), func(tx *store.Tx, before Item) (*cmfv1.ComputePool, error) {
		if err := checkUpdate(before.Value(), update); err != nil {
			return nil, err
		}
		env, err := s.environments.Require(tx, req.GetEnvName())
		if err != nil {
			return nil, err
		}
		after := withDefaults(update)
		warnings = nil
		if !changes(before.Value(), after) {
			return after, nil
		}
		if !suspends(before.Value(), after) {
			if warnings, err = s.admit(ctx, tx, env.Value(), before.Value(), after); err != nil {
				return nil, err
			}
		}
		if proto.Equal(before.Value().GetSpec(), after.GetSpec()) {
			return after, nil
		}
		var inForce openjson.Object
		if hasCluster(before.Value()) {
			inForce = flinkspec.SpecInForce(before.Reported(), before.Value().GetMetadata().GetUid())
		}
		if err := checkCluster(env.Value(), after, inForce); err != nil {
			return nil, err
		}
		if err := s.requireIdle(tx, env, before); err != nil {
			return nil, err
		}
		s.suspendOrResume(tx, env.Value(), before, after)
		return after, nil
	})
	if err != nil {
		return nil, err
	}
	return updated, policy.Warn(ctx, warnings)
}

// suspendOrResume writes what else changes where a shared pool is suspended, or
// runs again.
func (s *service) suspendOrResume(tx *store.Tx, env *cmfv1.Environment, before Item, after *cmfv1.ComputePool) {
	ran, runs := hasCluster(before.Value()), hasCluster(after)
	metadata := before.Value().GetMetadata()
	cluster, ref := env.GetKubernetesClusterName(), manifest.DeploymentRef(env, metadata.GetName())
	switch {
	case ran && !runs:
		s.ownership.Remove(tx, cluster, ref, metadata.GetUid(), false)
	case runs && !ran:
		s.ownership.Keep(tx, cluster, ref, metadata.GetUid())
		// What was reported of the cluster before does not hold for the next one.
		s.Status.Delete(tx, before.Key)
	}
}

func (s *service) DeleteComputePool(ctx context.Context, req *cmfv1.DeleteComputePoolRequest) (*cmfv1.DeleteComputePoolResponse, error) {
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	err = s.kind.Delete(ctx, s.store, env.Key, req.GetComputePoolName(), req.GetResourceVersion(), func(tx *store.Tx, pool Item) error {
		if statements := s.statementsOn(tx, pool.Key); len(statements) > 0 {
			return apierror.InUse("Cannot delete compute pool '%s': statements [%s] use it. Delete them first.", req.GetComputePoolName(), resource.Abridge(statements))
		}
		s.delete(tx, env.Value(), pool.Object, req.GetForce())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteComputePoolResponse{}, nil
}

// delete writes what goes with a pool. release leaves its cluster there,
// unmanaged.
func (p *Pools) delete(tx *store.Tx, env *cmfv1.Environment, pool *store.Object[*cmfv1.ComputePool], release bool) {
	p.guards.RequireEmpty(tx, pool.Key)
	p.Status.Delete(tx, pool.Key)
	if !IsShared(pool.Value()) {
		return
	}
	metadata := pool.Value().GetMetadata()
	cluster, ref := env.GetKubernetesClusterName(), manifest.DeploymentRef(env, metadata.GetName())
	p.ownership.Unclaim(tx, cluster, ref)
	p.ownership.Remove(tx, cluster, ref, metadata.GetUid(), release)
}

// drop deletes a pool together with its environment.
func (p *Pools) drop(ctx context.Context, env *store.Object[*cmfv1.Environment], pool *store.Object[*cmfv1.ComputePool]) error {
	return resource.Update(ctx, p.store, "Compute pool '"+pool.Value().GetMetadata().GetName()+"'", func(tx *store.Tx) error {
		now := p.Records.Get(tx, pool.Key)
		if now == nil {
			return nil
		}
		p.delete(tx, env.Value(), now, true)
		p.Records.Delete(tx, now.Key)
		return nil
	})
}
