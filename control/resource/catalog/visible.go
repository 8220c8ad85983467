package catalog

import (
	"context"
	"slices"

	"github.com/openweir/weir/control/sql/metadata"
	"github.com/openweir/weir/control/sql/token"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Visible is what an environment sees of the catalogs: those whose connection
// secret ids it maps. It answers the questions of package metadata for one
// statement.
type Visible struct {
	// DeclaredOnly leaves out the tables that are topics and nothing else.
	DeclaredOnly bool
	// Err is why a database could not be read, if one could not: what was said of its
	// tables then is not to be relied on. The text is for the user.
	Err error

	// ctx is of the request that Visible lives no longer than: metadata.Catalogs
	// knows none.
	ctx      context.Context //nolint:containedctx // see above
	catalogs *Catalogs
	at       store.Reader
	env      string
}

var _ metadata.Catalogs = (*Visible)(nil)

// Visible gives what an environment sees, as of a moment; of topics, as of now.
func (c *Catalogs) Visible(ctx context.Context, at store.Reader, env string) *Visible {
	return &Visible{ctx: ctx, catalogs: c, at: at, env: env}
}

// Catalogs are the names of the visible catalogs.
func (v *Visible) Catalogs() []string {
	var names []string
	for catalog := range v.catalogs.Records.In(v.at).Under("") {
		if v.catalogs.secrets.IsMapped(v.at, v.env, secretOf(catalog.Value())) {
			names = append(names, catalog.Value().GetMetadata().GetName())
		}
	}
	return names
}

// Databases are the names of the visible databases of a catalog.
func (v *Visible) Databases(catalog string) []string {
	var names []string
	for database := range v.catalogs.Databases.In(v.at).Under(store.Key(catalog)) {
		if v.catalogs.secrets.IsMapped(v.at, v.env, databaseSecretOf(database.Value())) {
			names = append(names, database.Value().GetMetadata().GetName())
		}
	}
	return names
}

// Tables are the names of the tables of a database, topics included.
func (v *Visible) Tables(catalog, database string) []string {
	var names []string
	for table := range v.catalogs.Tables.In(v.at).Under(store.Key(catalog, database)) {
		segments := store.Segments(table.Key)
		names = append(names, segments[len(segments)-1])
	}
	if v.catalogs.topics == nil || v.DeclaredOnly {
		return names
	}
	at, err := v.catalogs.database(v.at, v.env, catalog, database)
	if err == nil {
		var topics []string
		if topics, err = v.catalogs.topics.Topics(v.ctx, at); err == nil {
			names = append(names, topics...)
			slices.Sort(names)
			return slices.Compact(names)
		}
	}
	v.Err = &unreachableError{catalog, database, err}
	return names
}

// Table is the definition of a table, or of the topic of the name.
func (v *Visible) Table(path metadata.Path) (*storev1.TableRecord, bool) {
	if table := v.catalogs.Tables.In(v.at).Get(tableKey(path)); table != nil {
		return table.Value(), true
	}
	if v.catalogs.topics == nil || v.DeclaredOnly {
		return nil, false
	}
	at, err := v.catalogs.database(v.at, v.env, path.Catalog, path.Database)
	if err == nil {
		var table *storev1.TableRecord
		if table, err = v.catalogs.topics.Table(v.ctx, at, path.Table); err == nil {
			return table, table != nil
		}
	}
	v.Err = &unreachableError{path.Catalog, path.Database, err}
	return nil, false
}

// AllowsDDL is true if a database lists the environment.
func (v *Visible) AllowsDDL(catalog, database string) bool {
	found := v.catalogs.Databases.In(v.at).Get(store.Key(catalog, database))
	return slices.Contains(found.Message().GetSpec().GetDdlEnvironments(), v.env)
}

func tableKey(path metadata.Path) string { return store.Key(path.Catalog, path.Database, path.Table) }

// unreachableError is why a statement that names a database cannot run.
type unreachableError struct {
	catalog, database string
	reason            error
}

func (e *unreachableError) Error() string {
	return "Database " + token.QuoteParts(e.catalog, e.database) + " cannot be used: " + e.reason.Error() + "."
}

func (e *unreachableError) Unwrap() error { return e.reason }
