package sql

// Kind names a kind of statement as the trait sqlKind does.
type Kind string

// The kinds of statements that are supported.
const (
	KindShowCatalogs        Kind = "SHOW_CATALOGS"
	KindShowDatabases       Kind = "SHOW_DATABASES"
	KindShowTables          Kind = "SHOW_TABLES"
	KindShowColumns         Kind = "SHOW_COLUMNS"
	KindShowCreateTable     Kind = "SHOW_CREATE_TABLE"
	KindShowCurrentCatalog  Kind = "SHOW_CURRENT_CATALOG"
	KindShowCurrentDatabase Kind = "SHOW_CURRENT_DATABASE"
	KindDescribe            Kind = "DESCRIBE"
	KindCreateTable         Kind = "CREATE_TABLE"
	KindAlterTable          Kind = "ALTER_TABLE"
	KindDropTable           Kind = "DROP_TABLE"
	KindSelect              Kind = "SELECT"
	KindInsertInto          Kind = "INSERT_INTO"
	KindInsertOverwrite     Kind = "INSERT_OVERWRITE"
	KindStatementSet        Kind = "STATEMENT_SET"
)

// Class tells who runs a statement, and how.
type Class int

// The classes of statements.
const (
	// Metadata is answered by Weir from its catalogs, at once.
	Metadata Class = iota
	// DDL changes Weir's catalogs, at once.
	DDL
	// Interactive runs on Flink, and its rows are fetched page by page.
	Interactive
	// Detached runs on Flink and has no rows.
	Detached
)

// Class returns the class of the kind.
func (k Kind) Class() Class {
	switch k {
	case KindCreateTable, KindAlterTable, KindDropTable:
		return DDL
	case KindSelect:
		return Interactive
	case KindInsertInto, KindInsertOverwrite, KindStatementSet:
		return Detached
	default:
		return Metadata
	}
}

// NeedsFlink reports whether a statement of the kind is deployed.
func (k Kind) NeedsFlink() bool {
	class := k.Class()
	return class == Interactive || class == Detached
}
