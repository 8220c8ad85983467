package row

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/openweir/weir/agent/sql/gateway"
)

// appendText writes a cell that Flink has cast to text. It is used for queries
// with maps whose keys are not text, which Flink cannot write as JSON. The text
// has no quotes, so arrays, maps and rows are parsed by their types; text within
// them that contains a separator may end too early.
func appendText(out []byte, raw []byte, t *gateway.DataType) ([]byte, error) {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return append(out, "null"...), nil
	}
	text, err := plainText(raw)
	if err != nil {
		return nil, err
	}
	if !nested(t) {
		return appendString(out, text)
	}
	var cell []byte
	ok := (&castReader{text: text}).value(0, t, nil, func(end int, written []byte) bool {
		cell = written
		return end == len(text)
	})
	if !ok {
		return nil, fmt.Errorf("%.80q is not a valid %s", text, t.Type)
	}
	return append(out, cell...), nil
}

func nested(t *gateway.DataType) bool {
	switch t.Type {
	case "ARRAY", "MAP", "MULTISET", "ROW":
		return true
	}
	return false
}

// castReader reads what CAST(... AS STRING) writes. It tries the nearest end of
// each value first and goes back where the rest does not fit.
type castReader struct {
	text  string
	steps int
}

// mostSteps bounds how often a reader goes back.
const mostSteps = 100_000

// next is called with the end of a value and what was written so far, and reports
// whether the rest can be parsed.
type next func(end int, written []byte) bool

func (r *castReader) value(at int, t *gateway.DataType, written []byte, then next) bool {
	if r.steps++; r.steps > mostSteps {
		return false
	}
	if strings.HasPrefix(r.text[at:], "NULL") && then(at+4, clone(written, "null")) {
		return true
	}
	switch t.Type {
	case "ARRAY":
		return r.list(at, "[", "]", written, then, func(int) *gateway.DataType { return t.ElementType }, -1)
	case "ROW":
		return r.list(at, "(", ")", written, then, func(i int) *gateway.DataType { return &t.Fields[i].FieldType }, len(t.Fields))
	case "MAP":
		return r.entries(at, t.KeyType, t.ValueType, written, then)
	case "MULTISET":
		return r.entries(at, t.ElementType, &gateway.DataType{Type: "INTEGER"}, written, then)
	}
	return r.atom(at, written, then)
}

// atom ends before a separator, or at the end.
func (r *castReader) atom(at int, written []byte, then next) bool {
	for end := at; end <= len(r.text); end++ {
		if end < len(r.text) && !strings.ContainsRune(",=]})", rune(r.text[end])) {
			continue
		}
		if r.steps++; r.steps > mostSteps {
			return false
		}
		quoted, err := appendString(clone(written, ""), r.text[at:end])
		if err == nil && then(end, quoted) {
			return true
		}
	}
	return false
}

// list reads elements between brackets; count is how many there are, or -1.
func (r *castReader) list(at int, open, shut string, written []byte, then next, typeOf func(int) *gateway.DataType, count int) bool {
	if !strings.HasPrefix(r.text[at:], open) {
		return false
	}
	var element func(at, index int, written []byte) bool
	element = func(at, index int, written []byte) bool {
		if index == count {
			return strings.HasPrefix(r.text[at:], shut) && then(at+1, clone(written, "]"))
		}
		return r.value(at, typeOf(index), written, func(end int, written []byte) bool {
			rest := r.text[end:]
			if strings.HasPrefix(rest, ", ") && index+1 != count && element(end+2, index+1, clone(written, ",")) {
				return true
			}
			return strings.HasPrefix(rest, shut) && (count < 0 || index+1 == count) && then(end+1, clone(written, "]"))
		})
	}
	if count <= 0 && strings.HasPrefix(r.text[at+1:], shut) && then(at+2, clone(written, "[]")) {
		return true
	}
	return element(at+1, 0, clone(written, "["))
}

func (r *castReader) entries(at int, key, value *gateway.DataType, written []byte, then next) bool {
	if !strings.HasPrefix(r.text[at:], "{") {
		return false
	}
	if strings.HasPrefix(r.text[at+1:], "}") && then(at+2, clone(written, "[]")) {
		return true
	}
	var entry func(at int, written []byte) bool
	entry = func(at int, written []byte) bool {
		return r.value(at, key, clone(written, "["), func(end int, written []byte) bool {
			if !strings.HasPrefix(r.text[end:], "=") {
				return false
			}
			return r.value(end+1, value, clone(written, ","), func(end int, written []byte) bool {
				rest := r.text[end:]
				if strings.HasPrefix(rest, ", ") && entry(end+2, clone(written, "],")) {
					return true
				}
				return strings.HasPrefix(rest, "}") && then(end+1, clone(written, "]]"))
			})
		})
	}
	return entry(at+1, clone(written, "["))
}

// clone appends to what was written without changing what another alternative
// continues from.
func clone(written []byte, more string) []byte {
	out := make([]byte, 0, len(written)+len(more)+8)
	return append(append(out, written...), more...)
}
