package fleet

import (
	"github.com/openweir/weir/control/sql/ddl"
	"github.com/openweir/weir/control/state"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// place is a database in a catalog.
type place struct{ catalog, database string }

// connections tells how the databases of tables are reached from an
// environment. The opened values of secrets live no longer than the message
// that they are sent in.
func (f *Fleet) connections(env *cmfv1.Environment, tables []*storev1.StatementTable) (ddl.Connect, error) {
	known := map[place]ddl.Connection{}
	for _, table := range tables {
		at := place{table.GetCatalog(), table.GetDatabase()}
		if _, done := known[at]; done || !ddl.OnKafka(table.GetDefinition()) {
			continue
		}
		connection, err := f.connection(env, at)
		if err != nil {
			return nil, err
		}
		known[at] = connection
	}
	return func(catalog, database string) ddl.Connection { return known[place{catalog, database}] }, nil
}

func (f *Fleet) connection(env *cmfv1.Environment, at place) (ddl.Connection, error) {
	catalog, _ := f.State.Catalogs.Cached(store.Key(at.catalog))
	database, _ := f.State.Databases.Cached(store.Key(at.catalog, at.database))
	registry, err := f.mapped(env, catalog.Value.GetSpec().GetSrInstance().GetConnectionSecretId())
	if err != nil {
		return ddl.Connection{}, err
	}
	kafka, err := f.mapped(env, database.Value.GetSpec().GetKafkaCluster().GetConnectionSecretId())
	if err != nil {
		return ddl.Connection{}, err
	}
	return ddl.ConnectionOf(catalog.Value, registry, database.Value, kafka), nil
}

// mapped opens the secret that an environment maps a connection secret id to;
// nothing where there is no id, or no mapping any more.
func (f *Fleet) mapped(env *cmfv1.Environment, id string) (map[string]string, error) {
	if id == "" {
		return nil, nil
	}
	mapping, ok := f.State.SecretMappings.Cached(store.Key(env.GetName(), id))
	if !ok {
		return nil, nil
	}
	secret, ok := f.State.Secrets.Cached(store.Key(mapping.Value.GetSpec().GetSecretName()))
	if !ok {
		return nil, nil
	}
	return f.opened(secret.Value)
}

// opened is the values of a secret.
func (f *Fleet) opened(secret *cmfv1.Secret) (map[string]string, error) {
	data := make(map[string]string, len(secret.GetSpec().GetData()))
	for field, sealed := range secret.GetSpec().GetData() {
		value, err := f.Keys.Open(state.SecretPlace(secret.GetMetadata().GetName(), field), sealed)
		if err != nil {
			return nil, err
		}
		data[field] = value
	}
	return data, nil
}
