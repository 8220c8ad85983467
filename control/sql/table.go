package sql

import cmfv1 "github.com/openweir/weir/gen/cmf/v1"

// CreateTable is CREATE TABLE [IF NOT EXISTS].
type CreateTable struct {
	Table       Name
	IfNotExists bool
	Schema      Schema
	Comment     string
	// Distribution is nil without DISTRIBUTED.
	Distribution *Distribution
	PartitionBy  []string
	Options      map[string]string
}

// Schema is what stands between the parentheses of CREATE TABLE.
type Schema struct {
	Columns []Column
	// PrimaryKey is nil if there is none.
	PrimaryKey *PrimaryKey
	// Watermark is nil if there is none.
	Watermark *Watermark
}

// ColumnKind tells where the values of a column come from.
type ColumnKind int

// The kinds of columns.
const (
	// Physical columns are part of the rows.
	Physical ColumnKind = iota
	// Computed columns come from an expression over others.
	Computed
	// FromMetadata columns come from the connector, such as timestamps of
	// records.
	FromMetadata
)

// Column is a column of a table.
type Column struct {
	Name string
	Kind ColumnKind
	// Type is nil for computed columns.
	Type *cmfv1.DataType
	// Expression is that of a computed column, as written.
	Expression string
	// MetadataKey is the connector's name of a metadata column, where it differs
	// from the column's.
	MetadataKey string
	// Virtual metadata columns are not written.
	Virtual bool
	Comment string
	// Place is where ALTER TABLE puts the column.
	Place Place
}

// Place is where a column goes: FIRST, AFTER another, or where it is, new
// columns at the end.
type Place struct {
	First bool
	After string
}

// PrimaryKey is PRIMARY KEY (...) NOT ENFORCED.
type PrimaryKey struct {
	// Name is empty where the constraint has none.
	Name    string
	Columns []string
}

// Watermark is WATERMARK FOR column AS expression.
type Watermark struct {
	// Column is the path to the time, mostly of one part.
	Column     []string
	Expression string
}

// Distribution is DISTRIBUTED [BY [HASH | RANGE] (columns)] INTO n BUCKETS.
type Distribution struct {
	// Algorithm is HASH, RANGE or empty.
	Algorithm string
	Columns   []string
	// Buckets is 0 where the number is not given.
	Buckets int32
}

// AlterTable is ALTER TABLE [IF EXISTS] with one change.
type AlterTable struct {
	Table    Name
	IfExists bool
	Change   Change
}

// Change is what ALTER TABLE does: *SetOptions, *ResetOptions, *AddSchema,
// *ModifySchema, *DropColumns, *DropPrimaryKey, *DropWatermark, *DropDistribution
// or *RenameColumn.
type Change interface{ change() }

// SetOptions is SET ('key' = 'value', ...).
type SetOptions struct{ Options map[string]string }

// ResetOptions is RESET ('key', ...).
type ResetOptions struct{ Keys []string }

// AddSchema is ADD column or ADD (columns, constraint, watermark).
type AddSchema struct {
	Schema       Schema
	Distribution *Distribution
}

// ModifySchema is MODIFY column or MODIFY (columns, constraint, watermark).
type ModifySchema struct {
	Schema       Schema
	Distribution *Distribution
}

// DropColumns is DROP column or DROP (columns).
type DropColumns struct{ Columns []string }

// DropPrimaryKey is DROP PRIMARY KEY or DROP CONSTRAINT name.
type DropPrimaryKey struct {
	// Constraint is empty for DROP PRIMARY KEY.
	Constraint string
}

// DropWatermark is DROP WATERMARK.
type DropWatermark struct{}

// DropDistribution is DROP DISTRIBUTION.
type DropDistribution struct{}

// RenameColumn is RENAME column TO name.
type RenameColumn struct{ From, To string }

func (*SetOptions) change()       {}
func (*ResetOptions) change()     {}
func (*AddSchema) change()        {}
func (*ModifySchema) change()     {}
func (*DropColumns) change()      {}
func (*DropPrimaryKey) change()   {}
func (*DropWatermark) change()    {}
func (*DropDistribution) change() {}
func (*RenameColumn) change()     {}
