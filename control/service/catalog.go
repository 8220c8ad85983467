package service

import (
	"context"

	"github.com/google/uuid"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

type catalogs struct {
	cmfv1.UnimplementedKafkaCatalogServiceServer
	*Services
}

func (s *Services) catalogKind() kind[*cmfv1.KafkaCatalog] {
	return kind[*cmfv1.KafkaCatalog]{
		noun: "Kafka catalog", name: contract.KindKafkaCatalog,
		store: s.state.Store, kept: s.state.Catalogs, list: query.KafkaCatalogs,
		view: func(c *cmfv1.KafkaCatalog) *cmfv1.KafkaCatalog {
			return &cmfv1.KafkaCatalog{
				ApiVersion: c.GetApiVersion(), Kind: c.GetKind(), Metadata: c.GetMetadata(), Spec: c.GetSpec(),
				Status: &cmfv1.KafkaCatalogStatus{EnvironmentsWithAccess: s.environmentsWithAccess(catalogSecret(c))},
			}
		},
	}
}

// catalogSecret is the connection secret id of a catalog.
func catalogSecret(c *cmfv1.KafkaCatalog) string {
	return c.GetSpec().GetSrInstance().GetConnectionSecretId()
}

// environmentsWithAccess names the environments that map every one of the
// connection secret ids; an empty id needs no mapping.
func (s *Services) environmentsWithAccess(ids ...string) []string {
	var out []string
	for _, env := range s.state.Environments.CachedUnder("") {
		access := true
		for _, id := range ids {
			if id == "" {
				continue
			}
			_, mapped := s.state.SecretMappings.Cached(store.Join(env.Key, id))
			access = access && mapped
		}
		if access {
			out = append(out, env.Value.GetName())
		}
	}
	return out
}

func (s *catalogs) CreateKafkaCatalog(ctx context.Context, req *cmfv1.CreateKafkaCatalogRequest) (*cmfv1.KafkaCatalog, error) {
	catalog := req.GetCatalog()
	if err := rules.CheckKafkaCatalog(catalog); err != nil {
		return nil, err
	}
	name := catalog.GetMetadata().GetName()
	return s.catalogKind().create(ctx, "", &cmfv1.KafkaCatalog{
		Metadata: userMeta(catalog.GetMetadata()),
		Spec:     &cmfv1.KafkaCatalogSpec{SrInstance: catalog.GetSpec().GetSrInstance()},
	}, func(context.Context) (change, error) {
		return change{ops: s.legacyDatabases(name, catalog)}, nil
	})
}

// legacyDatabases creates the databases that a catalog brings with it.
func (s *catalogs) legacyDatabases(catalog string, from *cmfv1.KafkaCatalog) []store.Op {
	var ops []store.Op
	for _, database := range rules.LegacyDatabases(from) {
		database.ApiVersion, database.Kind = contract.APIVersion, contract.KindKafkaDatabase
		database.Metadata.Uid = uuid.NewString()
		database.Metadata.CreationTimestamp = state.Now()
		database.Metadata.UpdateTimestamp = database.Metadata.CreationTimestamp
		ops = append(ops, s.state.Databases.Put(store.Key(catalog, database.GetMetadata().GetName()), database))
	}
	return ops
}

func (s *catalogs) ListKafkaCatalogs(ctx context.Context, req *cmfv1.ListKafkaCatalogsRequest) (*cmfv1.KafkaCatalogsPage, error) {
	page, err := s.catalogKind().page(ctx, "", req, nil)
	if err != nil {
		return nil, err
	}
	return &cmfv1.KafkaCatalogsPage{Pageable: page.Pageable, Metadata: page.Metadata, Items: page.Items}, nil
}

func (s *catalogs) GetKafkaCatalog(ctx context.Context, req *cmfv1.GetKafkaCatalogRequest) (*cmfv1.KafkaCatalog, error) {
	return s.catalogKind().describe(ctx, "", req.GetCatName())
}

func (s *catalogs) UpdateKafkaCatalog(ctx context.Context, req *cmfv1.UpdateKafkaCatalogRequest) (*cmfv1.KafkaCatalog, error) {
	update := named(clone(req.GetCatalog()), req.GetCatName())
	return s.catalogKind().update(ctx, "", req.GetCatName(), req.GetCatalog().GetMetadata(), func(_ context.Context, before store.Object[*cmfv1.KafkaCatalog]) (*cmfv1.KafkaCatalog, change, error) {
		if err := rules.CheckKafkaCatalog(update); err != nil {
			return nil, change{}, err
		}
		if err := rules.CheckCatalogUpdate(update); err != nil {
			return nil, change{}, err
		}
		after := clone(before.Value)
		after.Metadata = userMeta(update.GetMetadata())
		after.Spec = update.GetSpec()
		return after, change{}, nil
	})
}

func (s *catalogs) DeleteKafkaCatalog(ctx context.Context, req *cmfv1.DeleteKafkaCatalogRequest) (*cmfv1.DeleteKafkaCatalogResponse, error) {
	err := s.catalogKind().remove(ctx, "", req.GetCatName(), func(_ context.Context, catalog store.Object[*cmfv1.KafkaCatalog]) (change, error) {
		var names []string
		for _, database := range s.state.Databases.CachedUnder(catalog.Key) {
			names = append(names, database.Value.GetMetadata().GetName())
		}
		if len(names) > 0 {
			return change{}, apierror.InUse("Cannot delete Kafka catalog '%s': it contains databases [%s]", req.GetCatName(), abridge(names))
		}
		return change{conds: []store.Cond{s.state.Databases.EmptyUnder(catalog.Key)}}, nil
	})
	if err != nil {
		return nil, err
	}
	return &cmfv1.DeleteKafkaCatalogResponse{}, nil
}
