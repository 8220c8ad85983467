package catalog

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type databaseService struct {
	cmfv1.UnimplementedKafkaDatabaseServiceServer
	*Catalogs
}

func (s *databaseService) CreateKafkaDatabase(ctx context.Context, req *cmfv1.CreateKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	database := req.GetDatabase()
	if err := checkDatabase(database); err != nil {
		return nil, err
	}
	spec, err := s.sealedDatabase(req.GetCatName(), database, nil)
	if err != nil {
		return nil, err
	}
	return s.databaseKind.Create(ctx, s.store, catalog.Key, &cmfv1.KafkaDatabase{
		Metadata: resource.UserMetadata(database.GetMetadata()),
		Spec:     spec,
	}, func(tx *store.Tx, _ *cmfv1.KafkaDatabase) error {
		catalog, err := s.kind.Find(tx, "", req.GetCatName())
		if err == nil {
			s.Records.RequirePresent(tx, catalog.Key)
		}
		return err
	})
}

func (s *databaseService) ListKafkaDatabases(ctx context.Context, req *cmfv1.ListKafkaDatabasesRequest) (*cmfv1.KafkaDatabasesPage, error) {
	return resource.List[cmfv1.KafkaDatabasesPage](ctx, s.store, s.databaseKind, s.kind.In(nil, req.GetCatName()), req, resource.Detail{}, nil)
}

func (s *databaseService) GetKafkaDatabase(ctx context.Context, req *cmfv1.GetKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	return s.databaseKind.Get(ctx, s.store, s.kind.In(nil, req.GetCatName()), req.GetDbName(), resource.Detail{})
}

func (s *databaseService) WatchKafkaDatabases(req *cmfv1.WatchKafkaDatabasesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKafkaDatabasesResponse]) error {
	return resource.Watch(s.watches, s.store, s.databaseKind, stream, s.kind.In(nil, req.GetCatName()), req, nil)
}

func (s *databaseService) UpdateKafkaDatabase(ctx context.Context, req *cmfv1.UpdateKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	update := resource.WithName(req.GetDatabase(), req.GetDbName())
	return s.databaseKind.Update(ctx, s.store, catalog.Key, req.GetDbName(), req.GetResourceVersion(), req.GetDatabase().GetMetadata(), func(_ *store.Tx, before databaseItem) (*cmfv1.KafkaDatabase, error) {
		if err := checkDatabase(update); err != nil {
			return nil, err
		}
		after := proto.CloneOf(before.Value())
		after.Metadata = resource.UserMetadata(update.GetMetadata())
		var err error
		after.Spec, err = s.sealedDatabase(req.GetCatName(), update, before.Value())
		return after, err
	})
}

func (s *databaseService) DeleteKafkaDatabase(ctx context.Context, req *cmfv1.DeleteKafkaDatabaseRequest) (*cmfv1.DeleteKafkaDatabaseResponse, error) {
	catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	err = s.databaseKind.Delete(ctx, s.store, catalog.Key, req.GetDbName(), req.GetResourceVersion(), func(tx *store.Tx, database databaseItem) error {
		s.Tables.DeleteUnder(tx, database.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteKafkaDatabaseResponse{}, nil
}

// catalog gives the catalog of a request as it is now.
func (s *databaseService) catalog(ctx context.Context, name string) (item, error) {
	at, err := s.store.View(ctx)
	if err != nil {
		return item{}, err
	}
	return s.kind.Find(at, "", name)
}
