package metadata

import (
	"fmt"

	"github.com/openweir/weir/control/sql/token"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// Catalogs are the catalogs that one environment sees, as they are while a
// statement runs.
type Catalogs interface {
	// Catalogs are the names of the visible catalogs, in any order.
	Catalogs() []string
	// Databases are the names of the visible databases of a visible catalog.
	Databases(catalog string) []string
	// Tables are the names of the tables of a visible database.
	Tables(catalog, database string) []string
	// Table is the definition of a table of a visible database. Callers must not
	// modify it.
	Table(path Path) (*storev1.TableRecord, bool)
	// AllowsDDL reports whether the environment may change tables of a visible
	// database.
	AllowsDDL(catalog, database string) bool
}

// Path is the full name of a table.
type Path struct {
	Catalog, Database, Table string
}

// String writes the path with every part quoted.
func (p Path) String() string { return token.QuoteParts(p.Catalog, p.Database, p.Table) }

// Error is why a statement cannot run. The text is for the user.
type Error struct {
	message string
}

// Error returns whole sentences.
func (e *Error) Error() string { return e.message }

func errorf(format string, args ...any) error {
	return &Error{message: fmt.Sprintf(format, args...)}
}
