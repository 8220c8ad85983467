package service

import (
	"context"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/state"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// statementOwner is a statement as the owner of savepoints.
func (s *Services) statementOwner(ctx context.Context, env, name string) (owner, error) {
	environment, record, err := s.statement(ctx, env, name)
	if err != nil {
		return owner{}, err
	}
	o := s.statementOwnerOf(environment.Value, record.Value)
	o.present = s.state.Statements.Unchanged(record.Key, record.Revision)
	return o, nil
}

func (s *Services) statementOwnerOf(env *cmfv1.Environment, record *storev1.StatementRecord) owner {
	name := record.GetStatement().GetMetadata().GetName()
	return owner{
		env: env, noun: "Statement", name: name,
		key:     state.SavepointsOf(env.GetName(), state.OwnerStatements, name),
		jobKind: record.GetObjectKind(), jobName: name,
	}
}

func (s *savepoints) CreateSavepointForFlinkStatement(ctx context.Context, req *cmfv1.CreateSavepointForFlinkStatementRequest) (*cmfv1.Savepoint, error) {
	o, err := s.statementOwner(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	_, record, err := s.statement(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	if phase := s.statementPhase(record); o.jobKind == "" || phase == contract.PhaseDeleting {
		return nil, apierror.Unprocessable("Statement '" + o.name + "' is " + phase + " and has no job that a savepoint could be taken of.")
	}
	if o.jobKind == render.KindStatement {
		return nil, apierror.Unprocessable("Statement '" + o.name + "' runs as a job of a session cluster, of which a savepoint is only taken when the statement is stopped.")
	}
	return s.createSavepoint(ctx, o, req.GetSavepoint())
}

func (s *savepoints) ListSavepointsForFlinkStatement(ctx context.Context, req *cmfv1.ListSavepointsForFlinkStatementRequest) (*cmfv1.SavepointsPage, error) {
	o, err := s.statementOwner(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	return s.listSavepoints(o, query.ParamsOf(req))
}

func (s *savepoints) GetSavepointForFlinkStatement(ctx context.Context, req *cmfv1.GetSavepointForFlinkStatementRequest) (*cmfv1.Savepoint, error) {
	o, err := s.statementOwner(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	record, err := s.savepoint(ctx, o, req.GetSavepointName())
	if err != nil {
		return nil, err
	}
	return s.savepointView(o.env, record.Key, record.Value), nil
}

func (s *savepoints) DeleteSavepointForFlinkStatement(ctx context.Context, req *cmfv1.DeleteSavepointForFlinkStatementRequest) (*cmfv1.DeleteSavepointForFlinkStatementResponse, error) {
	o, err := s.statementOwner(ctx, req.GetEnvName(), req.GetStmtName())
	if err != nil {
		return nil, err
	}
	if err := s.deleteSavepoint(ctx, o, req.GetSavepointName(), req.GetForce()); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteSavepointForFlinkStatementResponse{}, nil
}
