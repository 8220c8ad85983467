package kafka

import (
	"context"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openweir/weir/control/sql/logical"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// message is the first message of a Protobuf schema, which is the one that
// values have unless they say otherwise.
type message struct {
	name string
	row  *cmfv1.DataType
}

// protobufMessage reads a Protobuf schema.
func protobufMessage(ctx context.Context, s *subject) (message, error) {
	const main = "subject.proto"
	sources := map[string]string{main: s.text}
	for _, ref := range s.references {
		sources[ref.name] = ref.text
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(ctx, main)
	if err != nil {
		return message{}, fmt.Errorf("the schema is not valid: %w", oneLine(err))
	}
	messages := files[0].Messages()
	if messages.Len() == 0 {
		return message{}, fmt.Errorf("the schema does not define a message")
	}
	descriptor := messages.Get(0)
	r := protobufReader{open: map[protoreflect.FullName]bool{}, left: maxTypes}
	row, err := r.row(descriptor)
	if err != nil {
		return message{}, err
	}
	return message{string(descriptor.FullName()), row}, nil
}

// protobufReader turns Protobuf's types into Flink's, as Flink's protobuf format
// does.
type protobufReader struct {
	open map[protoreflect.FullName]bool
	left int
}

func (r *protobufReader) row(m protoreflect.MessageDescriptor) (*cmfv1.DataType, error) {
	switch {
	case r.open[m.FullName()]:
		return nil, fmt.Errorf("the message %s contains itself", m.FullName())
	case len(r.open) > maxDepth:
		return nil, fmt.Errorf("messages nest more than %d levels deep", maxDepth)
	}
	r.open[m.FullName()] = true
	defer delete(r.open, m.FullName())
	row := logical.Of(logical.Row)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		fieldType, err := r.dataType(f)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name(), err)
		}
		row.Fields = append(row.Fields, &cmfv1.DataTypeField{Name: string(f.Name()), FieldType: fieldType})
	}
	return row, nil
}

func (r *protobufReader) dataType(f protoreflect.FieldDescriptor) (*cmfv1.DataType, error) {
	if f.IsMap() {
		key, err := r.scalar(f.MapKey())
		if err != nil {
			return nil, err
		}
		value, err := r.scalar(f.MapValue())
		if err != nil {
			return nil, err
		}
		t := logical.Of(logical.Map)
		t.KeyType, t.ValueType = key, value
		return t, nil
	}
	scalar, err := r.scalar(f)
	if err != nil || !f.IsList() {
		return scalar, err
	}
	t := logical.Of(logical.Array)
	t.ElementType = scalar
	return t, nil
}

// scalar is the type of one value.
func (r *protobufReader) scalar(f protoreflect.FieldDescriptor) (*cmfv1.DataType, error) {
	if r.left--; r.left < 0 {
		return nil, errTooLarge
	}
	switch f.Kind() {
	case protoreflect.BoolKind:
		return logical.Of(logical.Boolean), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return logical.Of(logical.Integer), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return logical.Of(logical.BigInt), nil
	case protoreflect.FloatKind:
		return logical.Of(logical.Float), nil
	case protoreflect.DoubleKind:
		return logical.Of(logical.Double), nil
	case protoreflect.BytesKind:
		return logical.WithLength(logical.Varbinary, logical.MaxLength), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return r.row(f.Message())
	default:
		// Strings, and enumerations by their names.
		return logical.String(), nil
	}
}
