package service

import (
	"context"

	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type events struct {
	cmfv1.UnimplementedApplicationEventServiceServer
	*Services
}

func (s *events) ListApplicationEvents(ctx context.Context, req *cmfv1.ListApplicationEventsRequest) (*cmfv1.EventsPage, error) {
	q, err := query.Parse(query.Events, query.ParamsOf(req))
	if err != nil {
		return nil, err
	}
	_, app, err := s.application(ctx, req.GetEnvName(), req.GetAppName())
	if err != nil {
		return nil, err
	}
	page := q.Run(values(s.state.Events.CachedUnder(app.Key)))
	out := &cmfv1.EventsPage{Pageable: page.Pageable, Metadata: page.Metadata}
	for _, event := range page.Items {
		out.Items = append(out.Items, fields.Apply(q.Fields, event))
	}
	return out, nil
}
