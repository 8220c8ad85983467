package metadata

import (
	"slices"
	"strings"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/token"
)

// The properties of a statement that say what names without a catalog or a
// database mean.
const (
	PropertyCatalog  = "sql.current-catalog"
	PropertyDatabase = "sql.current-database"
)

// Session is what names without a catalog or a database mean. Either may be
// empty: then the only one that is visible is meant.
type Session struct {
	Catalog, Database string
}

// SessionOf reads the properties of a statement.
func SessionOf(properties map[string]string) Session {
	return Session{Catalog: properties[PropertyCatalog], Database: properties[PropertyDatabase]}
}

// Resolve returns the full name of a table, whether or not the table exists. Its
// catalog and its database do.
func Resolve(name sql.Name, session Session, catalogs Catalogs) (Path, error) {
	return resolver{session, catalogs}.table(name)
}

// Current is what names without a catalog or a database mean, as far as the
// session or the only choice tells. It is false where not even the catalog is
// known.
func Current(session Session, catalogs Catalogs) (Session, bool) {
	r := resolver{session, catalogs}
	catalog, err := r.currentCatalog()
	if err != nil {
		return Session{}, false
	}
	if _, database, err := r.currentDatabase(); err == nil {
		return Session{Catalog: catalog, Database: database}, true
	}
	return Session{Catalog: catalog}, true
}

type resolver struct {
	session  Session
	catalogs Catalogs
}

func (r resolver) table(name sql.Name) (Path, error) {
	last := len(name.Parts) - 1
	catalog, database, err := r.database(name.Parts[:last])
	return Path{Catalog: catalog, Database: database, Table: name.Parts[last]}, err
}

// database resolves the name of a database in at most two parts; none mean the
// current database.
func (r resolver) database(parts []string) (catalog, database string, err error) {
	switch len(parts) {
	case 0:
		return r.currentDatabase()
	case 1:
		if catalog, err = r.currentCatalog(); err != nil {
			return "", "", err
		}
		database = parts[0]
	default:
		catalog, database = parts[0], parts[1]
		if err = r.checkCatalog(catalog); err != nil {
			return "", "", err
		}
	}
	return catalog, database, r.checkDatabase(catalog, database)
}

func (r resolver) currentCatalog() (string, error) {
	if r.session.Catalog != "" {
		return r.session.Catalog, r.checkCatalog(r.session.Catalog)
	}
	visible := r.catalogs.Catalogs()
	switch len(visible) {
	case 0:
		return "", errorf("No catalog is accessible from the environment.")
	case 1:
		return visible[0], nil
	default:
		return "", errorf("No current catalog is set: set the property %s to one of %s.", PropertyCatalog, choices(visible))
	}
}

func (r resolver) currentDatabase() (catalog, database string, err error) {
	if catalog, err = r.currentCatalog(); err != nil {
		return "", "", err
	}
	if r.session.Database != "" {
		return catalog, r.session.Database, r.checkDatabase(catalog, r.session.Database)
	}
	visible := r.catalogs.Databases(catalog)
	switch len(visible) {
	case 0:
		return "", "", errorf("Catalog %s has no database that is accessible from the environment.", token.QuoteIdentifier(catalog))
	case 1:
		return catalog, visible[0], nil
	default:
		return "", "", errorf("No current database is set: set the property %s to one of %s.", PropertyDatabase, choices(visible))
	}
}

func (r resolver) checkCatalog(name string) error {
	if !slices.Contains(r.catalogs.Catalogs(), name) {
		return errorf("Catalog %s does not exist, or the environment has no access to it.", token.QuoteIdentifier(name))
	}
	return nil
}

func (r resolver) checkDatabase(catalog, name string) error {
	if !slices.Contains(r.catalogs.Databases(catalog), name) {
		return errorf("Database %s does not exist, or the environment has no access to it.", token.QuoteParts(catalog, name))
	}
	return nil
}

// choices lists the first names in order.
func choices(names []string) string {
	const most = 10
	names = slices.Sorted(slices.Values(names))
	rest := ""
	if len(names) > most {
		names, rest = names[:most], ", ..."
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = token.QuoteIdentifier(name)
	}
	return strings.Join(quoted, ", ") + rest
}
