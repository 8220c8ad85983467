package service

import (
	"context"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type instances struct {
	cmfv1.UnimplementedApplicationInstanceServiceServer
	*Services
}

func (s *instances) ListApplicationInstances(ctx context.Context, req *cmfv1.ListApplicationInstancesRequest) (*cmfv1.ApplicationInstancesPage, error) {
	q, err := query.Parse(query.Instances, query.ParamsOf(req))
	if err != nil {
		return nil, err
	}
	_, app, err := s.application(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	page := q.Run(values(s.state.Instances.CachedUnder(app.Key)))
	return &cmfv1.ApplicationInstancesPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *instances) GetApplicationInstance(ctx context.Context, req *cmfv1.GetApplicationInstanceRequest) (*cmfv1.FlinkApplicationInstance, error) {
	_, app, err := s.application(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	instance, ok := s.state.Instances.Cached(store.Join(app.Key, req.GetInstName()))
	if !ok {
		return nil, apierror.NotFound("Instance '%s' not found for application '%s' in environment '%s'.", req.GetInstName(), req.GetAppName(), req.GetEnvName())
	}
	return instance.Value, nil
}
