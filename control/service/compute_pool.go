package service

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

type computePools struct {
	cmfv1.UnimplementedComputePoolServiceServer
	*Services
}

// poolKind is of the pools of one environment.
func (s *Services) poolKind(env *cmfv1.Environment, resources bool) kind[*cmfv1.ComputePool] {
	return kind[*cmfv1.ComputePool]{
		noun: "Compute pool", name: contract.KindComputePool,
		store: s.state.Store, kept: s.state.ComputePools, list: query.ComputePools,
		view: func(pool *cmfv1.ComputePool) *cmfv1.ComputePool { return s.poolView(env, pool, resources) },
	}
}

func (s *computePools) CreateComputePool(ctx context.Context, req *cmfv1.CreateComputePoolRequest) (*cmfv1.ComputePool, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	pool := req.GetComputePool()
	if err := rules.CheckComputePool(pool); err != nil {
		return nil, err
	}
	created := poolOf(pool)
	name := created.GetMetadata().GetName()
	return s.poolKind(env.Value, false).create(ctx, env.Key, created, func(ctx context.Context) (change, error) {
		if env, err = s.environment(ctx, req.GetEnvName()); err != nil {
			return change{}, err
		}
		if err := checkCluster(env.Value, created, nil); err != nil {
			return change{}, err
		}
		return change{conds: []store.Cond{s.state.Environments.Unchanged(env.Key, env.Revision)}}, s.freeDeployment(env.Value, created.GetSpec(), name)
	}, func(record *cmfv1.ComputePool) change { return s.claimPool(env.Value, record) })
}

// poolOf is a pool as it is to be stored: what the user wrote, with the
// defaults filled in.
func poolOf(pool *cmfv1.ComputePool) *cmfv1.ComputePool {
	out := &cmfv1.ComputePool{Metadata: userMeta(pool.GetMetadata()), Spec: clone(pool.GetSpec())}
	if out.Spec.GetType() == contract.PoolShared && out.Spec.GetState() == "" {
		out.Spec.State = contract.PoolRunning
	}
	return out
}

// checkCluster holds what a pool's clusters would be to the rules. inForce is
// what the operator carried out last for the pool; nil where there is nothing.
func checkCluster(env *cmfv1.Environment, pool *cmfv1.ComputePool, inForce openjson.Object) error {
	effective, err := render.PoolCluster(env, pool)
	if err != nil {
		return err
	}
	if err := rules.CheckClusterSpec(effective); err != nil {
		return err
	}
	return rules.CheckClusterChange(inForce, effective)
}

// freeDeployment refuses the name of a shared pool that another resource's
// FlinkDeployment bears.
func (s *Services) freeDeployment(env *cmfv1.Environment, spec *cmfv1.ComputePoolSpec, name string) error {
	if spec.GetType() != contract.PoolShared {
		return nil
	}
	return s.unclaimed(env, render.KindDeployment, name)
}

// unclaimed refuses the name of an object that belongs to another resource.
func (s *Services) unclaimed(env *cmfv1.Environment, kind, name string) error {
	held, ok := s.state.Claims.Cached(objectClaim(env, kind, name))
	if !ok {
		return nil
	}
	return apierror.Unprocessable(fmt.Sprintf("metadata.name: the %s '%s' in namespace '%s' of Kubernetes cluster '%s' belongs to %s already.",
		kind, name, env.GetKubernetesNamespace(), env.GetKubernetesClusterName(), held.Value.GetKey()))
}

// objectClaim is the key of the claim on an object of an environment.
func objectClaim(env *cmfv1.Environment, kind, name string) string {
	return state.ClaimKey(env.GetKubernetesClusterName(), env.GetKubernetesNamespace(), kind, name)
}

// claimPool takes the FlinkDeployment of a shared pool.
func (s *Services) claimPool(env *cmfv1.Environment, pool *cmfv1.ComputePool) change {
	if pool.GetSpec().GetType() != contract.PoolShared {
		return change{}
	}
	name := pool.GetMetadata().GetName()
	claim := objectClaim(env, render.KindDeployment, name)
	return change{
		conds: []store.Cond{s.state.Claims.Absent(claim)},
		ops: []store.Op{s.state.Claims.Put(claim, &storev1.ClaimRecord{
			Collection: state.CollectionComputePools, Key: store.Key(env.GetName(), name), OwnerUid: pool.GetMetadata().GetUid(),
		})},
	}
}

func (s *computePools) ListComputePools(ctx context.Context, req *cmfv1.ListComputePoolsRequest) (*cmfv1.ComputePoolsPage, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	page, err := s.poolKind(env.Value, req.GetIncludeResourceInformation()).page(ctx, env.Key, req, nil)
	if err != nil {
		return nil, err
	}
	return &cmfv1.ComputePoolsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *computePools) GetComputePool(ctx context.Context, req *cmfv1.GetComputePoolRequest) (*cmfv1.ComputePool, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	return s.poolKind(env.Value, req.GetIncludeResourceInformation()).describe(ctx, env.Key, req.GetComputePoolName())
}

func (s *computePools) UpdateComputePool(ctx context.Context, req *cmfv1.UpdateComputePoolRequest) (*cmfv1.ComputePool, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	update := named(clone(req.GetComputePool()), req.GetComputePoolName())
	if err := rules.CheckComputePool(update); err != nil {
		return nil, err
	}
	return s.poolKind(env.Value, false).update(ctx, env.Key, req.GetComputePoolName(), req.GetComputePool().GetMetadata(), func(ctx context.Context, before store.Object[*cmfv1.ComputePool]) (*cmfv1.ComputePool, change, error) {
		if err := rules.CheckPoolUpdate(before.Value, update); err != nil {
			return nil, change{}, err
		}
		env, err := s.environment(ctx, req.GetEnvName())
		if err != nil {
			return nil, change{}, err
		}
		after := poolOf(update)
		if proto.Equal(before.Value.GetSpec(), after.GetSpec()) {
			return after, change{}, nil
		}
		reported, _ := s.state.ComputePoolStatus.Cached(before.Key)
		var inForce openjson.Object
		if rules.WantsCluster(before.Value) {
			inForce = rules.SpecInForce(reported.Value, before.Value.GetMetadata().GetUid())
		}
		if err := checkCluster(env.Value, after, inForce); err != nil {
			return nil, change{}, err
		}
		idle, err := s.idle(before)
		if err != nil {
			return nil, change{}, err
		}
		idle.ops = append(idle.ops, s.switchOps(env.Value, before, after)...)
		return after, idle, nil
	})
}

// switchOps is what else changes where a shared pool is suspended, or runs
// again.
func (s *Services) switchOps(env *cmfv1.Environment, before store.Object[*cmfv1.ComputePool], after *cmfv1.ComputePool) []store.Op {
	was, will := rules.WantsCluster(before.Value), rules.WantsCluster(after)
	metadata := before.Value.GetMetadata()
	ref := render.DeploymentRef(env, metadata.GetName())
	switch {
	case was && !will:
		return []store.Op{s.state.Bury(env.GetKubernetesClusterName(), ref, metadata.GetUid(), false)}
	case will && !was:
		// What was reported of the cluster before says nothing of the next one.
		return []store.Op{
			s.state.Tombstones.Remove(state.TombstoneKey(env.GetKubernetesClusterName(), ref.GetNamespace(), ref.GetKind(), ref.GetName(), metadata.GetUid())),
			s.state.ComputePoolStatus.Remove(before.Key),
		}
	default:
		return nil
	}
}

// idle refuses while statements run on a pool, and requires that none begins
// to: whatever makes one run writes its guard.
func (s *Services) idle(pool store.Object[*cmfv1.ComputePool]) (change, error) {
	var newest int64
	var running []string
	for _, guard := range s.state.PoolStatements.CachedUnder(pool.Key) {
		segments := store.Segments(guard.Key)
		statement, ok := s.state.Statements.Cached(store.Key(segments[0], segments[2]))
		if !ok || statement.Revision < guard.Revision {
			return change{}, errStale // the caches of one transaction fill one after the other
		}
		newest = max(newest, guard.Revision)
		if rules.Deployed(statement.Value) && rules.Occupies(s.statementPhase(statement)) {
			running = append(running, segments[2])
		}
	}
	if len(running) > 0 {
		return change{}, apierror.InUse("Cannot update compute pool '%s': statements [%s] run on it. Stop them first.", pool.Value.GetMetadata().GetName(), abridge(running))
	}
	return change{conds: []store.Cond{s.state.PoolStatements.NoneSince(pool.Key, newest)}}, nil
}

func (s *computePools) DeleteComputePool(ctx context.Context, req *cmfv1.DeleteComputePoolRequest) (*cmfv1.DeleteComputePoolResponse, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	err = s.poolKind(env.Value, false).remove(ctx, env.Key, req.GetComputePoolName(), func(_ context.Context, pool store.Object[*cmfv1.ComputePool]) (change, error) {
		if statements := s.statementsOn(pool.Key); len(statements) > 0 {
			return change{}, apierror.InUse("Cannot delete compute pool '%s': statements [%s] use it. Delete them first.", req.GetComputePoolName(), abridge(statements))
		}
		return change{
			conds: []store.Cond{s.state.PoolStatements.EmptyUnder(pool.Key)},
			ops:   s.poolOps(env.Value, pool, req.GetForce()),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteComputePoolResponse{}, nil
}

// statementsOn names the statements that use a pool.
func (s *Services) statementsOn(pool string) []string {
	var names []string
	for _, guard := range s.state.PoolStatements.CachedUnder(pool) {
		segments := store.Segments(guard.Key)
		names = append(names, segments[len(segments)-1])
	}
	return names
}

// poolOps is what goes with a pool.
func (s *Services) poolOps(env *cmfv1.Environment, pool store.Object[*cmfv1.ComputePool], release bool) []store.Op {
	ops := []store.Op{s.state.ComputePoolStatus.Remove(pool.Key)}
	if pool.Value.GetSpec().GetType() != contract.PoolShared {
		return ops
	}
	metadata := pool.Value.GetMetadata()
	return append(ops,
		s.state.Claims.Remove(objectClaim(env, render.KindDeployment, metadata.GetName())),
		s.state.Bury(env.GetKubernetesClusterName(), render.DeploymentRef(env, metadata.GetName()), metadata.GetUid(), release))
}

// abandonPools drops the pools of an environment and leaves their clusters to
// themselves.
func (s *Services) abandonPools(ctx context.Context, env *cmfv1.Environment) error {
	for _, pool := range s.state.ComputePools.CachedUnder(env.GetName()) {
		_, err := s.state.Store.Commit(ctx,
			[]store.Cond{s.state.ComputePools.Unchanged(pool.Key, pool.Revision), s.state.PoolStatements.EmptyUnder(pool.Key)},
			append(s.poolOps(env, pool, true), s.state.ComputePools.Remove(pool.Key)))
		if err != nil {
			return fmt.Errorf("drop compute pool %s: %w", pool.Key, err)
		}
	}
	return nil
}

// poolView is a pool as users see it.
func (s *Services) poolView(env *cmfv1.Environment, pool *cmfv1.ComputePool, resources bool) *cmfv1.ComputePool {
	key := store.Key(env.GetName(), pool.GetMetadata().GetName())
	stored, _ := s.state.ComputePools.Cached(key)
	reported, _ := s.state.ComputePoolStatus.Cached(key)
	out := s.poolWith(env, store.Object[*cmfv1.ComputePool]{Key: key, Value: pool, Revision: stored.Revision}, reported.Value)
	if resources {
		out.Status.Resources, out.Status.ResourceSummary = s.poolUsage(env, pool)
	}
	return out
}

// poolWith is poolView with a status of the caller's choice.
func (s *Services) poolWith(env *cmfv1.Environment, object store.Object[*cmfv1.ComputePool], reported *storev1.StatusRecord) *cmfv1.ComputePool {
	pool := object.Value
	if reported.GetOwnerUid() != pool.GetMetadata().GetUid() {
		reported = nil
	}
	status := phaseOf(object, reported)
	if rules.WantsCluster(pool) {
		status.Warning = s.staleWarning(env)
	}
	return &cmfv1.ComputePool{
		ApiVersion: pool.GetApiVersion(),
		Kind:       pool.GetKind(),
		Metadata:   latestUpdate(pool.GetMetadata(), reported.GetUpdateTime()),
		Spec:       pool.GetSpec(),
		Status:     status,
	}
}

// poolStatus is the phase of a pool, and what it follows from.
func (s *Services) poolStatus(key string, pool *cmfv1.ComputePool) (*cmfv1.ComputePoolStatus, *storev1.StatusRecord) {
	stored, _ := s.state.ComputePools.Cached(key)
	reported, _ := s.state.ComputePoolStatus.Cached(key)
	if reported.Value.GetOwnerUid() != pool.GetMetadata().GetUid() {
		reported.Value = nil
	}
	return phaseOf(store.Object[*cmfv1.ComputePool]{Key: key, Value: pool, Revision: stored.Revision}, reported.Value), reported.Value
}

func phaseOf(pool store.Object[*cmfv1.ComputePool], reported *storev1.StatusRecord) *cmfv1.ComputePoolStatus {
	status := &cmfv1.ComputePoolStatus{}
	status.Phase, status.Message = rules.PoolPhase(pool.Value, pool.Revision, reported)
	return status
}

// poolUsage counts what runs on a pool and sums what it asks for.
func (s *Services) poolUsage(env *cmfv1.Environment, pool *cmfv1.ComputePool) (*cmfv1.ResourcesByStatusAndTypeSummary, *cmfv1.ResourceUsageSummary) {
	counts := &cmfv1.ResourcesByStatusAndTypeSummary{Applications: map[string]int32{}, Statements: map[string]int32{}}
	sum := s.sessionUsage(env, pool)
	for _, guard := range s.state.PoolStatements.CachedUnder(store.Key(env.GetName(), pool.GetMetadata().GetName())) {
		segments := store.Segments(guard.Key)
		if statement, ok := s.state.Statements.Cached(store.Key(segments[0], segments[2])); ok {
			counts.Statements[s.statementPhase(statement)]++
			sum = rules.AddUsage(sum, s.statementUsage(env, statement))
		}
	}
	return counts, sum
}

// sessionUsage is what the session cluster of a pool asks for by itself; its
// statements ask for TaskManagers.
func (s *Services) sessionUsage(env *cmfv1.Environment, pool *cmfv1.ComputePool) *cmfv1.ResourceUsageSummary {
	effective, err := render.PoolCluster(env, pool)
	if err != nil || !rules.WantsCluster(pool) {
		return rules.AddUsage(nil, nil)
	}
	return rules.SessionUsage(effective)
}

// poolNames are the names of the pools of an environment.
func (s *Services) poolNames(env string) []string {
	var names []string
	for _, pool := range s.state.ComputePools.CachedUnder(env) {
		names = append(names, pool.Value.GetMetadata().GetName())
	}
	return slices.Clip(names)
}
