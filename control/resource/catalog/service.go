package catalog

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type service struct {
	cmfv1.UnimplementedKafkaCatalogServiceServer
	*Catalogs
}

func (s *service) CreateKafkaCatalog(ctx context.Context, req *cmfv1.CreateKafkaCatalogRequest) (*cmfv1.KafkaCatalog, error) {
	catalog := req.GetCatalog()
	if err := check(catalog); err != nil {
		return nil, err
	}
	databases := inlineDatabases(catalog)
	for _, database := range databases {
		name := catalog.GetMetadata().GetName() + "/" + database.GetMetadata().GetName()
		if err := access.Require(ctx, access.Create, access.FlinkDatabase, "", name); err != nil {
			return nil, err
		}
	}
	spec, err := s.sealedCatalog(catalog, nil)
	if err != nil {
		return nil, err
	}
	for i, database := range databases {
		if database.Spec, err = s.sealedInlineDatabase(catalog, i, database, nil); err != nil {
			return nil, err
		}
	}
	return s.kind.Create(ctx, s.store, "", &cmfv1.KafkaCatalog{
		Metadata: resource.UserMetadata(catalog.GetMetadata()),
		Spec:     spec,
	}, func(tx *store.Tx, _ *cmfv1.KafkaCatalog) error {
		for _, database := range databases {
			database.ApiVersion, database.Kind = contract.APIVersion, contract.KindKafkaDatabase
			database.Metadata.Uid = uuid.NewString()
			database.Metadata.CreationTimestamp = resource.Now()
			database.Metadata.UpdateTimestamp = database.Metadata.CreationTimestamp
			s.Databases.Put(tx, store.Key(catalog.GetMetadata().GetName(), database.GetMetadata().GetName()), database)
		}
		return nil
	})
}

func (s *service) ListKafkaCatalogs(ctx context.Context, req *cmfv1.ListKafkaCatalogsRequest) (*cmfv1.KafkaCatalogsPage, error) {
	return resource.List[cmfv1.KafkaCatalogsPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) GetKafkaCatalog(ctx context.Context, req *cmfv1.GetKafkaCatalogRequest) (*cmfv1.KafkaCatalog, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetCatName(), resource.Detail{})
}

func (s *service) WatchKafkaCatalogs(req *cmfv1.WatchKafkaCatalogsRequest, stream grpc.ServerStreamingServer[cmfv1.WatchKafkaCatalogsResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) UpdateKafkaCatalog(ctx context.Context, req *cmfv1.UpdateKafkaCatalogRequest) (*cmfv1.KafkaCatalog, error) {
	update := resource.WithName(req.GetCatalog(), req.GetCatName())
	return s.kind.Update(ctx, s.store, "", req.GetCatName(), req.GetResourceVersion(), req.GetCatalog().GetMetadata(), func(tx *store.Tx, before item) (*cmfv1.KafkaCatalog, error) {
		if err := check(update); err != nil {
			return nil, err
		}
		if err := s.checkUpdate(update, func(name string) *cmfv1.KafkaDatabase {
			return s.Databases.Get(tx, store.Key(req.GetCatName(), name)).Message()
		}); err != nil {
			return nil, err
		}
		after := proto.CloneOf(before.Value())
		after.Metadata = resource.UserMetadata(update.GetMetadata())
		var err error
		after.Spec, err = s.sealedCatalog(update, before.Value())
		return after, err
	})
}

func (s *service) DeleteKafkaCatalog(ctx context.Context, req *cmfv1.DeleteKafkaCatalogRequest) (*cmfv1.DeleteKafkaCatalogResponse, error) {
	err := s.kind.Delete(ctx, s.store, "", req.GetCatName(), req.GetResourceVersion(), func(tx *store.Tx, catalog item) error {
		var names []string
		for database := range s.Databases.In(tx).Under(catalog.Key) {
			names = append(names, database.Value().GetMetadata().GetName())
		}
		if len(names) > 0 {
			return apierror.InUse("Cannot delete Kafka catalog '%s': it contains databases [%s]", req.GetCatName(), resource.Abridge(names))
		}
		s.Databases.RequireEmpty(tx, catalog.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteKafkaCatalogResponse{}, nil
}
