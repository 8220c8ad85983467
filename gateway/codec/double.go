package codec

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// appendDouble writes a double as Java does, always with a fraction ("1.0",
// "1.0E7"), so that clients which distinguish integers from floats by their
// text always see a float.
func appendDouble(dst []byte, v float64, f *field) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dst, fmt.Errorf("%s: JSON has no %v", f.desc.FullName(), v)
	}
	magnitude := math.Abs(v)
	if magnitude == 0 || magnitude >= 1e-3 && magnitude < 1e7 {
		return appendFraction(dst, strconv.AppendFloat(nil, v, 'f', -1, 64)), nil
	}
	mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(nil, v, 'e', -1, 64), []byte("e"))
	dst = append(appendFraction(dst, mantissa), 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(exponent, "+-0")...), nil
}

// appendFraction appends a decimal, with ".0" where it has no fraction.
func appendFraction(dst, decimal []byte) []byte {
	dst = append(dst, decimal...)
	if bytes.IndexByte(decimal, '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}
