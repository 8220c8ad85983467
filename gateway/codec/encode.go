package codec

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Append appends the JSON of a message to dst, as a response has it.
// Equal messages have equal JSON: fields come in the order of the proto, map
// entries in the order of their keys.
//
// JsonObject is copied as it is: it must hold one compact JSON object.
func Append(dst []byte, m proto.Message) ([]byte, error) { return appendAs(dst, m, true, nil) }

// AppendItem is Append for a message that is written as lists write their items:
// without the maps that are always written only where the resource is the whole
// response.
func AppendItem(dst []byte, m proto.Message) ([]byte, error) { return appendAs(dst, m, false, nil) }

func appendAs(dst []byte, m proto.Message, whole bool, fragments *Fragments) ([]byte, error) {
	r := m.ProtoReflect()
	t, err := tableOf(r.Descriptor())
	if err != nil {
		return dst, err
	}
	e := encoders.Get().(*encoder)
	defer func() {
		e.fragments = nil
		encoders.Put(e)
	}()
	e.fragments = fragments
	return e.message(dst, r, t, whole)
}

// encoder holds the scratch space of one call.
type encoder struct {
	keys []string
	// fragments has items of the lists of the whole message; nil for none.
	fragments *Fragments
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// message appends one message. top distinguishes the response itself from what
// it contains.
func (e *encoder) message(dst []byte, m protoreflect.Message, t *table, top bool) ([]byte, error) {
	dst = append(dst, '{')
	empty := true
	for _, f := range t.fields {
		shown := m.Has(f.desc)
		if !shown && !(f.always && (f.shape == list || f.shape == dictionary && top)) {
			continue
		}
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
		dst = append(dst, f.key...)
		if entries, ok := f.strings.of(m); ok {
			dst = e.strings(dst, entries)
			continue
		}
		var err error
		if top && e.fragments != nil && f.shape == list && f.kind == kindMessage {
			dst, err = e.items(dst, m.Get(f.desc).List(), f)
		} else {
			dst, err = e.field(dst, m.Get(f.desc), f)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *encoder) field(dst []byte, v protoreflect.Value, f *field) ([]byte, error) {
	switch f.shape {
	case list:
		return e.list(dst, v.List(), f)
	case dictionary:
		return e.dictionary(dst, v.Map(), f)
	}
	return e.value(dst, v, f)
}

func (e *encoder) list(dst []byte, items protoreflect.List, f *field) ([]byte, error) {
	dst = append(dst, '[')
	for i := range items.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = e.value(dst, items.Get(i), f); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// items is list for items that the fragments may have.
func (e *encoder) items(dst []byte, items protoreflect.List, f *field) ([]byte, error) {
	dst = append(dst, '[')
	for i := range items.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		item := items.Get(i).Message()
		var err error
		dst, err = e.fragments.appendItem(dst, item.Interface(), func(dst []byte) ([]byte, error) {
			return e.message(dst, item, f.message, false)
		})
		if err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (e *encoder) dictionary(dst []byte, entries protoreflect.Map, f *field) ([]byte, error) {
	// A value may hold a map of its own, which uses the space behind.
	start := len(e.keys)
	defer func() {
		clear(e.keys[start:])
		e.keys = e.keys[:start]
	}()
	for k := range entries.Range {
		e.keys = append(e.keys, k.String())
	}
	keys := e.keys[start:]
	slices.Sort(keys)

	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		var err error
		if dst, err = e.value(dst, entries.Get(protoreflect.ValueOfString(k).MapKey()), f); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *encoder) value(dst []byte, v protoreflect.Value, f *field) ([]byte, error) {
	switch f.kind {
	case kindString:
		return appendString(dst, v.String()), nil
	case kindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case kindInt32, kindInt64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case kindDouble:
		return appendDouble(dst, v.Float(), f)
	case kindMessage:
		return e.message(dst, v.Message(), f.message, false)
	}
	switch m := v.Message().Interface().(type) {
	case *cmfv1.JsonObject:
		if m.GetJson() == "" {
			return append(dst, "{}"...), nil
		}
		return append(dst, m.GetJson()...), nil
	case *cmfv1.StringMap:
		return e.strings(dst, m.GetEntries()), nil
	case *timestamppb.Timestamp:
		return appendTimestamp(dst, m), nil
	case *durationpb.Duration:
		return appendDuration(dst, m), nil
	default:
		return dst, fmt.Errorf("%s: %T is not a generated message", f.desc.FullName(), m)
	}
}

func (e *encoder) strings(dst []byte, entries map[string]string) []byte {
	start := len(e.keys)
	for k := range entries {
		e.keys = append(e.keys, k)
	}
	keys := e.keys[start:]
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		dst = appendString(dst, entries[k])
	}
	clear(keys)
	e.keys = e.keys[:start]
	return append(dst, '}')
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }

func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			// The only error is invalid UTF-8, which is replaced.
			dst, _ = jsontext.AppendQuote(dst, s)
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
