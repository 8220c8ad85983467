package codec

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// appendMember extends a field path by the member of an object: .name, or
// ["name"] where the name itself could be mistaken for a path.
func appendMember[T string | []byte](path []byte, name T) []byte {
	if !plain(name) {
		path = append(path, '[')
		path = appendString(path, string(name))
		return append(path, ']')
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, name...)
}

// plain reports whether a name needs no quotes in a path.
func plain[T string | []byte](name T) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '/', c == '$':
		default:
			return false
		}
	}
	return len(name) > 0
}

// appendIndex extends a field path by the item of an array: [3].
func appendIndex(path []byte, i int) []byte {
	path = append(path, '[')
	path = strconv.AppendInt(path, int64(i), 10)
	return append(path, ']')
}

// pointerPath is a JSON pointer in the style of field paths. Pointers do not
// distinguish an index from a member whose name is a number; it is taken for an
// index.
func pointerPath(p jsontext.Pointer) string {
	var path []byte
	for token := range p.Tokens() {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 {
			path = appendIndex(path, i)
		} else {
			path = appendMember(path, token)
		}
	}
	return string(path)
}
