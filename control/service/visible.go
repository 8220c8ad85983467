package service

import (
	"context"
	"slices"

	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// visibleCatalogs are the catalogs that an environment sees: those whose
// connection secret ids it maps.
func (s *Services) visibleCatalogs(ctx context.Context, env string) *visible {
	return &visible{ctx: ctx, services: s, env: env, read: map[metadata.Path]int64{}}
}

// visible lives no longer than the request that its context is of.
type visible struct {
	ctx      context.Context
	services *Services
	env      string
	// declaredOnly leaves out the tables that are topics and nothing else.
	declaredOnly bool
	// err is why a database could not be read, if one could not; what was said of
	// its tables then is not to be trusted.
	err error
	// read has the revision of each table that was looked at, 0 where there was
	// none.
	read map[metadata.Path]int64
}

// maps tells whether the environment maps a connection secret id. An empty one
// needs no mapping.
func (v *visible) maps(id string) bool {
	if id == "" {
		return true
	}
	_, mapped := v.services.state.SecretMappings.Cached(store.Key(v.env, id))
	return mapped
}

// Catalogs are the names of the visible catalogs.
func (v *visible) Catalogs() []string {
	var names []string
	for _, catalog := range v.services.state.Catalogs.CachedUnder("") {
		if v.maps(catalogSecret(catalog.Value)) {
			names = append(names, catalog.Value.GetMetadata().GetName())
		}
	}
	return names
}

// Databases are the names of the visible databases of a catalog.
func (v *visible) Databases(catalog string) []string {
	var names []string
	for _, database := range v.services.state.Databases.CachedUnder(store.Key(catalog)) {
		if v.maps(databaseSecret(database.Value)) {
			names = append(names, database.Value.GetMetadata().GetName())
		}
	}
	return names
}

func databaseSecret(database *cmfv1.KafkaDatabase) string {
	return database.GetSpec().GetKafkaCluster().GetConnectionSecretId()
}

// Tables are the names of the tables of a database.
func (v *visible) Tables(catalog, database string) []string {
	var names []string
	for _, table := range v.services.state.Tables.CachedUnder(store.Key(catalog, database)) {
		segments := store.Segments(table.Key)
		names = append(names, segments[len(segments)-1])
	}
	return v.andTopics(catalog, database, names)
}

// Table is the definition of a table.
func (v *visible) Table(path metadata.Path) (*storev1.TableRecord, bool) {
	table, found := v.services.state.Tables.Cached(tableKey(path))
	v.read[path] = table.Revision
	if !found {
		return v.topic(path)
	}
	return table.Value, found
}

// AllowsDDL tells whether a database lists the environment.
func (v *visible) AllowsDDL(catalog, database string) bool {
	found, ok := v.services.state.Databases.Cached(store.Key(catalog, database))
	return ok && slices.Contains(found.Value.GetSpec().GetDdlEnvironments(), v.env)
}

func tableKey(path metadata.Path) string { return store.Key(path.Catalog, path.Database, path.Table) }

// tableEffect is what DDL does to the catalogs, on condition that the table is
// still what the statement was checked against. Its topic is made or deleted
// before the table is: to find it made, or gone, when trying again is no harm.
func (s *Services) tableEffect(ctx context.Context, effect *metadata.Effect, seen *visible) (change, error) {
	if effect == nil {
		return change{}, nil
	}
	if err := s.topicEffect(ctx, effect, seen); err != nil {
		return change{}, err
	}
	key := tableKey(effect.Path)
	out := change{conds: []store.Cond{s.state.Databases.Present(store.Key(effect.Path.Catalog, effect.Path.Database))}}
	if effect.Action == metadata.Create {
		out.conds = append(out.conds, s.state.Tables.Absent(key))
	} else {
		out.conds = append(out.conds, s.state.Tables.Unchanged(key, seen.read[effect.Path]))
	}
	if effect.Action == metadata.Drop {
		out.ops = append(out.ops, s.state.Tables.Remove(key))
	} else {
		out.ops = append(out.ops, s.state.Tables.Put(key, effect.Table))
	}
	return out, nil
}
