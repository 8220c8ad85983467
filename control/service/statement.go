package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/query/filter"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type statements struct {
	cmfv1.UnimplementedStatementServiceServer
	*Services
}

// statement reads a statement and the environment it is in, or says which of
// them is not there.
func (s *Services) statement(ctx context.Context, env, name string) (store.Object[*cmfv1.Environment], store.Object[*storev1.StatementRecord], error) {
	environment, err := s.environment(ctx, env)
	if err != nil {
		return environment, store.Object[*storev1.StatementRecord]{}, err
	}
	// The read of the environment has waited for the cache already.
	record, ok := s.state.Statements.Cached(store.Key(env, name))
	if !ok {
		return environment, record, apierror.NotFound("Statement '%s' not found in environment '%s'.", name, env)
	}
	return environment, record, nil
}

func (s *statements) CreateStatement(ctx context.Context, req *cmfv1.CreateStatementRequest) (*cmfv1.Statement, error) {
	statement := req.GetStatement()
	if _, err := s.environment(ctx, req.GetEnvName()); err != nil {
		return nil, err
	}
	if err := rules.CheckStatement(statement); err != nil {
		return nil, err
	}
	if err := rules.CheckNewStatement(statement); err != nil {
		return nil, err
	}
	name := statement.GetMetadata().GetName()
	return retry(ctx, "Statement '"+name+"'", func(ctx context.Context) (*cmfv1.Statement, error) {
		env, err := s.environment(ctx, req.GetEnvName())
		if err != nil {
			return nil, err
		}
		return s.create(ctx, env, newStatement(statement))
	})
}

// newStatement is a statement as it is to be stored: what the user wrote, with
// the defaults filled in and the metadata that is Weir's.
func newStatement(statement *cmfv1.Statement) *cmfv1.Statement {
	metadata := userMeta(statement.GetMetadata())
	metadata.Uid = uuid.NewString()
	metadata.CreationTimestamp = state.Now()
	metadata.UpdateTimestamp = metadata.CreationTimestamp
	return &cmfv1.Statement{
		ApiVersion: contract.APIVersion, Kind: contract.KindStatement,
		Metadata: metadata, Spec: rules.StatementSpec(statement.GetSpec()),
	}
}

func (s *statements) create(ctx context.Context, env store.Object[*cmfv1.Environment], statement *cmfv1.Statement) (*cmfv1.Statement, error) {
	name := statement.GetMetadata().GetName()
	key := store.Join(env.Key, name)
	if _, taken := s.state.Statements.Cached(key); taken {
		return nil, apierror.AlreadyExists("Statement '%s' already exists.", name)
	}
	pool, err := s.poolOfStatement(env, statement.GetSpec())
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(ctx, env.Value, pool, statement)
	if err != nil {
		return nil, err
	}
	with := change{
		conds: []store.Cond{
			s.state.Environments.Unchanged(env.Key, env.Revision),
			s.state.ComputePools.Unchanged(pool.Key, pool.Revision),
			s.state.Statements.Absent(key),
		},
		ops: []store.Op{
			s.state.Statements.Put(key, plan.record),
			s.state.PoolStatements.Put(state.GuardKey(env.Value.GetName(), statement.GetSpec().GetComputePoolName(), name), &emptypb.Empty{}),
		},
	}.and(plan.effect)
	claims, err := s.claimStatement(env.Value, key, plan.record)
	if err != nil {
		return nil, err
	}
	with = with.and(claims)
	if _, err := s.state.Store.Commit(ctx, with.conds, with.ops); err != nil {
		return nil, fmt.Errorf("create statement %s: %w", key, err)
	}
	return s.statementWith(env.Value, plan.record, nil), nil
}

// claimStatement takes the objects of a statement.
func (s *Services) claimStatement(env *cmfv1.Environment, key string, record *storev1.StatementRecord) (change, error) {
	var out change
	for _, ref := range render.StatementRefs(env, record) {
		if err := s.unclaimed(env, ref.GetKind(), ref.GetName()); err != nil {
			return change{}, err
		}
		collection := state.CollectionStatements
		if ref.GetKind() != record.GetObjectKind() {
			collection = state.CollectionStatementClusters
		}
		claim := objectClaim(env, ref.GetKind(), ref.GetName())
		out = out.and(change{
			conds: []store.Cond{s.state.Claims.Absent(claim)},
			ops: []store.Op{s.state.Claims.Put(claim, &storev1.ClaimRecord{
				Collection: collection, Key: key, OwnerUid: record.GetStatement().GetMetadata().GetUid(),
			})},
		})
	}
	return out, nil
}

// poolOfStatement reads the pool that a statement names.
func (s *Services) poolOfStatement(env store.Object[*cmfv1.Environment], spec *cmfv1.StatementSpec) (store.Object[*cmfv1.ComputePool], error) {
	pool, ok := s.state.ComputePools.Cached(store.Join(env.Key, spec.GetComputePoolName()))
	if !ok {
		return pool, apierror.Unprocessable(fmt.Sprintf("spec.computePoolName: compute pool '%s' does not exist in environment '%s'", spec.GetComputePoolName(), env.Value.GetName()))
	}
	return pool, nil
}

// takesStatements refuses statements that need Flink while their pool does not
// run.
func (s *Services) takesStatements(pool store.Object[*cmfv1.ComputePool]) error {
	status, _ := s.poolStatus(pool.Key, pool.Value)
	if pool.Value.GetSpec().GetType() == contract.PoolShared && status.GetPhase() != contract.PhaseRunning {
		return apierror.Unprocessable(fmt.Sprintf("spec.computePoolName: compute pool '%s' is %s: a shared pool takes statements while it is %s",
			pool.Value.GetMetadata().GetName(), status.GetPhase(), contract.PhaseRunning))
	}
	return nil
}

func (s *statements) GetStatement(ctx context.Context, req *cmfv1.GetStatementRequest) (*cmfv1.Statement, error) {
	env, record, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	return s.statementView(env.Value, record, req.GetIncludeResourceInformation()), nil
}

func (s *statements) ListStatements(ctx context.Context, req *cmfv1.ListStatementsRequest) (*cmfv1.StatementsPage, error) {
	env, err := s.environment(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	q, err := query.Parse(query.Statements, query.ParamsOf(req))
	if err != nil {
		return nil, err
	}
	keep, err := statementFilter(req)
	if err != nil {
		return nil, err
	}
	var views []*cmfv1.Statement
	for _, record := range s.state.Statements.CachedUnder(env.Key) {
		views = append(views, s.statementView(env.Value, record, req.GetIncludeResourceInformation()))
	}
	page := q.Where(keep).Run(views)
	return &cmfv1.StatementsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: fields.ApplyAll(q.Fields, page.Items)}, nil
}

// statementParameters are those that only statements have, listed or watched.
type statementParameters interface {
	GetPhase() string
	GetComputePool() string
	GetName() string
}

// statementFilter is what the parameters of statements alone ask for.
func statementFilter(req statementParameters) (func(*cmfv1.Statement) bool, error) {
	phase := strings.ToUpper(req.GetPhase())
	if phase != "" && !slices.Contains(rules.StatementPhases, phase) {
		return nil, apierror.Invalid(fmt.Sprintf("phase: must be one of %s, got %q", strings.ToLower(strings.Join(rules.StatementPhases, ", ")), req.GetPhase()))
	}
	var pattern *filter.Pattern
	if req.GetName() != "" {
		compiled := filter.CompilePattern(req.GetName())
		pattern = &compiled
	}
	return func(statement *cmfv1.Statement) bool {
		return (phase == "" || statement.GetStatus().GetPhase() == phase) &&
			(req.GetComputePool() == "" || statement.GetSpec().GetComputePoolName() == req.GetComputePool()) &&
			(pattern == nil || pattern.Match(statement.GetMetadata().GetName()))
	}, nil
}

func (s *statements) DeleteStatement(ctx context.Context, req *cmfv1.DeleteStatementRequest) (*cmfv1.DeleteStatementResponse, error) {
	return retry(ctx, "Statement '"+req.GetStmtName()+"'", func(ctx context.Context) (*cmfv1.DeleteStatementResponse, error) {
		env, record, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName())
		if err != nil {
			return nil, err
		}
		if !rules.Deployed(record.Value) || req.GetForce() {
			return &cmfv1.DeleteStatementResponse{}, s.dropStatement(ctx, env.Value, record)
		}
		if err := s.beginDeletion(ctx, env.Value, record); err != nil {
			return nil, err
		}
		if err := answerWith(ctx, "202"); err != nil {
			return nil, fmt.Errorf("answer accepted: %w", err)
		}
		return &cmfv1.DeleteStatementResponse{Pending: true}, nil
	})
}

// beginDeletion has the agent delete a statement's objects. The statement goes
// when that is done.
func (s *Services) beginDeletion(ctx context.Context, env *cmfv1.Environment, record store.Object[*storev1.StatementRecord]) error {
	if record.Value.GetDeleting() {
		return nil
	}
	name := record.Value.GetStatement().GetMetadata().GetName()
	owned := state.SavepointsOf(env.GetName(), state.OwnerStatements, name)
	if err := s.dropSavepoints(ctx, env, owned, false); err != nil {
		return err
	}
	after := clone(record.Value)
	after.Deleting = true
	after.Statement.Metadata.UpdateTimestamp = state.Now()
	_, err := s.state.Store.Commit(ctx,
		[]store.Cond{s.state.Statements.Unchanged(record.Key, record.Revision), s.state.Savepoints.EmptyUnder(owned)},
		append(s.buryStatement(env, after, false), s.state.Statements.Put(record.Key, after)))
	if err != nil {
		return fmt.Errorf("delete statement %s: %w", record.Key, err)
	}
	return nil
}

// buryStatement makes the agent delete the objects of a statement, or let go of
// them.
func (s *Services) buryStatement(env *cmfv1.Environment, record *storev1.StatementRecord, release bool) []store.Op {
	var ops []store.Op
	for _, ref := range render.StatementRefs(env, record) {
		ops = append(ops, s.state.Bury(env.GetKubernetesClusterName(), ref, record.GetStatement().GetMetadata().GetUid(), release))
	}
	return ops
}

// dropStatement drops a statement at once, and leaves its objects, if it has
// any, to themselves.
func (s *Services) dropStatement(ctx context.Context, env *cmfv1.Environment, record store.Object[*storev1.StatementRecord]) error {
	metadata := record.Value.GetStatement().GetMetadata()
	owned := state.SavepointsOf(env.GetName(), state.OwnerStatements, metadata.GetName())
	if err := s.dropSavepoints(ctx, env, owned, true); err != nil {
		return err
	}
	ops := append(s.state.DropStatement(env.GetKubernetesClusterName(), render.StatementRefs(env, record.Value), record),
		s.buryStatement(env, record.Value, true)...)
	_, err := s.state.Store.Commit(ctx,
		[]store.Cond{s.state.Statements.Unchanged(record.Key, record.Revision), s.state.Savepoints.EmptyUnder(owned)}, ops)
	if err != nil {
		return fmt.Errorf("drop statement %s: %w", record.Key, err)
	}
	return nil
}

// abandonStatements drops the statements of an environment and leaves their
// objects to themselves.
func (s *Services) abandonStatements(ctx context.Context, env *cmfv1.Environment) error {
	for _, record := range s.state.Statements.CachedUnder(env.GetName()) {
		if err := s.dropStatement(ctx, env, record); errors.Is(err, store.ErrConflict) {
			return errStale
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (s *statements) ListStatementExceptions(ctx context.Context, req *cmfv1.ListStatementExceptionsRequest) (*cmfv1.StatementExceptionList, error) {
	_, record, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	return &cmfv1.StatementExceptionList{
		ApiVersion: contract.APIVersion, Kind: contract.KindStatementExceptionList, Data: s.state.Exceptions(record.Key),
	}, nil
}
