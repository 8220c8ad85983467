package service

import (
	"context"

	"github.com/openweir/weir/control/query"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type savepoints struct {
	cmfv1.UnimplementedSavepointServiceServer
	*Services
}

func (s *savepoints) CreateSavepointForFlinkApplication(ctx context.Context, req *cmfv1.CreateSavepointForFlinkApplicationRequest) (*cmfv1.Savepoint, error) {
	o, err := s.applicationOwner(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	return s.createSavepoint(ctx, o, req.GetSavepoint())
}

func (s *savepoints) ListSavepointsForFlinkApplication(ctx context.Context, req *cmfv1.ListSavepointsForFlinkApplicationRequest) (*cmfv1.SavepointsPage, error) {
	o, err := s.applicationOwner(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	return s.listSavepoints(o, query.ParamsOf(req))
}

func (s *savepoints) GetSavepointForFlinkApplication(ctx context.Context, req *cmfv1.GetSavepointForFlinkApplicationRequest) (*cmfv1.Savepoint, error) {
	o, err := s.applicationOwner(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	record, err := s.savepoint(ctx, o, req.GetSavepointName())
	if err != nil {
		return nil, err
	}
	return s.savepointView(o.env, record.Key, record.Value), nil
}

func (s *savepoints) DeleteSavepointForFlinkApplication(ctx context.Context, req *cmfv1.DeleteSavepointForFlinkApplicationRequest) (*cmfv1.DeleteSavepointForFlinkApplicationResponse, error) {
	o, err := s.applicationOwner(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	if err := s.deleteSavepoint(ctx, o, req.GetSavepointName(), req.GetForce()); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteSavepointForFlinkApplicationResponse{}, nil
}

func (s *savepoints) DetachSavepointFromFlinkApplication(ctx context.Context, req *cmfv1.DetachSavepointFromFlinkApplicationRequest) (*cmfv1.Savepoint, error) {
	o, err := s.applicationOwner(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	return s.detach(ctx, o, req.GetSavepointName())
}
