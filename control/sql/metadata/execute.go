package metadata

import (
	"slices"

	"github.com/openweir/weir/control/sql"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Execute runs a statement of class Metadata or DDL. The effect is nil where
// nothing changes. Errors are for the user: they say why the statement failed.
func Execute(statement sql.Statement, session Session, catalogs Catalogs) (*Result, *Effect, error) {
	e := executor{resolver{session, catalogs}}
	switch s := statement.(type) {
	case *sql.CreateTable:
		return e.create(s)
	case *sql.AlterTable:
		return e.alter(s)
	case *sql.DropTable:
		return e.drop(s)
	}
	result, err := e.show(statement)
	return result, nil, err
}

type executor struct {
	resolver
}

// show answers statements without effects.
func (e executor) show(statement sql.Statement) (*Result, error) {
	kind := statement.Kind()
	switch s := statement.(type) {
	case *sql.ShowCatalogs:
		return names(kind, "catalog name", e.catalogs.Catalogs(), s.Like)
	case *sql.ShowDatabases:
		catalog, err := e.catalogOf(s.Catalog)
		if err != nil {
			return nil, err
		}
		return names(kind, "database name", e.catalogs.Databases(catalog), s.Like)
	case *sql.ShowTables:
		catalog, database, err := e.database(s.Database.Parts)
		if err != nil {
			return nil, err
		}
		return names(kind, "table name", e.catalogs.Tables(catalog, database), s.Like)
	case *sql.ShowCurrent:
		return e.current(s)
	case *sql.ShowCreateTable:
		path, table, err := e.existing(s.Table)
		if err != nil {
			return nil, err
		}
		return single(kind, "result", CreateTableText(path, table)), nil
	case *sql.Describe:
		return e.describe(kind, s.Table, nil)
	case *sql.ShowColumns:
		return e.describe(kind, s.Table, s.Like)
	}
	return nil, errorf("%s runs on Flink.", kind)
}

func (e executor) catalogOf(name sql.Name) (string, error) {
	if len(name.Parts) == 0 {
		return e.currentCatalog()
	}
	return name.Parts[0], e.checkCatalog(name.Parts[0])
}

func (e executor) current(s *sql.ShowCurrent) (*Result, error) {
	if !s.Database {
		catalog, err := e.currentCatalog()
		if err != nil {
			return nil, err
		}
		return single(s.Kind(), "current catalog name", catalog), nil
	}
	_, database, err := e.currentDatabase()
	if err != nil {
		return nil, err
	}
	return single(s.Kind(), "current database name", database), nil
}

// names lists those that match, in order.
func names(kind sql.Kind, column string, all []string, like *sql.Like) (*Result, error) {
	matches, err := matcher(like)
	if err != nil {
		return nil, err
	}
	var matching []string
	for _, name := range slices.Sorted(slices.Values(all)) {
		if matches(name) {
			matching = append(matching, name)
		}
	}
	return single(kind, column, matching...), nil
}

// existing finds a table.
func (e executor) existing(name sql.Name) (Path, *storev1.TableRecord, error) {
	path, err := e.table(name)
	if err != nil {
		return Path{}, nil, err
	}
	table, found := e.catalogs.Table(path)
	if !found {
		return Path{}, nil, errorf("Table %s does not exist.", path)
	}
	return path, table, nil
}
