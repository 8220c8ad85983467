package openjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"
)

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// written hands the text of a value to use, which must not keep it.
func written(value any, use func(text []byte)) {
	b := buffers.Get().(*[]byte)
	*b = appendJSON((*b)[:0], value)
	use(*b)
	if cap(*b) <= maxBuffer {
		buffers.Put(b)
	}
}

// appendJSON appends what encoding/json writes for a value where it escapes no
// HTML: compact, with keys in order.
func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case string:
		return appendString(b, v)
	case json.Number:
		if isNumber(string(v)) {
			return append(b, v...)
		}
	case []any:
		if v != nil {
			b = append(b, '[')
			for i, element := range v {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendJSON(b, element)
			}
			return append(b, ']')
		}
	case Object:
		if v != nil {
			return appendObject(b, v)
		}
	}
	return append(b, standard(value)...)
}

func appendObject(b []byte, o Object) []byte {
	var few [16]string
	keys := few[:0]
	for key := range o {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = appendJSON(b, o[key])
	}
	return append(b, '}')
}

// short are the bytes whose escape is a backslash and one other byte, which it
// gives.
var short = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendString(b []byte, s string) []byte {
	before := len(b)
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case !special[c] && c < utf8.RuneSelf:
		case short[c] != 0:
			b = append(b, s[from:i]...)
			b = append(b, '\\', short[c])
			from = i + 1
		default:
			// What is escaped by number: control characters, line separators and
			// the replacement of bytes that are not UTF-8.
			r, size := utf8.DecodeRuneInString(s[i:])
			if r < ' ' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
				return append(b[:before], standard(s)...)
			}
			i += size - 1
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// isNumber tells whether a text is a JSON number.
func isNumber(text string) bool {
	r := reader{text: text}
	_, ok := r.number()
	return ok && r.at == len(text)
}

// standard is the text that encoding/json writes for a value.
func standard(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		// Only values that JSON cannot hold get here, and objects come from JSON.
		panic(fmt.Sprintf("openjson: encode JSON: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
