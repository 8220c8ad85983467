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
	_, catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	database := req.GetDatabase()
	if err := checkDatabase(database); err != nil {
		return nil, err
	}
	return s.databaseKind.Create(ctx, s.store, catalog.Key, &cmfv1.KafkaDatabase{
		Metadata: resource.UserMetadata(database.GetMetadata()),
		Spec:     database.GetSpec(),
	}, func(tx *store.Tx, _ *cmfv1.KafkaDatabase) error {
		catalog, err := s.kind.Find(tx, "", req.GetCatName())
		if err == nil {
			s.Records.RequirePresent(tx, catalog.Key)
		}
		return err
	})
}

func (s *databaseService) ListKafkaDatabases(ctx context.Context, req *cmfv1.ListKafkaDatabasesRequest) (*cmfv1.KafkaDatabasesPage, error) {
	at, catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	page, err := s.databaseKind.Page(ctx, at, catalog.Key, req, resource.Detail{}, nil)
	if err != nil {
		return nil, err
	}
	return &cmfv1.KafkaDatabasesPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *databaseService) GetKafkaDatabase(ctx context.Context, req *cmfv1.GetKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	at, catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	database, err := s.databaseKind.Find(at, catalog.Key, req.GetDbName())
	if err != nil {
		return nil, err
	}
	return s.databaseView(database, resource.Detail{Single: true}), nil
}

func (s *databaseService) WatchKafkaDatabases(req *cmfv1.WatchKafkaDatabasesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKafkaDatabasesResponse]) error {
	_, catalog, err := s.catalog(stream.Context(), req.GetCatName())
	if err != nil {
		return err
	}
	return resource.Watch(s.watches, s.store, s.databaseKind, stream, catalog.Key, req, nil)
}

func (s *databaseService) UpdateKafkaDatabase(ctx context.Context, req *cmfv1.UpdateKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	_, catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	update := resource.WithName(req.GetDatabase(), req.GetDbName())
	return s.databaseKind.Update(ctx, s.store, catalog.Key, req.GetDbName(), req.GetDatabase().GetMetadata(), func(_ *store.Tx, before databaseItem) (*cmfv1.KafkaDatabase, error) {
		if err := checkDatabase(update); err != nil {
			return nil, err
		}
		after := proto.CloneOf(before.Value())
		after.Metadata = resource.UserMetadata(update.GetMetadata())
		after.Spec = update.GetSpec()
		return after, nil
	})
}

func (s *databaseService) DeleteKafkaDatabase(ctx context.Context, req *cmfv1.DeleteKafkaDatabaseRequest) (*cmfv1.DeleteKafkaDatabaseResponse, error) {
	_, catalog, err := s.catalog(ctx, req.GetCatName())
	if err != nil {
		return nil, err
	}
	err = s.databaseKind.Delete(ctx, s.store, catalog.Key, req.GetDbName(), func(tx *store.Tx, database databaseItem) error {
		s.Tables.DeleteUnder(tx, database.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteKafkaDatabaseResponse{}, nil
}

// catalog gives the catalog of a request, and the snapshot that it was found in.
func (s *databaseService) catalog(ctx context.Context, name string) (*store.Snapshot, item, error) {
	at, err := s.store.View(ctx)
	if err != nil {
		return nil, item{}, err
	}
	catalog, err := s.kind.Find(at, "", name)
	return at, catalog, err
}
