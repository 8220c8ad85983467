package openjson

import (
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// reader reads the JSON that nearly every text holds: valid UTF-8, no key twice
// in an object, not nested deeper than maxDepth. It gives up on anything else,
// valid or not, and leaves the text to encoding/json, or to jsontext for the
// reason. Strings without escapes, keys and numbers are substrings of the text.
type reader struct {
	text string
	at   int
	// Members and elements of the objects and lists that are not complete yet,
	// innermost last, so that each is made once in its final size.
	keys   []string
	values []any
	buffer []byte // of the string being unescaped
}

// Bounds of what readers and writers keep for the next text.
const (
	maxKept   = 1 << 12 // values
	maxBuffer = 1 << 16 // bytes
)

var readers = sync.Pool{New: func() any { return &reader{} }}

// read parses the object at the beginning of a text and returns what follows
// it. It is false where the reader gives up.
func read(text string) (o Object, rest string, ok bool) {
	if !utf8.ValidString(text) {
		return nil, "", false
	}
	r := readers.Get().(*reader)
	defer r.release()
	r.text = text
	if r.next() != '{' {
		return nil, "", false
	}
	o, ok = r.object(1)
	return o, text[r.at:], ok
}

// release keeps the reader for the next text, without references to this one.
func (r *reader) release() {
	if cap(r.values) > maxKept || cap(r.buffer) > maxBuffer {
		return
	}
	clear(r.keys)
	clear(r.values)
	*r = reader{keys: r.keys[:0], values: r.values[:0], buffer: r.buffer[:0]}
	readers.Put(r)
}

// next skips white space and is the byte then, 0 at the end of the text.
func (r *reader) next() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\n', '\r', '\t':
			r.at++
		default:
			return c
		}
	}
	return 0
}

func (r *reader) value(depth int) (value any, ok bool) {
	switch c := r.next(); c {
	case '"':
		return r.string()
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.list(depth + 1)
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	case 'n':
		return nil, r.literal("null")
	default:
		return r.number()
	}
}

func (r *reader) literal(text string) bool {
	if !strings.HasPrefix(r.text[r.at:], text) {
		return false
	}
	r.at += len(text)
	return true
}

// object reads an object, whose brace is next.
func (r *reader) object(depth int) (Object, bool) {
	if depth > maxDepth {
		return nil, false
	}
	r.at++
	if r.next() == '}' {
		r.at++
		return Object{}, true
	}
	firstKey, firstValue := len(r.keys), len(r.values)
	for {
		if r.next() != '"' {
			return nil, false
		}
		key, ok := r.string()
		if !ok || r.next() != ':' {
			return nil, false
		}
		r.at++
		r.keys = append(r.keys, key)
		value, ok := r.value(depth)
		if !ok {
			return nil, false
		}
		r.values = append(r.values, value)
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			keys, values := r.keys[firstKey:], r.values[firstValue:]
			r.keys, r.values = r.keys[:firstKey], r.values[:firstValue]
			o := make(Object, len(keys))
			for i, key := range keys {
				o[key] = values[i]
			}
			clear(keys)
			clear(values)
			return o, len(o) == len(keys)
		default:
			return nil, false
		}
	}
}

// list reads a list, whose bracket is next.
func (r *reader) list(depth int) ([]any, bool) {
	if depth > maxDepth {
		return nil, false
	}
	r.at++
	if r.next() == ']' {
		r.at++
		return []any{}, true
	}
	first := len(r.values)
	for {
		value, ok := r.value(depth)
		if !ok {
			return nil, false
		}
		r.values = append(r.values, value)
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			values := r.values[first:]
			r.values = r.values[:first]
			l := append([]any(nil), values...)
			clear(values)
			return l, true
		default:
			return nil, false
		}
	}
}

// string reads a string, whose quote is next.
func (r *reader) string() (string, bool) {
	text, from := r.text, r.at+1
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case !special[c]:
		case c == '"':
			r.at = i + 1
			return text[from:i], true
		case c == '\\':
			return r.escaped(i)
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// special are the bytes that do not stand for themselves in a string.
var special = func() (special [256]bool) {
	for c := range ' ' {
		special[c] = true
	}
	special['"'], special['\\'] = true, true
	return special
}()

// escapes are what the bytes after a backslash stand for, u aside.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads a string whose quote is next and whose first escape is at i.
func (r *reader) escaped(i int) (string, bool) {
	text, from := r.text, r.at+1
	b := r.buffer[:0]
	codePoints := false
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case !special[c]:
		case c == '\\' && i+1 < len(text):
			b = append(b, text[from:i]...)
			i++
			b = append(b, escapes[text[i]])
			from = i + 1
			codePoints = codePoints || text[i] == 'u'
			if escapes[text[i]] == 0 && text[i] != 'u' {
				return "", false
			}
		case c == '"':
			quoted := text[r.at : i+1]
			r.at = i + 1
			var err error
			if codePoints {
				b, err = jsontext.AppendUnquote(b[:0], quoted)
			} else {
				b = append(b, text[from:i]...)
			}
			r.buffer = b
			return string(b), err == nil
		default:
			return "", false
		}
	}
	return "", false
}

func (r *reader) number() (json.Number, bool) {
	from := r.at
	r.skip('-')
	if !r.skip('0') && !r.digits() {
		return "", false
	}
	if r.skip('.') && !r.digits() {
		return "", false
	}
	if r.skip('e') || r.skip('E') {
		_ = r.skip('+') || r.skip('-')
		if !r.digits() {
			return "", false
		}
	}
	return json.Number(r.text[from:r.at]), true
}

func (r *reader) skip(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) digits() bool {
	from := r.at
	for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at > from
}
