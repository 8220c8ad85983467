package metadata

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql/logical"
	"github.com/openweir/weir/control/sql/token"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// derive tells the type of an expression where that is plain: columns,
// literals, casts and a few functions. It is nil for all others.
func derive(text string, sources []source) *cmfv1.DataType {
	tokens, err := token.Scan(text)
	if err != nil {
		return nil
	}
	return expression{text, sources}.derive(tokens[:len(tokens)-1])
}

// expression is what tokens are part of.
type expression struct {
	text    string
	sources []source
}

func (e expression) derive(tokens []token.Token) *cmfv1.DataType {
	switch {
	case len(tokens) == 0:
		return nil
	case len(tokens) == 1:
		if t := literal(tokens[0]); t != nil {
			return t
		}
	case len(tokens) == 2 && (tokens[0].IsSymbol("-") || tokens[0].IsSymbol("+")) && tokens[1].Kind == token.Number:
		return literal(tokens[1])
	case len(tokens) == 2 && tokens[1].Kind == token.String:
		return timeLiteral(tokens[0].Keyword, tokens[1].Text)
	}
	if path := columnPath(tokens); path != nil {
		return lookUp(path, e.sources)
	}
	if len(tokens) > 2 && tokens[0].Kind == token.Word && tokens[1].IsSymbol("(") && closes(tokens[1:]) {
		return e.call(tokens[0].Keyword, tokens[2:len(tokens)-1])
	}
	return nil
}

// columnPath gives the parts of a.b.c, or nil.
func columnPath(tokens []token.Token) []string {
	var path []string
	for i, t := range tokens {
		switch {
		case i%2 == 0 && t.IsIdentifier():
			path = append(path, t.Text)
		case i%2 == 0 || !t.IsSymbol(".") || i == len(tokens)-1:
			return nil
		}
	}
	return path
}

// closes tells whether the parenthesis that begins the tokens ends with them.
func closes(tokens []token.Token) bool {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.IsSymbol("("):
			depth++
		case t.IsSymbol(")"):
			if depth--; depth == 0 {
				return i == len(tokens)-1
			}
		}
	}
	return false
}

// constants are the types of words that stand for a value.
var constants = map[string]*cmfv1.DataType{
	"TRUE":              logical.NotNull(logical.Of(logical.Boolean)),
	"FALSE":             logical.NotNull(logical.Of(logical.Boolean)),
	"NULL":              logical.Of(logical.Null),
	"CURRENT_DATE":      logical.NotNull(logical.Of(logical.Date)),
	"CURRENT_TIME":      logical.NotNull(logical.WithPrecision(logical.Time, 0)),
	"LOCALTIME":         logical.NotNull(logical.WithPrecision(logical.Time, 0)),
	"CURRENT_TIMESTAMP": logical.NotNull(logical.WithPrecision(logical.TimestampLTZ, 3)),
	"LOCALTIMESTAMP":    logical.NotNull(logical.WithPrecision(logical.Timestamp, 3)),
}

// literal is nil for what is no literal.
func literal(t token.Token) *cmfv1.DataType {
	switch t.Kind {
	case token.String:
		return logical.NotNull(logical.WithLength(logical.Char, int32(len([]rune(t.Text)))))
	case token.Binary:
		return logical.NotNull(logical.WithLength(logical.Binary, int32(len(t.Text)/2)))
	case token.Number:
		return logical.NotNull(number(t.Text))
	case token.Word:
		if constant := constants[t.Keyword]; constant != nil {
			return proto.CloneOf(constant)
		}
	}
	return nil
}

// number is the type of a literal: the smallest of INT, BIGINT and DECIMAL, and
// DOUBLE with an exponent.
func number(text string) *cmfv1.DataType {
	if strings.ContainsAny(text, "eE") {
		return logical.Of(logical.Double)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n == int64(int32(n)) {
			return logical.Of(logical.Integer)
		}
		return logical.Of(logical.BigInt)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	precision := min(max(len(whole)+len(fraction), 1), 38)
	return logical.DecimalOf(int32(precision), int32(min(len(fraction), precision)))
}

// timeLiteral is the type of DATE '...', TIME '...' and TIMESTAMP '...'.
func timeLiteral(keyword, text string) *cmfv1.DataType {
	_, fraction, _ := strings.Cut(text, ".")
	precision := int32(min(len(fraction), 9))
	switch keyword {
	case "DATE":
		return logical.NotNull(logical.Of(logical.Date))
	case "TIME":
		return logical.NotNull(logical.WithPrecision(logical.Time, precision))
	case "TIMESTAMP":
		return logical.NotNull(logical.WithPrecision(logical.Timestamp, precision))
	default:
		return nil
	}
}

// functions are those whose type does not depend on arguments, as far as Weir
// looks.
var functions = map[string]*cmfv1.DataType{
	"COUNT":             logical.NotNull(logical.Of(logical.BigInt)),
	"PROCTIME":          logical.NotNull(logical.WithPrecision(logical.TimestampLTZ, 3)),
	"NOW":               logical.NotNull(logical.WithPrecision(logical.TimestampLTZ, 3)),
	"CURRENT_WATERMARK": logical.WithPrecision(logical.TimestampLTZ, 3),
	"TO_TIMESTAMP":      logical.WithPrecision(logical.Timestamp, 3),
	"TO_TIMESTAMP_LTZ":  logical.WithPrecision(logical.TimestampLTZ, 3),
	"TO_DATE":           logical.Of(logical.Date),
	"CHAR_LENGTH":       logical.Of(logical.Integer),
	"ROW_NUMBER":        logical.NotNull(logical.Of(logical.BigInt)),
	"TUMBLE_START":      logical.WithPrecision(logical.Timestamp, 3),
	"TUMBLE_END":        logical.WithPrecision(logical.Timestamp, 3),
	"UPPER":             logical.String(),
	"LOWER":             logical.String(),
	"CONCAT":            logical.String(),
	"SUBSTRING":         logical.String(),
	"TRIM":              logical.String(),
	"DATE_FORMAT":       logical.String(),
	"JSON_VALUE":        logical.String(),
	"UUID":              logical.NotNull(logical.WithLength(logical.Char, 36)),
}

// call is the type of a call of a function.
func (e expression) call(name string, arguments []token.Token) *cmfv1.DataType {
	switch name {
	case "CAST", "TRY_CAST":
		return e.cast(name == "TRY_CAST", arguments)
	case "MIN", "MAX", "SUM", "AVG", "FIRST_VALUE", "LAST_VALUE":
		argument := e.derive(arguments)
		if argument != nil {
			argument = proto.CloneOf(argument)
			argument.Nullable = proto.Bool(true)
		}
		return argument
	}
	if t := functions[name]; t != nil {
		return proto.CloneOf(t)
	}
	return nil
}

// cast is the type behind the last AS, nullable where the value is.
func (e expression) cast(try bool, arguments []token.Token) *cmfv1.DataType {
	for i := len(arguments) - 2; i > 0; i-- {
		if !arguments[i].Is("AS") {
			continue
		}
		target, err := logical.Parse(e.text[arguments[i+1].Start:arguments[len(arguments)-1].End])
		if err != nil {
			return nil
		}
		value := e.derive(arguments[:i])
		if !try && value != nil && !value.GetNullable() {
			return logical.NotNull(target)
		}
		return target
	}
	return nil
}
