// Package catalog has the Kafka catalogs, each a schema registry, with their
// databases, each a Kafka cluster, and the tables in these. SQL sees them as far as
// an environment maps the secrets that they need.
package catalog

import (
	"google.golang.org/grpc"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/environment"
	"github.com/openweir/weir/control/resource/secret"
	"github.com/openweir/weir/control/seal"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Catalogs is the room of catalogs, databases and tables.
type Catalogs struct {
	// Records are by name.
	Records *store.Collection[*cmfv1.KafkaCatalog]
	// Databases are by catalog and name.
	Databases *store.Collection[*cmfv1.KafkaDatabase]
	// Tables are those that DDL made, by catalog, database and name.
	Tables *store.Collection[*storev1.TableRecord]

	store        *store.Store
	watches      *resource.Watches
	environments *environment.Environments
	secrets      *secret.Secrets
	keys         *seal.Keys
	// topics is nil if topics are not tables and nothing connects to Kafka.
	topics *kafka.Reader

	kind         *resource.Kind[*cmfv1.KafkaCatalog, *cmfv1.KafkaCatalog]
	databaseKind *resource.Kind[*cmfv1.KafkaDatabase, *cmfv1.KafkaDatabase]
}

// New adds the collections to the store. Without keys, sensitive values of
// connections cannot be written. With a reader of topics, topics are tables,
// and topics are created and deleted with the tables of DDL; it may be nil.
func New(
	s *store.Store, watches *resource.Watches, environments *environment.Environments,
	secrets *secret.Secrets, keys *seal.Keys, topics *kafka.Reader,
) *Catalogs {
	c := &Catalogs{
		Records:      store.NewCollection[*cmfv1.KafkaCatalog](s, "catalogs"),
		Databases:    store.NewCollection[*cmfv1.KafkaDatabase](s, "databases"),
		Tables:       store.NewCollection[*storev1.TableRecord](s, "tables"),
		store:        s,
		watches:      watches,
		environments: environments,
		secrets:      secrets,
		keys:         keys,
		topics:       topics,
	}
	c.kind = &resource.Kind[*cmfv1.KafkaCatalog, *cmfv1.KafkaCatalog]{
		Related:  true,
		Noun:     "Kafka catalog",
		Name:     contract.KindKafkaCatalog,
		Records:  c.Records,
		Metadata: (*cmfv1.KafkaCatalog).GetMetadata,
		List:     list,
		View:     c.view,
		Count: func(at store.Reader, counts *cmfv1.ResourceCounts) {
			counts.Catalogs = resource.CountOf(at, c.Records)
		},
	}
	c.databaseKind = &resource.Kind[*cmfv1.KafkaDatabase, *cmfv1.KafkaDatabase]{
		Related:  true,
		Noun:     "Kafka database",
		Name:     contract.KindKafkaDatabase,
		Records:  c.Databases,
		Metadata: (*cmfv1.KafkaDatabase).GetMetadata,
		List:     databaseList,
		View:     c.databaseView,
	}
	return c
}

// Room is what catalogs and databases give to the control plane.
func (c *Catalogs) Room() resource.Room {
	return resource.Room{
		Kinds: []resource.Registered{c.kind, c.databaseKind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterKafkaCatalogServiceServer(server, &service{Catalogs: c})
			cmfv1.RegisterKafkaDatabaseServiceServer(server, &databaseService{Catalogs: c})
		},
		Sealed: []resource.Sealed{
			resource.NewSealed(c.store, "reseal-catalogs", c.Records, sealedOfCatalog, c.resealedCatalog),
			resource.NewSealed(c.store, "reseal-databases", c.Databases, sealedOfDatabase, c.resealedDatabase),
		},
	}
}

func (c *Catalogs) view(i item, _ resource.Detail) *cmfv1.KafkaCatalog {
	catalog := i.Value()
	return &cmfv1.KafkaCatalog{
		ApiVersion: catalog.GetApiVersion(), Kind: catalog.GetKind(), Metadata: catalog.GetMetadata(),
		Spec:   maskedCatalog(catalog.GetSpec()),
		Status: &cmfv1.KafkaCatalogStatus{EnvironmentsWithAccess: c.environmentsWithAccess(i.At, secretOf(catalog))},
	}
}

// databaseView is of a database in its catalog: who may see a database has to see
// the catalog as well.
func (c *Catalogs) databaseView(i databaseItem, _ resource.Detail) *cmfv1.KafkaDatabase {
	database := i.Value()
	catalog := c.Records.In(i.At).Get(store.Key(store.Segments(i.Key)[0])).Message()
	return &cmfv1.KafkaDatabase{
		ApiVersion: database.GetApiVersion(), Kind: database.GetKind(), Metadata: database.GetMetadata(),
		Spec: maskedDatabase(database.GetSpec()),
		Status: &cmfv1.KafkaDatabaseStatus{
			EnvironmentsWithAccess: c.environmentsWithAccess(i.At, secretOf(catalog), databaseSecretOf(database)),
		},
	}
}

// environmentsWithAccess names the environments that map every one of the
// connection secret ids.
func (c *Catalogs) environmentsWithAccess(at store.Reader, ids ...string) []string {
	var names []string
	for _, env := range c.environments.All(at) {
		access := true
		for _, id := range ids {
			access = access && c.secrets.IsMapped(at, env.Value().GetName(), id)
		}
		if access {
			names = append(names, env.Value().GetName())
		}
	}
	return names
}

// secretOf is the connection secret id of a catalog; empty where it needs none.
func secretOf(catalog *cmfv1.KafkaCatalog) string {
	return catalog.GetSpec().GetSrInstance().GetConnectionSecretId()
}

// databaseSecretOf is the connection secret id of a database; empty where it needs
// none.
func databaseSecretOf(database *cmfv1.KafkaDatabase) string {
	return database.GetSpec().GetKafkaCluster().GetConnectionSecretId()
}
