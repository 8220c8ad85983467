package sql

import "github.com/openweir/weir/control/sql/token"

// Name is the name of an object in one to three parts.
type Name = token.Name

// Statement is one of the statements of this package: *ShowCatalogs,
// *ShowDatabases, *ShowTables, *ShowColumns, *ShowCreateTable, *ShowCurrent,
// *Describe, *CreateTable, *AlterTable, *DropTable, *Select, *Insert or
// *StatementSet.
type Statement interface {
	// Kind names the kind of the statement.
	Kind() Kind
	// closed keeps other packages from adding kinds.
	closed()
}

// Like is [NOT] LIKE or ILIKE behind a SHOW statement.
type Like struct {
	Pattern string
	Not     bool
	// IgnoreCase is what makes ILIKE of LIKE.
	IgnoreCase bool
}

// ShowCatalogs is SHOW CATALOGS [LIKE].
type ShowCatalogs struct {
	Like *Like
}

// ShowDatabases is SHOW DATABASES [FROM catalog] [LIKE].
type ShowDatabases struct {
	// Catalog has no parts where the current catalog is meant.
	Catalog Name
	Like    *Like
}

// ShowTables is SHOW TABLES [FROM [catalog.]database] [LIKE].
type ShowTables struct {
	// Database has no parts where the current database is meant.
	Database Name
	Like     *Like
}

// ShowColumns is SHOW COLUMNS FROM table [LIKE].
type ShowColumns struct {
	Table Name
	Like  *Like
}

// ShowCreateTable is SHOW CREATE TABLE table.
type ShowCreateTable struct {
	Table Name
}

// ShowCurrent is SHOW CURRENT CATALOG or SHOW CURRENT DATABASE.
type ShowCurrent struct {
	Database bool
}

// Describe is DESCRIBE [EXTENDED] table.
type Describe struct {
	Table    Name
	Extended bool
}

// DropTable is DROP TABLE [IF EXISTS] table.
type DropTable struct {
	Table    Name
	IfExists bool
}

// Select is a query whose rows someone wants to see.
type Select struct {
	Query *Query
	// Tables are those that the query reads, each once, in the order of the
	// text. Names of WITH are not among them.
	Tables []Name
}

// Insert is INSERT INTO or INSERT OVERWRITE.
type Insert struct {
	Target    Name
	Overwrite bool
	// Columns are those that the query fills, if the statement says so.
	Columns []string
	Query   *Query
	// Tables are those that the query reads.
	Tables []Name
}

// StatementSet is EXECUTE STATEMENT SET BEGIN ... END.
type StatementSet struct {
	Inserts []*Insert
}

// Kind is SHOW_CATALOGS.
func (*ShowCatalogs) Kind() Kind { return KindShowCatalogs }

// Kind is SHOW_DATABASES.
func (*ShowDatabases) Kind() Kind { return KindShowDatabases }

// Kind is SHOW_TABLES.
func (*ShowTables) Kind() Kind { return KindShowTables }

// Kind is SHOW_COLUMNS.
func (*ShowColumns) Kind() Kind { return KindShowColumns }

// Kind is SHOW_CREATE_TABLE.
func (*ShowCreateTable) Kind() Kind { return KindShowCreateTable }

// Kind is SHOW_CURRENT_CATALOG or SHOW_CURRENT_DATABASE.
func (s *ShowCurrent) Kind() Kind {
	if s.Database {
		return KindShowCurrentDatabase
	}
	return KindShowCurrentCatalog
}

// Kind is DESCRIBE.
func (*Describe) Kind() Kind { return KindDescribe }

// Kind is CREATE_TABLE.
func (*CreateTable) Kind() Kind { return KindCreateTable }

// Kind is ALTER_TABLE.
func (*AlterTable) Kind() Kind { return KindAlterTable }

// Kind is DROP_TABLE.
func (*DropTable) Kind() Kind { return KindDropTable }

// Kind is SELECT.
func (*Select) Kind() Kind { return KindSelect }

// Kind is INSERT_INTO or INSERT_OVERWRITE.
func (s *Insert) Kind() Kind {
	if s.Overwrite {
		return KindInsertOverwrite
	}
	return KindInsertInto
}

// Kind is STATEMENT_SET.
func (*StatementSet) Kind() Kind { return KindStatementSet }

func (*ShowCatalogs) closed()    {}
func (*ShowDatabases) closed()   {}
func (*ShowTables) closed()      {}
func (*ShowColumns) closed()     {}
func (*ShowCreateTable) closed() {}
func (*ShowCurrent) closed()     {}
func (*Describe) closed()        {}
func (*CreateTable) closed()     {}
func (*AlterTable) closed()      {}
func (*DropTable) closed()       {}
func (*Select) closed()          {}
func (*Insert) closed()          {}
func (*StatementSet) closed()    {}
