package statement

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/resource/policy"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedStatementServiceServer
	*Statements
}

// find gives a statement as it is now, and its environment.
func (s *service) find(ctx context.Context, env, name string) (*store.Object[*cmfv1.Environment], Item, error) {
	at, err := s.store.View(ctx)
	if err != nil {
		return nil, Item{}, err
	}
	return s.Find(at, env, name)
}

func (s *service) CreateStatement(ctx context.Context, req *cmfv1.CreateStatementRequest) (*cmfv1.Statement, error) {
	// Transactions begin with a snapshot that is no older than this read, so that
	// they see every table whose creation was acknowledged before the request.
	env, err := s.environments.Now(ctx, req.GetEnvName())
	if err != nil {
		return nil, err
	}
	if err := check(req.GetStatement()); err != nil {
		return nil, err
	}
	if err := checkNew(req.GetStatement()); err != nil {
		return nil, err
	}
	var warnings []string
	created, err := s.kind.Create(ctx, s.store, env.Key, newRecord(req.GetStatement()), func(tx *store.Tx, record *storev1.StatementRecord) error {
		env, err := s.environments.Require(tx, req.GetEnvName())
		if err != nil {
			return err
		}
		pool, err := s.requirePool(tx, env.Value(), record)
		if err != nil {
			return err
		}
		if err := s.plan(ctx, tx, env.Value(), pool, record); err != nil {
			return err
		}
		if warnings, err = s.admit(ctx, tx, env.Value(), nil, record); err != nil {
			return err
		}
		name := metadataOf(record).GetName()
		s.pools.Hold(tx, env.Value().GetName(), poolOf(record), name)
		return s.claim(tx, env.Value(), store.Join(env.Key, name), record)
	})
	if err != nil {
		return nil, err
	}
	return created, policy.Warn(ctx, warnings)
}

// newRecord is a statement as it is to be stored: what the user wrote, with the
// defaults filled in.
func newRecord(statement *cmfv1.Statement) *storev1.StatementRecord {
	return &storev1.StatementRecord{
		Generation: 1,
		Statement: &cmfv1.Statement{
			ApiVersion: contract.APIVersion, Kind: contract.KindStatement,
			Metadata: resource.UserMetadata(statement.GetMetadata()), Spec: withDefaults(statement.GetSpec()),
		},
	}
}

// claim makes the objects of a statement its own.
func (s *service) claim(tx *store.Tx, env *cmfv1.Environment, key string, record *storev1.StatementRecord) error {
	for _, ref := range refsOf(env, record) {
		objects := jobsName
		if ref.GetKind() != record.GetObjectKind() {
			objects = sessionClustersName
		}
		if err := s.ownership.Claim(tx, env.GetKubernetesClusterName(), ref, objects, key, uidOf(record)); err != nil {
			return err
		}
	}
	return nil
}

// requirePool gives the pool that a statement names.
func (s *service) requirePool(tx *store.Tx, env *cmfv1.Environment, record *storev1.StatementRecord) (computepool.Item, error) {
	pool, ok := s.pools.Require(tx, env.GetName(), poolOf(record))
	if !ok {
		return pool, apierror.Unprocessable(fmt.Sprintf("spec.computePoolName: compute pool '%s' does not exist in environment '%s'", poolOf(record), env.GetName()))
	}
	return pool, nil
}

func (s *service) GetStatement(ctx context.Context, req *cmfv1.GetStatementRequest) (*cmfv1.Statement, error) {
	return s.kind.Get(ctx, s.store, s.environments.In(req.GetEnvName()), req.GetStmtName(), resource.Detail{Resources: req.GetIncludeResourceInformation()})
}

func (s *service) ListStatements(ctx context.Context, req *cmfv1.ListStatementsRequest) (*cmfv1.StatementsPage, error) {
	if err := s.kind.CheckList(req); err != nil {
		return nil, err
	}
	keep, err := filterOf(req)
	if err != nil {
		return nil, err
	}
	return resource.List[cmfv1.StatementsPage](ctx, s.store, s.kind, s.environments.In(req.GetEnvName()), req, resource.Detail{Resources: req.GetIncludeResourceInformation()}, keep)
}

func (s *service) WatchStatements(req *cmfv1.WatchStatementsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchStatementsResponse]) error {
	keep, err := filterOf(req)
	if err != nil {
		return err
	}
	return resource.Watch(s.watches, s.store, s.kind, stream, s.environments.In(req.GetEnvName()), req, keep)
}

func (s *service) DeleteStatement(ctx context.Context, req *cmfv1.DeleteStatementRequest) (*cmfv1.DeleteStatementResponse, error) {
	env, found, err := s.find(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	what := "Statement '" + req.GetStmtName() + "'"
	// Its savepoints are dropped first.
	if err := resource.CheckVersion(req.GetResourceVersion(), what, found.Revision); err != nil {
		return nil, err
	}
	atOnce := !IsDeployed(found.Value()) || req.GetForce()
	require := func(tx *store.Tx) (resource.Item[*storev1.StatementRecord], error) {
		item, err := s.kind.Require(tx, env.Key, req.GetStmtName())
		if err != nil {
			return item, err
		}
		return item, resource.CheckVersion(req.GetResourceVersion(), what, item.Revision)
	}
	err = s.dropSavepoints(ctx, env.Value(), found.Value(), atOnce, func(tx *store.Tx) error {
		_, err := require(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	pending := false
	err = resource.Update(ctx, s.store, what, func(tx *store.Tx) error {
		item, err := require(tx)
		if err != nil {
			return err
		}
		s.kind.NoteBefore(ctx, item)
		pending = IsDeployed(item.Value()) && !req.GetForce()
		switch {
		case pending && tx.OutOfSpace():
			pending = false // what waits for the agent would have to be stored
			s.delete(tx, env.Value(), item.Object, false)
		case pending:
			s.beginDeletion(tx, env.Value(), item)
		default:
			s.delete(tx, env.Value(), item.Object, true)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if pending {
		if err := resource.SetHTTPStatus(ctx, "202"); err != nil {
			return nil, err
		}
	}
	return &cmfv1.DeleteStatementResponse{Pending: pending}, nil
}

// beginDeletion has the agent delete a statement's objects. The statement goes
// when that is done.
func (s *service) beginDeletion(tx *store.Tx, env *cmfv1.Environment, item Item) {
	if item.Value().GetDeleting() {
		return
	}
	after := proto.CloneOf(item.Value())
	after.Deleting = true
	after.Statement.Metadata.UpdateTimestamp = resource.Now()
	s.requireNoSavepoints(tx, env, after)
	s.removeObjects(tx, env, after, false)
	s.Records.Put(tx, item.Key, after)
}

func (s *service) ListStatementExceptions(ctx context.Context, req *cmfv1.ListStatementExceptionsRequest) (*cmfv1.StatementExceptionList, error) {
	_, item, err := s.find(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	return &cmfv1.StatementExceptionList{
		ApiVersion: contract.APIVersion, Kind: contract.KindStatementExceptionList, Data: s.exceptionsOf(item),
	}, nil
}
