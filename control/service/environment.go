package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type environments struct {
	cmfv1.UnimplementedEnvironmentServiceServer
	*Services
}

// environment reads an environment or says that there is none.
func (s *Services) environment(ctx context.Context, name string) (store.Object[*cmfv1.Environment], error) {
	env, err := s.state.Environments.Get(ctx, store.Key(name))
	if errors.Is(err, store.ErrNotFound) {
		return env, apierror.NotFound("Environment '%s' not found.", name)
	}
	if err != nil {
		return env, fmt.Errorf("read environment %s: %w", name, err)
	}
	return env, nil
}

func (s *environments) CreateOrUpdateEnvironment(ctx context.Context, req *cmfv1.CreateOrUpdateEnvironmentRequest) (*cmfv1.Environment, error) {
	env := req.GetEnvironment()
	name := rules.EnvironmentName(env)
	return retry(ctx, "Environment '"+name+"'", func(ctx context.Context) (*cmfv1.Environment, error) {
		v, err := rules.Validate(req)
		if err != nil {
			return nil, err
		}
		rules.CheckEnvironment(&v, env)
		before, err := s.state.Environments.Get(ctx, store.Key(name))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return s.create(ctx, v, name, env)
		case err != nil:
			return nil, fmt.Errorf("read environment %s: %w", name, err)
		}
		return s.update(ctx, v, before, env)
	})
}

func (s *environments) create(ctx context.Context, v apierror.Violations, name string, env *cmfv1.Environment) (*cmfv1.Environment, error) {
	if env.GetKubernetesClusterName() == "" {
		env = clone(env)
		env.KubernetesClusterName = contract.DefaultCluster
	}
	cluster, placement, err := s.placement(ctx, env.GetKubernetesClusterName())
	if err != nil {
		return nil, err
	}
	rules.CheckPlacement(&v, env, placement)
	if err := v.Invalid(); err != nil {
		return nil, err
	}
	now := state.Now()
	created := rules.UpdateEnvironment(&cmfv1.Environment{
		Name:                  name,
		CreatedTime:           now,
		UpdatedTime:           now,
		KubernetesNamespace:   env.GetKubernetesNamespace(),
		KubernetesClusterName: env.GetKubernetesClusterName(),
		Metadata:              &cmfv1.ObjectMeta{Name: name, CreationTimestamp: now, UpdateTimestamp: now},
	}, env)
	_, err = s.state.Store.Commit(ctx,
		[]store.Cond{
			s.state.Environments.Absent(name),
			// Decommissioning writes the cluster: of the two, one has to give way.
			s.state.Clusters.Unchanged(cluster.Key, cluster.Revision),
		},
		[]store.Op{
			s.state.Environments.Put(name, created),
			s.state.ClusterEnvironments.Put(store.Key(created.GetKubernetesClusterName(), name), &emptypb.Empty{}),
		})
	if err != nil {
		return nil, fmt.Errorf("create environment %s: %w", name, err)
	}
	return s.view(created, true, false), nil
}

func (s *environments) update(ctx context.Context, v apierror.Violations, before store.Object[*cmfv1.Environment], env *cmfv1.Environment) (*cmfv1.Environment, error) {
	rules.CheckUnmoved(&v, before.Value, env)
	if err := v.Invalid(); err != nil {
		return nil, err
	}
	after := rules.UpdateEnvironment(before.Value, env)
	if proto.Equal(before.Value, after) {
		return s.view(before.Value, true, false), nil
	}
	after.UpdatedTime = state.Now()
	after.Metadata.UpdateTimestamp = after.UpdatedTime
	if _, err := s.state.Environments.Update(ctx, before.Key, before.Revision, after); errors.Is(err, store.ErrNotFound) {
		return nil, errStale
	} else if err != nil {
		return nil, fmt.Errorf("update environment %s: %w", before.Key, err)
	}
	return s.view(after, true, false), nil
}

// placement reads what the rules need to know of a cluster.
func (s *Services) placement(ctx context.Context, name string) (store.Object[*cmfv1.KubernetesCluster], rules.Cluster, error) {
	cluster, err := s.state.Clusters.Get(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return cluster, rules.Cluster{}, nil
	}
	if err != nil {
		return cluster, rules.Cluster{}, fmt.Errorf("read cluster %s: %w", name, err)
	}
	// In the cache by now: the read above waited for it.
	reported, _ := s.state.ClusterStatus.Cached(name)
	return cluster, rules.Cluster{
		Registered:     true,
		Decommissioned: rules.Decommissioned(cluster.Value),
		Namespaces:     reported.Value.GetNamespaces(),
	}, nil
}

func (s *environments) GetEnvironment(ctx context.Context, req *cmfv1.GetEnvironmentRequest) (*cmfv1.Environment, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	return s.view(env.Value, true, req.GetIncludeResourceInformation()), nil
}

func (s *environments) ListEnvironments(ctx context.Context, req *cmfv1.ListEnvironmentsRequest) (*cmfv1.EnvironmentsPage, error) {
	q, err := query.Parse(query.Environments, query.ParamsOf(req))
	if err != nil {
		return nil, err
	}
	all, err := s.state.Environments.List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	page := q.Run(values(all))
	out := &cmfv1.EnvironmentsPage{Pageable: page.Pageable, Metadata: page.Metadata}
	for _, env := range page.Items {
		out.Items = append(out.Items, fields.Apply(q.Fields, s.view(env, false, req.GetIncludeResourceInformation())))
	}
	return out, nil
}

// view is an environment as users see it.
func (s *Services) view(env *cmfv1.Environment, whole, resources bool) *cmfv1.Environment {
	out := shallow(env)
	out.Status = &cmfv1.EnvironmentStatus{KubernetesCluster: s.clusterStatus(env.GetKubernetesClusterName())}
	if resources {
		out.Status.Resources, out.Status.ResourceSummary = s.usageOf(env.GetName())
	}
	if whole {
		out.Secrets = s.secretsOf(env.GetName())
	}
	return out
}

// shallow copies the fields of an environment that views add to, and shares the
// rest.
func shallow(env *cmfv1.Environment) *cmfv1.Environment {
	return &cmfv1.Environment{
		Name:                     env.GetName(),
		CreatedTime:              env.GetCreatedTime(),
		UpdatedTime:              env.GetUpdatedTime(),
		FlinkApplicationDefaults: env.GetFlinkApplicationDefaults(),
		KubernetesNamespace:      env.GetKubernetesNamespace(),
		KubernetesClusterName:    env.GetKubernetesClusterName(),
		ComputePoolDefaults:      env.GetComputePoolDefaults(),
		StatementDefaults:        env.GetStatementDefaults(),
		Metadata:                 env.GetMetadata(),
	}
}

// clusterStatus is the status of a cluster as cached.
func (s *Services) clusterStatus(name string) *cmfv1.KubernetesClusterStatus {
	cluster, ok := s.state.Clusters.Cached(name)
	if !ok {
		return nil
	}
	return s.clusterView(cluster.Value).GetStatus()
}

// secretsOf is connection secret id to secret name.
func (s *Services) secretsOf(env string) map[string]string {
	out := map[string]string{}
	for _, mapping := range s.state.SecretMappings.CachedUnder(env) {
		out[mapping.Value.GetMetadata().GetName()] = mapping.Value.GetSpec().GetSecretName()
	}
	return out
}

func (s *environments) DeleteEnvironment(ctx context.Context, req *cmfv1.DeleteEnvironmentRequest) (*cmfv1.DeleteEnvironmentResponse, error) {
	name := req.GetEnvName()
	return retry(ctx, "Environment '"+name+"'", func(ctx context.Context) (*cmfv1.DeleteEnvironmentResponse, error) {
		env, err := s.environment(ctx, name)
		if err != nil {
			return nil, err
		}
		conds := []store.Cond{
			s.state.Environments.Unchanged(name, env.Revision),
			s.state.Applications.EmptyUnder(name),
			s.state.SecretMappings.EmptyUnder(name),
			s.state.ComputePools.EmptyUnder(name),
			s.state.Statements.EmptyUnder(name),
		}
		ops := []store.Op{
			s.state.Environments.Remove(name),
			s.state.ClusterEnvironments.Remove(store.Key(env.Value.GetKubernetesClusterName(), name)),
		}
		if req.GetForce() {
			if err := s.abandon(ctx, env.Value); err != nil {
				return nil, err
			}
		} else if dependents := s.dependents(name); len(dependents) > 0 {
			return nil, apierror.InUse("Cannot delete environment '%s': it contains %s. Delete them first, or use force to drop the records and leave what runs on the Kubernetes cluster.", name, strings.Join(dependents, "; "))
		}
		if _, err := s.state.Store.Commit(ctx, conds, ops); err != nil {
			return nil, fmt.Errorf("delete environment %s: %w", name, err)
		}
		return &cmfv1.DeleteEnvironmentResponse{}, nil
	})
}

// dependents says what is in an environment, in words.
func (s *Services) dependents(env string) []string {
	var names []string
	for _, app := range s.state.Applications.CachedUnder(env) {
		names = append(names, app.Value.GetApplication().GetMetadata().GetName())
	}
	var out []string
	if len(names) > 0 {
		out = append(out, "applications ["+abridge(names)+"]")
	}
	var statements []string
	for _, statement := range s.state.Statements.CachedUnder(env) {
		statements = append(statements, statement.Value.GetStatement().GetMetadata().GetName())
	}
	if len(statements) > 0 {
		out = append(out, "statements ["+abridge(statements)+"]")
	}
	if pools := s.poolNames(env); len(pools) > 0 {
		out = append(out, "compute pools ["+abridge(pools)+"]")
	}
	if mapped := s.secretsOf(env); len(mapped) > 0 {
		out = append(out, "secret mappings ["+abridge(slices.Sorted(maps.Keys(mapped)))+"]")
	}
	return out
}

// abridge joins names, and counts those beyond the first few.
func abridge(names []string) string {
	const shown = 10
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// abandon drops what is in an environment and leaves its objects on the
// cluster to themselves. It is no single transaction, since etcd bounds those;
// what is dropped when it fails half way stays dropped.
func (s *Services) abandon(ctx context.Context, env *cmfv1.Environment) error {
	for _, app := range s.state.Applications.CachedUnder(env.GetName()) {
		err := s.removeApplication(ctx, env, app, true)
		if errors.Is(err, store.ErrConflict) {
			return errStale
		}
		if err != nil {
			return err
		}
	}
	if err := s.abandonStatements(ctx, env); err != nil {
		return err
	}
	if err := s.abandonPools(ctx, env); errors.Is(err, store.ErrConflict) {
		return errStale
	} else if err != nil {
		return err
	}
	for _, mapping := range s.state.SecretMappings.CachedUnder(env.GetName()) {
		if err := s.unmap(ctx, env, mapping, true); err != nil {
			return err
		}
	}
	return nil
}

// usageOf counts what is in an environment and sums what it asks for.
func (s *Services) usageOf(env string) (*cmfv1.ResourcesByStatusAndTypeSummary, *cmfv1.ResourceUsageSummary) {
	counts := &cmfv1.ResourcesByStatusAndTypeSummary{Applications: map[string]int32{}, Statements: map[string]int32{}}
	sum := rules.AddUsage(nil, nil)
	for _, app := range s.state.Applications.CachedUnder(env) {
		status, _ := s.state.ApplicationStatus.Cached(app.Key)
		counts.Applications[jobState(app.Value, status.Value)]++
		sum = rules.AddUsage(sum, s.applicationUsage(app.Key, app.Value))
	}
	if stored, ok := s.state.Environments.Cached(env); ok {
		for _, pool := range s.state.ComputePools.CachedUnder(env) {
			sum = rules.AddUsage(sum, s.sessionUsage(stored.Value, pool.Value))
		}
		for _, statement := range s.state.Statements.CachedUnder(env) {
			counts.Statements[s.statementPhase(statement)]++
			sum = rules.AddUsage(sum, s.statementUsage(stored.Value, statement))
		}
	}
	return counts, sum
}

// jobState is the state of an application's job; RECONCILING until one is
// reported.
func jobState(record *storev1.ApplicationRecord, status *storev1.StatusRecord) string {
	if status.GetJobState() == "" || status.GetOwnerUid() != record.GetApplication().GetMetadata().GetUid() {
		return contract.StateReconciling
	}
	return status.GetJobState()
}

// values are the messages of objects.
func values[T proto.Message](objects []store.Object[T]) []T {
	out := make([]T, len(objects))
	for i, o := range objects {
		out[i] = o.Value
	}
	return slices.Clip(out)
}
