package logical

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql/token"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Parse reads a type that stands alone.
func Parse(text string) (*cmfv1.DataType, error) {
	r, err := token.NewReader(text)
	if err != nil {
		return nil, err
	}
	t, err := Read(r)
	if err != nil {
		return nil, err
	}
	if r.Peek().Kind != token.End {
		return nil, r.Unexpected("the end of the type")
	}
	return t, nil
}

// Read reads the type that is next, with NOT NULL or NULL behind it.
func Read(r *token.Reader) (*cmfv1.DataType, error) {
	if err := r.Enter(); err != nil {
		return nil, err
	}
	defer r.Leave()
	t, err := readRoot(r)
	if err != nil {
		return nil, err
	}
	if err := readNullability(r, t); err != nil {
		return nil, err
	}
	// The standard's way to write collections: INT ARRAY.
	for level := 0; r.Is(Array) || r.Is(Multiset); level++ {
		if level == token.MaxDepth {
			return nil, token.Errorf(r.Peek().Position, "The type is nested more than %d levels deep.", token.MaxDepth)
		}
		collection := Of(r.Next().Keyword)
		collection.ElementType = t
		if t = collection; readNullability(r, t) != nil {
			return nil, r.Unexpected(Null)
		}
	}
	return t, nil
}

func readNullability(r *token.Reader, t *cmfv1.DataType) error {
	switch {
	case r.Accept("NOT"):
		t.Nullable = proto.Bool(false)
		return r.Expect(Null)
	case r.Accept(Null):
		t.Nullable = proto.Bool(true)
	}
	return nil
}

// reader reads what follows the name of a type.
type reader func(r *token.Reader) (*cmfv1.DataType, error)

// roots are the types by how SQL names them. It is filled in by init, as types
// contain types.
var roots map[string]reader

func init() {
	roots = map[string]reader{
		"CHAR":          readChar,
		"CHARACTER":     readChar,
		"VARCHAR":       readLength(Varchar),
		"STRING":        fixed(WithLength(Varchar, MaxLength)),
		"BINARY":        readLength(Binary),
		"VARBINARY":     readLength(Varbinary),
		"BYTES":         fixed(WithLength(Varbinary, MaxLength)),
		"BOOLEAN":       fixed(Of(Boolean)),
		"DECIMAL":       readDecimal,
		"DEC":           readDecimal,
		"NUMERIC":       readDecimal,
		"TINYINT":       fixed(Of(TinyInt)),
		"SMALLINT":      fixed(Of(SmallInt)),
		"INT":           fixed(Of(Integer)),
		"INTEGER":       fixed(Of(Integer)),
		"BIGINT":        fixed(Of(BigInt)),
		"FLOAT":         fixed(Of(Float)),
		"REAL":          fixed(Of(Float)),
		"DOUBLE":        readDouble,
		"DATE":          fixed(Of(Date)),
		"TIME":          readTime,
		"TIMESTAMP":     readTimestamp,
		"TIMESTAMP_LTZ": readTimestampLTZ,
		"INTERVAL":      readInterval,
		"ARRAY":         readCollection(Array),
		"MULTISET":      readCollection(Multiset),
		"MAP":           readMap,
		"ROW":           readRow,
		"RAW":           readRaw,
		"NULL":          fixed(Of(Null)),
	}
}

func readRoot(r *token.Reader) (*cmfv1.DataType, error) {
	name := r.Peek()
	if name.Kind != token.Word && name.Kind != token.Quoted {
		return nil, r.Unexpected("a type")
	}
	read := roots[name.Keyword]
	if read == nil {
		return nil, token.Errorf(name.Position, "Unknown type %s.", token.QuoteIdentifier(name.Text))
	}
	r.Next()
	return read(r)
}

func fixed(t *cmfv1.DataType) reader {
	return func(*token.Reader) (*cmfv1.DataType, error) { return proto.CloneOf(t), nil }
}

func readLength(root string) reader {
	return func(r *token.Reader) (*cmfv1.DataType, error) {
		length, err := readParameter(r, "the length of "+root, 1, 1, MaxLength)
		return WithLength(root, length), err
	}
}

func readChar(r *token.Reader) (*cmfv1.DataType, error) {
	if r.Accept("VARYING") {
		return readLength(Varchar)(r)
	}
	return readLength(Char)(r)
}

func readDouble(r *token.Reader) (*cmfv1.DataType, error) {
	r.Accept("PRECISION")
	return Of(Double), nil
}

func readDecimal(r *token.Reader) (*cmfv1.DataType, error) {
	if !r.AcceptSymbol("(") {
		return DecimalOf(10, 0), nil
	}
	precision, err := readNumber(r, "the precision of DECIMAL", 1, 38)
	if err != nil {
		return nil, err
	}
	var scale int32
	if r.AcceptSymbol(",") {
		if scale, err = readNumber(r, "the scale of DECIMAL", 0, precision); err != nil {
			return nil, err
		}
	}
	return DecimalOf(precision, scale), r.ExpectSymbol(")")
}

// readParameter reads a number in parentheses, if there is one.
func readParameter(r *token.Reader, what string, absent, least, most int32) (int32, error) {
	if !r.AcceptSymbol("(") {
		return absent, nil
	}
	n, err := readNumber(r, what, least, most)
	if err != nil {
		return 0, err
	}
	return n, r.ExpectSymbol(")")
}

func readNumber(r *token.Reader, what string, least, most int32) (int32, error) {
	t := r.Peek()
	if t.Kind != token.Number {
		return 0, r.Unexpected(what)
	}
	n, err := strconv.ParseInt(t.Text, 10, 32)
	if err != nil || int32(n) < least || int32(n) > most {
		return 0, token.Errorf(t.Position, "%s is out of range; %s is between %d and %d.", t.Text, what, least, most)
	}
	r.Next()
	return int32(n), nil
}
