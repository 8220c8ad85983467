package catalog

import (
	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Connections says how the databases of tables are reached from an environment.
// The opened values of secrets in it must not be kept for longer than they are
// used.
func (c *Catalogs) Connections(at store.Reader, env string, tables []*storev1.StatementTable) (ddl.Connect, error) {
	type place struct{ catalog, database string }
	known := map[place]ddl.Connection{}
	for _, table := range tables {
		p := place{table.GetCatalog(), table.GetDatabase()}
		if _, done := known[p]; done || !ddl.OnKafka(table.GetDefinition()) {
			continue
		}
		connection, err := c.connection(at, env, p.catalog, p.database)
		if err != nil {
			return nil, err
		}
		known[p] = connection
	}
	return func(catalog, database string) ddl.Connection { return known[place{catalog, database}] }, nil
}

// WithoutSecrets says how databases are reached, without the secrets of an
// environment.
func (c *Catalogs) WithoutSecrets(at store.Reader) ddl.Connect {
	return func(catalog, database string) ddl.Connection {
		found, db := c.places(at, catalog, database)
		return ddl.ConnectionOf(found, nil, db, nil)
	}
}

// NeedsSecret is true for a table that is reached by means of a secret.
func (c *Catalogs) NeedsSecret(at store.Reader, table *storev1.StatementTable) bool {
	catalog, database := c.places(at, table.GetCatalog(), table.GetDatabase())
	return ddl.OnKafka(table.GetDefinition()) && (secretOf(catalog) != "" || databaseSecretOf(database) != "")
}

// places gives a catalog and a database of it, nil if there is none.
func (c *Catalogs) places(at store.Reader, catalog, database string) (*cmfv1.KafkaCatalog, *cmfv1.KafkaDatabase) {
	return c.Records.In(at).Get(store.Key(catalog)).Message(), c.Databases.In(at).Get(store.Key(catalog, database)).Message()
}

// connection says how an environment reaches a database, with the secrets that it
// maps.
func (c *Catalogs) connection(at store.Reader, env, catalog, database string) (ddl.Connection, error) {
	found, db := c.places(at, catalog, database)
	registry, err := c.secrets.Mapped(at, env, secretOf(found))
	if err != nil {
		return ddl.Connection{}, err
	}
	broker, err := c.secrets.Mapped(at, env, databaseSecretOf(db))
	if err != nil {
		return ddl.Connection{}, err
	}
	return ddl.ConnectionOf(found, registry, db, broker), nil
}

// database is connection for the reader of topics.
func (c *Catalogs) database(at store.Reader, env, catalog, database string) (kafka.Database, error) {
	connection, err := c.connection(at, env, catalog, database)
	if err != nil {
		return kafka.Database{}, err
	}
	return kafka.Database{
		Environment: env, Catalog: catalog, Name: database, Kafka: connection.Kafka, Registry: connection.Registry,
	}, nil
}
