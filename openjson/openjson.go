// Package openjson reads and writes the open-ended JSON of resources, such as
// the specification of an application, whose fields Weir passes on without
// knowing all of them.
package openjson

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxDepth bounds the nesting of open-ended JSON.
const maxDepth = 64

// Object is a parsed open-ended JSON object. Its numbers are json.Number, so
// that they keep their digits.
type Object = map[string]any

// Parse parses open-ended JSON; nil gives nil.
func Parse(o *cmfv1.JsonObject) (Object, error) {
	if o == nil {
		return nil, nil
	}
	return ParseText(o.GetJson())
}

// ParseText parses the text of one JSON object; the empty text gives nil. The
// object shares strings with the text.
func ParseText(text string) (Object, error) {
	if text == "" {
		return nil, nil
	}
	if o, _, ok := read(text); ok {
		return o, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var out Object
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("parse JSON object: %w", err)
	}
	return out, nil
}

// Format is the inverse of Parse, with keys in order; nil gives nil.
func Format(o Object) *cmfv1.JsonObject {
	if o == nil {
		return nil
	}
	return &cmfv1.JsonObject{Json: Text(o)}
}

// Text writes an object compactly with its keys in order.
func Text(o Object) string { return Encode(o) }

// Encode writes any JSON value compactly with its keys in order.
func Encode(value any) (text string) {
	written(value, func(b []byte) { text = string(b) })
	return text
}

// Hash identifies the content of an object, whatever the order of its keys.
func Hash(o Object) (hash string) {
	written(o, func(b []byte) {
		sum := sha256.Sum256(b)
		hash = hex.EncodeToString(sum[:16])
	})
	return hash
}

// Field is the value under a path of keys, nil if there is none.
func Field(o Object, path ...string) any {
	var at any = o
	for _, key := range path {
		m, ok := at.(Object)
		if !ok {
			return nil
		}
		at = m[key]
	}
	return at
}

// Set sets the value under a path of keys and makes the objects on the
// way where they are absent.
func Set(o Object, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := o[key].(Object)
		if !ok {
			next = Object{}
			o[key] = next
		}
		o = next
	}
	o[path[len(path)-1]] = value
}

// String is the string under a path of keys, empty if there is none.
func String(o Object, path ...string) string {
	s, _ := Field(o, path...).(string)
	return s
}

// Int64 is the integer under a path of keys, 0 if there is none.
func Int64(o Object, path ...string) int64 {
	number, _ := Field(o, path...).(json.Number)
	n, err := number.Int64()
	if err != nil {
		return 0
	}
	return n
}

// AppendField adds a string field to the text of an object without parsing it.
// The key must not be in the object yet.
func AppendField(text, key, value string) string {
	return AppendValue(text, key, Encode(value))
}

// AppendValue is AppendField for a value that is JSON text itself.
func AppendValue(text, key, value string) string {
	body := strings.TrimSuffix(strings.TrimRight(text, " \n\r\t"), "}")
	separator := ","
	if strings.TrimSpace(body) == "{" {
		separator = ""
	}
	return body + separator + Encode(key) + ":" + value + "}"
}

// Check says what is wrong with the text of an open-ended object: not
// one JSON object, a duplicate key, or nested too deeply.
func Check(text string) error {
	if _, rest, ok := read(text); ok && strings.TrimLeft(rest, " \n\r\t") == "" {
		return nil
	}
	d := jsontext.NewDecoder(strings.NewReader(text))
	if d.PeekKind() != '{' {
		return errors.New("must be a JSON object")
	}
	for {
		_, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, jsontext.ErrDuplicateName):
			return fmt.Errorf("must not have the same key twice: %s", duplicate(err))
		case err != nil:
			return fmt.Errorf("is not valid JSON: %w", err)
		}
		if d.StackDepth() > maxDepth {
			return fmt.Errorf("must not be nested deeper than %d levels", maxDepth)
		}
		if d.StackDepth() == 0 && d.InputOffset() < int64(len(strings.TrimRight(text, " \n\r\t"))) {
			return errors.New("must be one JSON object and nothing more")
		}
	}
}

// duplicate is the JSON pointer to the key that an object has twice.
func duplicate(err error) jsontext.Pointer {
	var at *jsontext.SyntacticError
	errors.As(err, &at)
	return at.JSONPointer
}
