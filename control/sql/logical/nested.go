package logical

import (
	"github.com/openweir/weir/control/sql/token"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func readCollection(root string) reader {
	return func(r *token.Reader) (*cmfv1.DataType, error) {
		if err := r.ExpectSymbol("<"); err != nil {
			return nil, err
		}
		element, err := Read(r)
		if err != nil {
			return nil, err
		}
		t := Of(root)
		t.ElementType = element
		return t, r.ExpectSymbol(">")
	}
}

func readMap(r *token.Reader) (*cmfv1.DataType, error) {
	if err := r.ExpectSymbol("<"); err != nil {
		return nil, err
	}
	key, err := Read(r)
	if err != nil {
		return nil, err
	}
	if err := r.ExpectSymbol(","); err != nil {
		return nil, err
	}
	value, err := Read(r)
	if err != nil {
		return nil, err
	}
	t := Of(Map)
	t.KeyType, t.ValueType = key, value
	return t, r.ExpectSymbol(">")
}

// readRow reads the fields of a row, in angle brackets or, as the standard has
// it, in parentheses.
func readRow(r *token.Reader) (*cmfv1.DataType, error) {
	t := Of(Row)
	if r.AcceptSymbol("<>") {
		return t, nil
	}
	end := ">"
	if r.AcceptSymbol("(") {
		end = ")"
	} else if err := r.ExpectSymbol("<"); err != nil {
		return nil, err
	}
	if r.AcceptSymbol(end) {
		return t, nil
	}
	seen := map[string]bool{}
	for {
		position := r.Peek().Position
		field, err := readField(r)
		if err != nil {
			return nil, err
		}
		if seen[field.Name] {
			return nil, token.Errorf(position, "Field %s is defined more than once in the row.", token.QuoteIdentifier(field.Name))
		}
		seen[field.Name] = true
		t.Fields = append(t.Fields, field)
		if !r.AcceptSymbol(",") {
			return t, r.ExpectSymbol(end)
		}
	}
}

func readField(r *token.Reader) (*cmfv1.DataTypeField, error) {
	name, err := r.ExpectIdentifier("the name of a field")
	if err != nil {
		return nil, err
	}
	fieldType, err := Read(r)
	if err != nil {
		return nil, err
	}
	field := &cmfv1.DataTypeField{Name: name, FieldType: fieldType}
	if r.Peek().Kind == token.String {
		field.Description = r.Next().Text
	}
	return field, nil
}

// readRaw reads RAW('class', 'serializer'). The contract has no place for the
// two, so that they are not kept.
func readRaw(r *token.Reader) (*cmfv1.DataType, error) {
	if err := r.ExpectSymbol("("); err != nil {
		return nil, err
	}
	if _, err := r.ExpectString("the class of the raw type"); err != nil {
		return nil, err
	}
	if err := r.ExpectSymbol(","); err != nil {
		return nil, err
	}
	if _, err := r.ExpectString("the serializer of the raw type"); err != nil {
		return nil, err
	}
	return Of(Raw), r.ExpectSymbol(")")
}
