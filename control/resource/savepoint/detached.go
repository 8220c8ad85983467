package savepoint

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query/filter"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type detachedItem = resource.Item[*cmfv1.Savepoint]

func (s *Savepoints) newDetachedKind() *resource.Kind[*cmfv1.Savepoint, *cmfv1.Savepoint] {
	return &resource.Kind[*cmfv1.Savepoint, *cmfv1.Savepoint]{
		Noun: "Detached savepoint", Name: contract.KindSavepoint,
		Records: s.detached, Metadata: (*cmfv1.Savepoint).GetMetadata,
		List: newList((*cmfv1.Savepoint).GetMetadata,
			func(i detachedItem) *timestamppb.Timestamp { return i.Value().GetMetadata().GetUpdateTimestamp() },
			func(i detachedItem) string { return i.Value().GetStatus().GetState() }),
		View: func(i detachedItem, _ resource.Detail) *cmfv1.Savepoint { return i.Value() },
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			counts.DetachedSavepoints = resource.CountOf(at, s.detached)
		},
	}
}

type detachedService struct {
	cmfv1.UnimplementedDetachedSavepointServiceServer
	*Savepoints
}

func (s *detachedService) CreateDetachedSavepoint(ctx context.Context, req *cmfv1.CreateDetachedSavepointRequest) (*cmfv1.Savepoint, error) {
	savepoint := req.GetSavepoint()
	if err := checkDetached(savepoint); err != nil {
		return nil, err
	}
	metadata := resource.UserMetadata(savepoint.GetMetadata())
	if metadata.GetName() == "" {
		metadata.Name = newName("detached")
	}
	spec := withDefaults(savepoint.GetSpec())
	return s.detachedKind.Create(ctx, s.store, "", &cmfv1.Savepoint{
		Metadata: metadata,
		Spec:     spec,
		Status:   &cmfv1.SavepointStatus{State: contract.SavepointCompleted, Path: spec.GetPath(), ResultTimestamp: resource.Now()},
	}, nil)
}

func (s *detachedService) ListDetachedSavepoints(ctx context.Context, req *cmfv1.ListDetachedSavepointsRequest) (*cmfv1.SavepointsPage, error) {
	return resource.List[cmfv1.SavepointsPage](ctx, s.store, s.detachedKind, nil, req, resource.Detail{}, namedLike(req.GetName()))
}

func (s *detachedService) WatchDetachedSavepoints(req *cmfv1.WatchDetachedSavepointsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchDetachedSavepointsResponse]) error {
	return resource.Watch(s.watches, s.store, s.detachedKind, stream, nil, req, namedLike(req.GetName()))
}

// namedLike keeps the savepoints of a name with wildcards or, without any, those
// whose name begins so; nil keeps all.
func namedLike(name string) func(detachedItem) bool {
	if name == "" {
		return nil
	}
	if !strings.Contains(name, "*") {
		name += "*"
	}
	pattern := filter.CompilePattern(name)
	return func(i detachedItem) bool { return pattern.Match(i.Value().GetMetadata().GetName()) }
}

func (s *detachedService) GetDetachedSavepoint(ctx context.Context, req *cmfv1.GetDetachedSavepointRequest) (*cmfv1.Savepoint, error) {
	return s.detachedKind.Get(ctx, s.store, nil, req.GetDetachedSavepointName(), resource.Detail{})
}

func (s *detachedService) DeleteDetachedSavepoint(ctx context.Context, req *cmfv1.DeleteDetachedSavepointRequest) (*cmfv1.DeleteDetachedSavepointResponse, error) {
	if err := s.detachedKind.Delete(ctx, s.store, "", req.GetDetachedSavepointName(), req.GetResourceVersion(), nil); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteDetachedSavepointResponse{}, nil
}
