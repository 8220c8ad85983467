package kafka

import (
	"fmt"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql/logical"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Bounds of a schema: how deep its records nest, and how many types there are when every name is
// replaced by its definition.
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

// avroFields returns the columns that Flink's format avro-confluent makes of a record, and the
// schema to give to the format, which then keeps the names of records and reads enumerations and
// fixed. The error says why the format cannot read the schema.
func avroFields(s *subject) ([]field, string, error) {
	schema, text, err := parseAvro(s)
	if err != nil {
		return nil, "", err
	}
	root := schema.definition(schema.root)
	if root.Type != avroRecord && root.Type != avroError {
		return nil, "", fmt.Errorf("the schema is of type %s, but the format supports records only", root.Type)
	}
	left := maxTypes
	row, err := avroReader{schema, map[string]bool{}, &left}.row(root)
	if err != nil {
		return nil, "", err
	}
	fields := make([]field, len(root.Fields))
	for i, f := range root.Fields {
		fields[i] = field{f.Name, f.Doc, row.GetFields()[i].GetFieldType()}
	}
	return fields, text, nil
}

// avroReader converts Avro's types to Flink's as Flink's own AvroSchemaConverter does: given a
// schema, the format requires the columns of the table to be exactly these.
type avroReader struct {
	schema *avroSchema
	// open are the records that the type is in, as Flink has no recursive types.
	open map[string]bool
	left *int
}

func (r avroReader) dataType(node *avro.SchemaNode) (*cmfv1.DataType, error) {
	if *r.left--; *r.left < 0 {
		return nil, errTooLarge
	}
	switch node = r.schema.definition(node); node.Type {
	case avroArray:
		element, err := r.dataType(node.Items)
		t := logical.NotNull(logical.Of(logical.Array))
		t.ElementType = element
		return t, err
	case avroMap:
		value, err := r.dataType(node.Values)
		t := logical.NotNull(logical.Of(logical.Map))
		t.KeyType, t.ValueType = logical.NotNull(logical.String()), value
		return t, err
	case avroUnion:
		return r.union(node)
	case avroRecord, avroError:
		return r.row(node)
	default:
		return scalar(node)
	}
}

// union is a type that can be null, or a single type.
func (r avroReader) union(node *avro.SchemaNode) (*cmfv1.DataType, error) {
	switch branches := node.Branches; {
	case len(branches) == 1:
		return r.dataType(&branches[0])
	case len(branches) != 2 || !hasNull(node):
		return nil, fmt.Errorf("a union of several types is not supported")
	case branches[0].Type == avroNull:
		t, err := r.dataType(&branches[1])
		return nullable(t), err
	default:
		t, err := r.dataType(&branches[0])
		return nullable(t), err
	}
}

func nullable(t *cmfv1.DataType) *cmfv1.DataType {
	if t != nil {
		t.Nullable = proto.Bool(true)
	}
	return t
}

func (r avroReader) row(node *avro.SchemaNode) (*cmfv1.DataType, error) {
	name := fullName(node)
	switch {
	case r.open[name]:
		return nil, fmt.Errorf("the record %s contains itself", name)
	case len(r.open) > maxDepth:
		return nil, fmt.Errorf("records nest more than %d levels deep", maxDepth)
	case len(node.Fields) == 0:
		return nil, fmt.Errorf("the record %s has no fields", name)
	}
	r.open[name] = true
	defer delete(r.open, name)
	t := logical.NotNull(logical.Of(logical.Row))
	for i := range node.Fields {
		f := &node.Fields[i]
		fieldType, err := r.dataType(&f.Type)
		switch {
		case err == nil:
			t.Fields = append(t.Fields, &cmfv1.DataTypeField{Name: f.Name, FieldType: fieldType})
		case len(r.open) == 1:
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		default:
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return t, nil
}

// scalars are by Avro's type, and by type and logical type where that counts.
var scalars = map[[2]string]*cmfv1.DataType{
	{"string", ""}:               logical.String(),
	{avroEnum, ""}:               logical.String(),
	{"bytes", ""}:                logical.WithLength(logical.Varbinary, logical.MaxLength),
	{"int", ""}:                  logical.Of(logical.Integer),
	{"int", "date"}:              logical.Of(logical.Date),
	{"long", ""}:                 logical.Of(logical.BigInt),
	{"long", "timestamp-millis"}: logical.WithPrecision(logical.Timestamp, 3),
	{"float", ""}:                logical.Of(logical.Float),
	{"double", ""}:               logical.Of(logical.Double),
	{"boolean", ""}:              logical.Of(logical.Boolean),
}

func scalar(node *avro.SchemaNode) (*cmfv1.DataType, error) {
	const maxPrecision = 38
	t := scalars[[2]string{node.Type, node.LogicalType}]
	switch {
	case t != nil:
	case node.LogicalType == "decimal" && (node.Type == "bytes" || node.Type == avroFixed):
		if node.Precision > maxPrecision {
			return nil, fmt.Errorf("a decimal with precision %d and scale %d is not supported", node.Precision, node.Scale)
		}
		t = logical.DecimalOf(int32(node.Precision), int32(node.Scale))
	case node.Type == avroFixed:
		t = logical.WithLength(logical.Varbinary, int32(min(node.Size, logical.MaxLength)))
	default:
		if t = scalars[[2]string{node.Type, ""}]; t == nil {
			return nil, fmt.Errorf("type %s is not supported", node.Type)
		}
	}
	return logical.NotNull(t), nil
}
