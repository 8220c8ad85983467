package metadata

import (
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql/logical"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// numeric orders the types that one column of numbers can be of.
var numeric = map[string]int{logical.Integer: 1, logical.BigInt: 2, logical.Decimal: 3, logical.Double: 4}

// union is the type that all literals of a column fit in, or nil where that is
// not plain.
func union(types []*cmfv1.DataType) *cmfv1.DataType {
	var all *cmfv1.DataType
	nullable := false
	for _, t := range types {
		switch {
		case t == nil:
			return nil
		case t.GetNullable():
			nullable = true
		}
		if t.GetType() == logical.Null {
			continue
		}
		if all == nil {
			all = proto.CloneOf(t)
		} else if all = widen(all, t); all == nil {
			return nil
		}
	}
	if all == nil {
		return nil
	}
	all.Nullable = &nullable
	return all
}

// widen gives the type that both fit in, which may be the first, or nil.
func widen(a, b *cmfv1.DataType) *cmfv1.DataType {
	switch {
	case isText(a) && isText(b):
		if a.GetLength() != b.GetLength() {
			a = logical.WithLength(logical.Varchar, max(a.GetLength(), b.GetLength()))
		}
		return a
	case numeric[a.GetType()] > 0 && numeric[b.GetType()] > 0:
		return widenNumber(a, b)
	case a.GetType() != b.GetType():
		return nil
	case a.Precision != nil && b.GetPrecision() > a.GetPrecision():
		return proto.CloneOf(b)
	default:
		return a
	}
}

func isText(t *cmfv1.DataType) bool {
	return t.GetType() == logical.Char || t.GetType() == logical.Varchar
}

// digits are those before the point that a type of numbers holds.
func digits(t *cmfv1.DataType) int32 {
	switch t.GetType() {
	case logical.Integer:
		return 10
	case logical.BigInt:
		return 19
	default:
		return t.GetPrecision() - t.GetScale()
	}
}

func widenNumber(a, b *cmfv1.DataType) *cmfv1.DataType {
	wider := a
	if numeric[b.GetType()] > numeric[a.GetType()] {
		wider = b
	}
	if wider.GetType() != logical.Decimal {
		return proto.CloneOf(wider)
	}
	scale := max(a.GetScale(), b.GetScale())
	precision := min(max(digits(a), digits(b))+scale, 38)
	return logical.DecimalOf(precision, min(scale, precision))
}
