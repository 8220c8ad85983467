// Package logical reads and writes Flink's logical types as SQL has them. In
// between they are cmfv1.DataType, with the names of Flink's type roots and
// with nullable, lengths and precisions always filled in.
package logical

import (
	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// MaxLength is the length of STRING and BYTES.
const MaxLength = 2147483647

// The type roots that have no parameters, and those that Weir itself makes.
const (
	Char         = "CHAR"
	Varchar      = "VARCHAR"
	Boolean      = "BOOLEAN"
	Binary       = "BINARY"
	Varbinary    = "VARBINARY"
	Decimal      = "DECIMAL"
	TinyInt      = "TINYINT"
	SmallInt     = "SMALLINT"
	Integer      = "INTEGER"
	BigInt       = "BIGINT"
	Float        = "FLOAT"
	Double       = "DOUBLE"
	Date         = "DATE"
	Time         = "TIME_WITHOUT_TIME_ZONE"
	Timestamp    = "TIMESTAMP_WITHOUT_TIME_ZONE"
	TimestampTZ  = "TIMESTAMP_WITH_TIME_ZONE"
	TimestampLTZ = "TIMESTAMP_WITH_LOCAL_TIME_ZONE"
	YearMonth    = "INTERVAL_YEAR_MONTH"
	DayTime      = "INTERVAL_DAY_TIME"
	Array        = "ARRAY"
	Multiset     = "MULTISET"
	Map          = "MAP"
	Row          = "ROW"
	Raw          = "RAW"
	Null         = "NULL"
)

// Of is a nullable type without parameters.
func Of(root string) *cmfv1.DataType {
	return &cmfv1.DataType{Type: root, Nullable: proto.Bool(true)}
}

// WithLength is a nullable type with a length.
func WithLength(root string, length int32) *cmfv1.DataType {
	t := Of(root)
	t.Length = &length
	return t
}

// WithPrecision is a nullable type with a precision.
func WithPrecision(root string, precision int32) *cmfv1.DataType {
	t := Of(root)
	t.Precision = &precision
	return t
}

// DecimalOf is a nullable DECIMAL.
func DecimalOf(precision, scale int32) *cmfv1.DataType {
	t := WithPrecision(Decimal, precision)
	t.Scale = &scale
	return t
}

// String is the type of character strings of any length.
func String() *cmfv1.DataType { return WithLength(Varchar, MaxLength) }

// NotNull is the type without NULL.
func NotNull(t *cmfv1.DataType) *cmfv1.DataType {
	t = proto.CloneOf(t)
	t.Nullable = proto.Bool(false)
	return t
}
