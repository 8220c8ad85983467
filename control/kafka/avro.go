package kafka

import (
	"fmt"

	"github.com/hamba/avro/v2"

	"github.com/openweir/weir/control/sql/logical"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Bounds of a schema: how deep its types nest, and how many there are when every
// name stands for all that is within.
const (
	maxDepth = 30
	maxTypes = 5000
)

// field is a column of a key or of a value.
type field struct {
	name, comment string
	dataType      *cmfv1.DataType
}

var errTooLarge = fmt.Errorf("the schema has more than %d types", maxTypes)

// avroFields are the columns that Flink's format avro-confluent makes of a
// record, and the schema to give it, which makes it keep the names of records,
// and read enumerations and fixed. The error says why the format cannot read the
// schema.
func avroFields(s *subject) ([]field, string, error) {
	text, schema, err := readable(s)
	if err != nil {
		return nil, "", err
	}
	record, ok := schema.(*avro.RecordSchema)
	if !ok {
		return nil, "", fmt.Errorf("the schema is of type %s, and the format reads records only", schema.Type())
	}
	if len(record.Fields()) == 0 {
		return nil, "", fmt.Errorf("the record %s has no fields", record.FullName())
	}
	left := maxTypes
	reader := avroReader{open: map[string]bool{record.FullName(): true}, left: &left}
	var fields []field
	for _, f := range record.Fields() {
		dataType, err := reader.dataType(f.Type())
		if err != nil {
			return nil, "", fmt.Errorf("field %s: %w", f.Name(), err)
		}
		fields = append(fields, field{f.Name(), f.Doc(), dataType})
	}
	return fields, string(text), nil
}

// avroReader turns Avro's types into Flink's as Flink's own AvroSchemaConverter
// does: with a schema, the format wants the columns of the table to be exactly
// these.
type avroReader struct {
	// open are the records that the type is within, as Flink has no recursive
	// types.
	open map[string]bool
	left *int
}

func (r avroReader) dataType(schema avro.Schema) (*cmfv1.DataType, error) {
	if *r.left--; *r.left < 0 {
		return nil, errTooLarge
	}
	switch s := schema.(type) {
	case *avro.PrimitiveSchema:
		return primitive(s)
	case *avro.EnumSchema:
		return logical.NotNull(logical.String()), nil
	case *avro.FixedSchema:
		if decimal, ok := s.Logical().(*avro.DecimalLogicalSchema); ok {
			return decimalOf(decimal)
		}
		return logical.NotNull(logical.WithLength(logical.Varbinary, int32(min(s.Size(), logical.MaxLength)))), nil
	case *avro.ArraySchema:
		element, err := r.dataType(s.Items())
		if err != nil {
			return nil, err
		}
		t := logical.NotNull(logical.Of(logical.Array))
		t.ElementType = element
		return t, nil
	case *avro.MapSchema:
		value, err := r.dataType(s.Values())
		if err != nil {
			return nil, err
		}
		t := logical.NotNull(logical.Of(logical.Map))
		t.KeyType, t.ValueType = logical.NotNull(logical.String()), value
		return t, nil
	case *avro.UnionSchema:
		return r.union(s)
	case *avro.RefSchema:
		return r.dataType(s.Schema())
	case *avro.RecordSchema:
		return r.row(s)
	default:
		return nil, fmt.Errorf("type %s is not read", schema.Type())
	}
}

// union is a type that can be null, or one alone.
func (r avroReader) union(s *avro.UnionSchema) (*cmfv1.DataType, error) {
	if len(s.Types()) == 1 {
		return r.dataType(s.Types()[0])
	}
	if !s.Nullable() {
		return nil, fmt.Errorf("a union of several types is not read")
	}
	_, at := s.Indices()
	t, err := r.dataType(s.Types()[at])
	if err != nil {
		return nil, err
	}
	nullable := true
	t.Nullable = &nullable
	return t, nil
}

func (r avroReader) row(s *avro.RecordSchema) (*cmfv1.DataType, error) {
	name := s.FullName()
	switch {
	case r.open[name]:
		return nil, fmt.Errorf("the record %s contains itself", name)
	case len(r.open) > maxDepth:
		return nil, fmt.Errorf("records nest more than %d levels deep", maxDepth)
	case len(s.Fields()) == 0:
		return nil, fmt.Errorf("the record %s has no fields", name)
	}
	r.open[name] = true
	defer delete(r.open, name)
	t := logical.NotNull(logical.Of(logical.Row))
	for _, f := range s.Fields() {
		fieldType, err := r.dataType(f.Type())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		t.Fields = append(t.Fields, &cmfv1.DataTypeField{Name: f.Name(), FieldType: fieldType})
	}
	return t, nil
}

// primitives are the types without logical types.
var primitives = map[avro.Type]*cmfv1.DataType{
	avro.String:  logical.NotNull(logical.String()),
	avro.Bytes:   logical.NotNull(logical.WithLength(logical.Varbinary, logical.MaxLength)),
	avro.Int:     logical.NotNull(logical.Of(logical.Integer)),
	avro.Long:    logical.NotNull(logical.Of(logical.BigInt)),
	avro.Float:   logical.NotNull(logical.Of(logical.Float)),
	avro.Double:  logical.NotNull(logical.Of(logical.Double)),
	avro.Boolean: logical.NotNull(logical.Of(logical.Boolean)),
}

func primitive(s *avro.PrimitiveSchema) (*cmfv1.DataType, error) {
	if s.Logical() != nil {
		switch s.Logical().Type() {
		case avro.Date:
			return logical.NotNull(logical.Of(logical.Date)), nil
		case avro.TimestampMillis:
			return logical.NotNull(logical.WithPrecision(logical.Timestamp, 3)), nil
		case avro.Decimal:
			if decimal, ok := s.Logical().(*avro.DecimalLogicalSchema); ok {
				return decimalOf(decimal)
			}
		}
	}
	t, known := primitives[s.Type()]
	if !known {
		return nil, fmt.Errorf("type %s is not read", s.Type())
	}
	// Types are changed by those who get them.
	return logical.NotNull(t), nil
}

func decimalOf(s *avro.DecimalLogicalSchema) (*cmfv1.DataType, error) {
	const maxPrecision = 38
	if s.Precision() < 1 || s.Precision() > maxPrecision || s.Scale() > s.Precision() {
		return nil, fmt.Errorf("a decimal with precision %d and scale %d is not read", s.Precision(), s.Scale())
	}
	return logical.NotNull(logical.DecimalOf(int32(s.Precision()), int32(s.Scale()))), nil
}
