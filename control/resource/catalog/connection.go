package catalog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/openweir/weir/control/kafka"
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/sql/token"
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
// environment and the sensitive values of connections.
func (c *Catalogs) WithoutSecrets(at store.Reader) ddl.Connect {
	return func(catalog, database string) ddl.Connection {
		found, db := c.places(at, catalog, database)
		return ddl.Connection{
			Kafka:    public(db.GetSpec().GetKafkaCluster().GetConnectionConfig()),
			Registry: public(found.GetSpec().GetSrInstance().GetConnectionConfig()),
		}
	}
}

// NeedsSecret is true for a table that is reached by means of a secret, or of
// sensitive values of a connection.
func (c *Catalogs) NeedsSecret(at store.Reader, table *storev1.StatementTable) bool {
	catalog, database := c.places(at, table.GetCatalog(), table.GetDatabase())
	return ddl.OnKafka(table.GetDefinition()) &&
		(needsSecret(secretOf(catalog), catalog.GetSpec().GetSrInstance().GetConnectionConfig()) ||
			needsSecret(databaseSecretOf(database), database.GetSpec().GetKafkaCluster().GetConnectionConfig()))
}

// CheckRedirects refuses options by which a table that is reached by means of a
// secret could send it elsewhere. hints are the options that the hints of a statement
// set.
func (c *Catalogs) CheckRedirects(at store.Reader, table *storev1.StatementTable, hints map[string][]string) error {
	if !c.NeedsSecret(at, table) {
		return nil
	}
	path := metadata.Path{Catalog: table.GetCatalog(), Database: table.GetDatabase(), Table: table.GetName()}
	for _, option := range slices.Sorted(maps.Keys(table.GetDefinition().GetOptions())) {
		if ddl.Redirects(option) {
			return &redirectError{path, "its option", option}
		}
	}
	for _, option := range slices.Sorted(maps.Keys(hints)) {
		if ddl.Redirects(option) {
			return &redirectError{path, "a hint with the option", option}
		}
	}
	return nil
}

// redirectError is why a table cannot be used with the secret of its database.
type redirectError struct {
	path         metadata.Path
	what, option string
}

func (e *redirectError) Error() string {
	return fmt.Sprintf("Table %s cannot be used with %s %s: its database or catalog has credentials, so they alone say where and how to connect.",
		e.path, e.what, token.QuoteString(e.option))
}

// places gives a catalog and a database of it, nil if there is none.
func (c *Catalogs) places(at store.Reader, catalog, database string) (*cmfv1.KafkaCatalog, *cmfv1.KafkaDatabase) {
	return c.Records.In(at).Get(store.Key(catalog)).Message(), c.Databases.In(at).Get(store.Key(catalog, database)).Message()
}

// connection says how an environment reaches a database, with the secrets that it
// maps.
func (c *Catalogs) connection(at store.Reader, env, catalog, database string) (ddl.Connection, error) {
	found, db := c.places(at, catalog, database)
	registry, err := c.withSecret(at, env, secretOf(found), c.catalogSealing(catalog), found.GetSpec().GetSrInstance().GetConnectionConfig())
	if err != nil {
		return ddl.Connection{}, fmt.Errorf("connection of catalog %s: %w", catalog, err)
	}
	broker, err := c.withSecret(at, env, databaseSecretOf(db), c.databaseSealing(catalog, database), db.GetSpec().GetKafkaCluster().GetConnectionConfig())
	if err != nil {
		return ddl.Connection{}, fmt.Errorf("connection of database %s.%s: %w", catalog, database, err)
	}
	return ddl.Connection{Kafka: broker, Registry: registry}, nil
}

// withSecret is a stored connection under the values of the secret that the environment
// maps, which take precedence.
func (c *Catalogs) withSecret(at store.Reader, env, id string, sealing sealing, stored *cmfv1.StringMap) (map[string]string, error) {
	out, err := sealing.open(stored)
	if err != nil {
		return nil, err
	}
	secret, err := c.secrets.Mapped(at, env, id)
	maps.Copy(out, secret)
	return out, err
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
