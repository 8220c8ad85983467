package service

import (
	"context"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type databases struct {
	cmfv1.UnimplementedKafkaDatabaseServiceServer
	*Services
}

// databaseKind is of the databases of one catalog: who may see a database has
// to see the catalog as well.
func (s *Services) databaseKind(catalog *cmfv1.KafkaCatalog) kind[*cmfv1.KafkaDatabase] {
	return kind[*cmfv1.KafkaDatabase]{
		noun: "Kafka database", name: contract.KindKafkaDatabase,
		store: s.state.Store, kept: s.state.Databases, list: query.KafkaDatabases,
		view: func(d *cmfv1.KafkaDatabase) *cmfv1.KafkaDatabase {
			return &cmfv1.KafkaDatabase{
				ApiVersion: d.GetApiVersion(), Kind: d.GetKind(), Metadata: d.GetMetadata(), Spec: d.GetSpec(),
				Status: &cmfv1.KafkaDatabaseStatus{
					EnvironmentsWithAccess: s.environmentsWithAccess(catalogSecret(catalog), d.GetSpec().GetKafkaCluster().GetConnectionSecretId()),
				},
			}
		},
	}
}

func (s *databases) CreateKafkaDatabase(ctx context.Context, req *cmfv1.CreateKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	catalog, err := s.catalogKind().get(ctx, "", req.GetCatName())
	if err != nil {
		return nil, err
	}
	database := req.GetDatabase()
	if err := rules.CheckKafkaDatabase(database); err != nil {
		return nil, err
	}
	return s.databaseKind(catalog.Value).create(ctx, catalog.Key, &cmfv1.KafkaDatabase{
		Metadata: userMeta(database.GetMetadata()),
		Spec:     database.GetSpec(),
	}, func(context.Context) (change, error) {
		return change{conds: []store.Cond{s.state.Catalogs.Present(catalog.Key)}}, nil
	})
}

func (s *databases) ListKafkaDatabases(ctx context.Context, req *cmfv1.ListKafkaDatabasesRequest) (*cmfv1.KafkaDatabasesPage, error) {
	catalog, err := s.catalogKind().get(ctx, "", req.GetCatName())
	if err != nil {
		return nil, err
	}
	page, err := s.databaseKind(catalog.Value).page(ctx, catalog.Key, req, nil)
	if err != nil {
		return nil, err
	}
	return &cmfv1.KafkaDatabasesPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *databases) GetKafkaDatabase(ctx context.Context, req *cmfv1.GetKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	catalog, err := s.catalogKind().get(ctx, "", req.GetCatName())
	if err != nil {
		return nil, err
	}
	return s.databaseKind(catalog.Value).describe(ctx, catalog.Key, req.GetDbName())
}

func (s *databases) UpdateKafkaDatabase(ctx context.Context, req *cmfv1.UpdateKafkaDatabaseRequest) (*cmfv1.KafkaDatabase, error) {
	catalog, err := s.catalogKind().get(ctx, "", req.GetCatName())
	if err != nil {
		return nil, err
	}
	update := named(clone(req.GetDatabase()), req.GetDbName())
	return s.databaseKind(catalog.Value).update(ctx, catalog.Key, req.GetDbName(), req.GetDatabase().GetMetadata(), func(_ context.Context, before store.Object[*cmfv1.KafkaDatabase]) (*cmfv1.KafkaDatabase, change, error) {
		if err := rules.CheckKafkaDatabase(update); err != nil {
			return nil, change{}, err
		}
		after := clone(before.Value)
		after.Metadata = userMeta(update.GetMetadata())
		after.Spec = update.GetSpec()
		return after, change{}, nil
	})
}

func (s *databases) DeleteKafkaDatabase(ctx context.Context, req *cmfv1.DeleteKafkaDatabaseRequest) (*cmfv1.DeleteKafkaDatabaseResponse, error) {
	catalog, err := s.catalogKind().get(ctx, "", req.GetCatName())
	if err != nil {
		return nil, err
	}
	err = s.databaseKind(catalog.Value).remove(ctx, catalog.Key, req.GetDbName(), func(_ context.Context, database store.Object[*cmfv1.KafkaDatabase]) (change, error) {
		return change{ops: []store.Op{s.state.Tables.RemoveUnder(database.Key)}}, nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteKafkaDatabaseResponse{}, nil
}
