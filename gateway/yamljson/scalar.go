package yamljson

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// scalarKind is the JSON type of a scalar.
type scalarKind uint8

const (
	text scalarKind = iota
	number
	boolean
	null
)

// scalar is a YAML scalar in terms of JSON: for a number, boolean or null, the
// text is its JSON.
type scalar struct {
	kind scalarKind
	text string
}

func appendScalar(dst []byte, n *yaml.Node) ([]byte, error) {
	s, err := resolve(n)
	if err != nil {
		return dst, err
	}
	if s.kind == text {
		dst, _ = jsontext.AppendQuote(dst, s.text) // the document is UTF-8
		return dst, nil
	}
	return append(dst, s.text...), nil
}

// resolve finds the type of a scalar: by its tag where it has one, a string where
// it is quoted or a block, and otherwise by its looks.
func resolve(n *yaml.Node) (scalar, error) {
	if n.Style&yaml.TaggedStyle == 0 {
		const quotedOrBlock = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
		if n.Style&quotedOrBlock != 0 {
			return scalar{text, n.Value}, nil
		}
		return plain(n)
	}
	want, ok := map[string]scalarKind{
		"!!str": text, "!!timestamp": text, "!!int": number, "!!float": number, "!!bool": boolean, "!!null": null,
	}[n.ShortTag()]
	if !ok {
		return scalar{}, at(n, "the tag %q is not supported", n.ShortTag())
	}
	if want == text {
		return scalar{text, n.Value}, nil
	}
	s, err := plain(n)
	if err != nil {
		return scalar{}, err
	}
	if s.kind != want {
		return scalar{}, at(n, "%q does not fit its tag %q", clip(n.Value), n.ShortTag())
	}
	return s, nil
}

// words are the plain scalars that YAML 1.1 gives a meaning.
var words = func() map[string]scalar {
	w := map[string]scalar{"": {null, "null"}, "~": {null, "null"}}
	for _, s := range []string{"y", "yes", "true", "on"} {
		addSpellings(w, s, scalar{boolean, "true"})
	}
	for _, s := range []string{"n", "no", "false", "off"} {
		addSpellings(w, s, scalar{boolean, "false"})
	}
	addSpellings(w, "null", scalar{null, "null"})
	return w
}()

// addSpellings adds yes, Yes and YES.
func addSpellings(words map[string]scalar, word string, meaning scalar) {
	upper := strings.ToUpper(word)
	words[word], words[upper], words[upper[:1]+word[1:]] = meaning, meaning, meaning
}

var (
	notFinite = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	decimal   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// plain finds the type of an unquoted scalar.
func plain(n *yaml.Node) (scalar, error) {
	if s, ok := words[n.Value]; ok {
		return s, nil
	}
	if n.Value == "" || strings.IndexByte("+-.0123456789", n.Value[0]) < 0 {
		return scalar{text, n.Value}, nil
	}
	if notFinite.MatchString(n.Value) {
		return scalar{}, at(n, "JSON has no number %s", n.Value)
	}
	if json, ok := jsonNumber(n.Value); ok {
		return scalar{number, json}, nil
	}
	return scalar{text, n.Value}, nil
}

// maxDigits bounds integers that are not written in decimal, whose conversion
// takes time by the square of their length.
const maxDigits = 1000

// jsonNumber gives the JSON of a number in any of YAML's notations. Decimal
// digits are kept as they stand.
func jsonNumber(s string) (string, bool) {
	digits := s
	if s[0] != '.' {
		digits = strings.ReplaceAll(s, "_", "")
	}
	if digits == "" {
		return "", false
	}
	unsigned := strings.TrimLeft(digits, "+-")
	if len(digits)-len(unsigned) > 1 {
		return "", false
	}
	if len(unsigned) > 1 && unsigned[0] == '0' && unsigned[1] != '.' && unsigned[1] != 'e' && unsigned[1] != 'E' {
		if len(unsigned) <= maxDigits {
			// Base 0 reads 0x, 0o, 0b and the octal of YAML 1.1.
			if i, ok := new(big.Int).SetString(digits, 0); ok {
				return i.String(), true
			}
		}
	}
	if !decimal.MatchString(digits) {
		return "", false
	}
	if _, err := strconv.ParseFloat(digits, 64); err != nil {
		return "", false // 1e999 is a string to Kubernetes, often a piece of a hash
	}
	return normalDecimal(digits), true
}

// normalDecimal turns a number that matches decimal into JSON, which knows no
// leading plus, no leading zeros and no fraction without digits at both ends.
func normalDecimal(s string) string {
	sign := ""
	switch s[0] {
	case '-':
		sign, s = "-", s[1:]
	case '+':
		s = s[1:]
	}
	exponent := ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s, exponent = s[:i], s[i:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction + exponent
}

// clip bounds the length of messages.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
