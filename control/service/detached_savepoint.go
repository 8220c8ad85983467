package service

import (
	"context"
	"strings"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/filter"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type detachedSavepoints struct {
	cmfv1.UnimplementedDetachedSavepointServiceServer
	*Services
}

func (s *Services) detachedKind() kind[*cmfv1.Savepoint] {
	return kind[*cmfv1.Savepoint]{
		noun: "Detached savepoint", name: contract.KindSavepoint,
		store: s.state.Store, kept: s.state.DetachedSavepoints, list: query.Savepoints,
		view: same[*cmfv1.Savepoint],
	}
}

func (s *detachedSavepoints) CreateDetachedSavepoint(ctx context.Context, req *cmfv1.CreateDetachedSavepointRequest) (*cmfv1.Savepoint, error) {
	savepoint := req.GetSavepoint()
	if err := rules.CheckDetachedSavepoint(savepoint); err != nil {
		return nil, err
	}
	metadata := userMeta(savepoint.GetMetadata())
	if metadata.GetName() == "" {
		metadata.Name = savepointName("detached")
	}
	spec := rules.SavepointSpec(savepoint.GetSpec())
	return s.detachedKind().create(ctx, "", &cmfv1.Savepoint{
		Metadata: metadata,
		Spec:     spec,
		Status:   &cmfv1.SavepointStatus{State: contract.SavepointCompleted, Path: spec.GetPath(), ResultTimestamp: state.Now()},
	}, alone)
}

func (s *detachedSavepoints) ListDetachedSavepoints(ctx context.Context, req *cmfv1.ListDetachedSavepointsRequest) (*cmfv1.SavepointsPage, error) {
	page, err := s.detachedKind().page(ctx, "", req, namedLike(req.GetName()))
	if err != nil {
		return nil, err
	}
	return &cmfv1.SavepointsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

// namedLike keeps the savepoints of a name with wildcards or, without any, those
// whose name begins so; nil keeps all.
func namedLike(name string) func(*cmfv1.Savepoint) bool {
	if name == "" {
		return nil
	}
	if !strings.Contains(name, "*") {
		name += "*"
	}
	pattern := filter.CompilePattern(name)
	return func(s *cmfv1.Savepoint) bool { return pattern.Match(s.GetMetadata().GetName()) }
}

func (s *detachedSavepoints) GetDetachedSavepoint(ctx context.Context, req *cmfv1.GetDetachedSavepointRequest) (*cmfv1.Savepoint, error) {
	return s.detachedKind().describe(ctx, "", req.GetDetachedSavepointName())
}

func (s *detachedSavepoints) DeleteDetachedSavepoint(ctx context.Context, req *cmfv1.DeleteDetachedSavepointRequest) (*cmfv1.DeleteDetachedSavepointResponse, error) {
	err := s.detachedKind().remove(ctx, "", req.GetDetachedSavepointName(), func(context.Context, store.Object[*cmfv1.Savepoint]) (change, error) {
		return change{}, nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteDetachedSavepointResponse{}, nil
}
