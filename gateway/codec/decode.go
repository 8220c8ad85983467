package codec

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxMessages bounds how many violations, and how many unknown fields, are
// reported for one document.
const maxMessages = 50

// Unmarshal reads one JSON object into an empty message. A field that is null
// counts as absent. unknown lists the paths of fields that the message does
// not have, which are ignored. The error, if any, is an *Error; the message
// is then incomplete.
//
// The message does not refer to data.
func Unmarshal(data []byte, m proto.Message) (unknown []string, err error) {
	r := m.ProtoReflect()
	t, err := tableOf(r.Descriptor())
	if err != nil {
		return nil, err
	}
	if tooDeep(data) {
		return nil, newError("The body is nested more than %d levels deep.", MaxDepth)
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	d.source = *bytes.NewBuffer(data)
	d.json.Reset(&d.source)

	err = d.document(r, t)
	if err != nil {
		return nil, syntaxError(data, err)
	}
	if len(d.violations) > 0 {
		return nil, &Error{Messages: d.violations}
	}
	return d.unknown, nil
}

// decoder holds the state of one call. Its methods return an error only where
// the JSON itself is broken; what does not fit the message is collected.
type decoder struct {
	json       jsontext.Decoder
	source     bytes.Buffer // the one reader that the parser does not copy from
	path       []byte
	scratch    []byte
	violations []string
	unknown    []string
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// keepScratch bounds the memory that a pooled decoder holds on to, in bytes.
const keepScratch = 64 << 10

func (d *decoder) release() {
	d.source = bytes.Buffer{}
	d.json.Reset(&d.source)
	d.path, d.violations, d.unknown = d.path[:0], nil, nil
	if cap(d.scratch) > keepScratch {
		d.scratch = nil
	}
	decoders.Put(d)
}

func (d *decoder) violate(rule string) {
	if len(d.violations) >= maxMessages {
		return
	}
	if len(d.path) == 0 {
		d.violations = append(d.violations, "The body "+rule+".")
		return
	}
	d.violations = append(d.violations, string(d.path)+": "+rule)
}

func (d *decoder) document(m protoreflect.Message, t *table) error {
	if err := d.message(m, t); err != nil {
		return err
	}
	// Whatever follows is an error, but for white space.
	switch _, err := d.json.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		d.violate("must end after the first JSON value")
		return nil
	default:
		return err
	}
}

// mismatch notes that the next value is of the wrong type, and skips it.
func (d *decoder) mismatch(rule string) error {
	d.violate(rule)
	return d.json.SkipValue()
}

func (d *decoder) message(m protoreflect.Message, t *table) error {
	return d.object(func(name []byte) error {
		f, ok := t.byName[string(name)]
		if !ok {
			if len(d.unknown) < maxMessages {
				d.unknown = append(d.unknown, string(d.path))
			}
			return d.json.SkipValue()
		}
		if d.json.PeekKind() == jsontext.KindNull {
			return d.json.SkipValue()
		}
		if oneof := f.desc.ContainingOneof(); oneof != nil && m.WhichOneof(oneof) != nil {
			return d.mismatch("cannot be set together with " + m.WhichOneof(oneof).JSONName())
		}
		return d.field(m, f)
	})
}

// object reads an object, calling member with the path at each of its members
// and the value still to be read. The name is valid until the next read.
func (d *decoder) object(member func(name []byte) error) error {
	if d.json.PeekKind() != jsontext.KindBeginObject {
		return d.mismatch("must be an object")
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	outer := len(d.path)
	for d.json.PeekKind() != jsontext.KindEndObject {
		raw, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		name := d.unquote(raw)
		d.path = appendMember(d.path, name)
		if err := member(name); err != nil {
			return err
		}
		d.path = d.path[:outer]
	}
	_, err := d.json.ReadToken()
	return err
}

func (d *decoder) array(item func() error) error {
	if d.json.PeekKind() != jsontext.KindBeginArray {
		return d.mismatch("must be an array")
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	outer := len(d.path)
	for i := 0; d.json.PeekKind() != jsontext.KindEndArray; i++ {
		d.path = appendIndex(d.path, i)
		if err := item(); err != nil {
			return err
		}
		d.path = d.path[:outer]
	}
	_, err := d.json.ReadToken()
	return err
}

func (d *decoder) field(m protoreflect.Message, f *field) error {
	switch f.shape {
	case list:
		items := m.Mutable(f.desc).List()
		return d.array(func() error {
			v, ok, err := d.value(f, items.NewElement)
			if ok {
				items.Append(v)
			}
			return err
		})
	case dictionary:
		entries := m.Mutable(f.desc).Map()
		return d.object(func(name []byte) error {
			key := protoreflect.ValueOfString(string(name)).MapKey()
			if d.json.PeekKind() == jsontext.KindNull {
				return d.json.SkipValue()
			}
			v, ok, err := d.value(f, entries.NewValue)
			if ok {
				entries.Set(key, v)
			}
			return err
		})
	}
	v, ok, err := d.value(f, func() protoreflect.Value { return m.NewField(f.desc) })
	if ok {
		m.Set(f.desc, v)
	}
	return err
}

// value reads one value. ok is false where it does not fit, which is noted.
func (d *decoder) value(f *field, create func() protoreflect.Value) (v protoreflect.Value, ok bool, err error) {
	switch f.kind {
	case kindString:
		return d.string()
	case kindBool:
		return d.bool()
	case kindInt32:
		return d.integer(32)
	case kindInt64:
		return d.integer(64)
	case kindDouble:
		return d.double()
	case kindTimestamp:
		return d.timestamp()
	case kindDuration:
		return d.duration()
	case kindObject:
		return d.openEnded()
	case kindStringMap:
		return d.stringMap()
	}
	if d.json.PeekKind() != jsontext.KindBeginObject {
		return v, false, d.mismatch("must be an object")
	}
	v = create()
	return v, true, d.message(v.Message(), f.message)
}

// scalar reads a value of one of the kinds, or notes the rule.
func (d *decoder) scalar(rule string, kinds ...jsontext.Kind) (raw jsontext.Value, ok bool, err error) {
	got := d.json.PeekKind()
	for _, k := range kinds {
		if got == k {
			raw, err = d.json.ReadValue()
			return raw, err == nil, err
		}
	}
	return nil, false, d.mismatch(rule)
}

func (d *decoder) string() (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar("must be a string", jsontext.KindString)
	if !ok {
		return v, false, err
	}
	return protoreflect.ValueOfString(string(d.unquote(raw))), true, nil
}

func (d *decoder) bool() (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar("must be true or false", jsontext.KindTrue, jsontext.KindFalse)
	if !ok {
		return v, false, err
	}
	return protoreflect.ValueOfBool(raw[0] == 't'), true, nil
}

func (d *decoder) integer(bits int) (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar("must be an integer", jsontext.KindNumber)
	if !ok {
		return v, false, err
	}
	if bytes.ContainsAny(raw, ".eE") {
		d.violate("must be an integer")
		return v, false, nil
	}
	i, parseErr := strconv.ParseInt(string(raw), 10, bits)
	if parseErr != nil {
		limit := int64(1)<<(bits-1) - 1
		d.violate("must be an integer between " + strconv.FormatInt(-limit-1, 10) + " and " + strconv.FormatInt(limit, 10))
		return v, false, nil
	}
	if bits == 32 {
		return protoreflect.ValueOfInt32(int32(i)), true, nil
	}
	return protoreflect.ValueOfInt64(i), true, nil
}

func (d *decoder) double() (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar("must be a number", jsontext.KindNumber)
	if !ok {
		return v, false, err
	}
	n, parseErr := strconv.ParseFloat(string(raw), 64)
	if parseErr != nil {
		d.violate("must be a number within the range of a double")
		return v, false, nil
	}
	return protoreflect.ValueOfFloat64(n), true, nil
}

func (d *decoder) timestamp() (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar(errTimestamp.Error(), jsontext.KindString)
	if !ok {
		return v, false, err
	}
	ts, parseErr := parseTimestamp(string(d.unquote(raw)))
	if parseErr != nil {
		d.violate(parseErr.Error())
		return v, false, nil
	}
	return protoreflect.ValueOfMessage(ts.ProtoReflect()), true, nil
}

func (d *decoder) duration() (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar(errDuration.Error(), jsontext.KindString)
	if !ok {
		return v, false, err
	}
	parsed, parseErr := parseDuration(d.unquote(raw))
	if parseErr != nil {
		d.violate(parseErr.Error())
		return v, false, nil
	}
	return protoreflect.ValueOfMessage(parsed.ProtoReflect()), true, nil
}

func (d *decoder) openEnded() (v protoreflect.Value, ok bool, err error) {
	raw, ok, err := d.scalar("must be an object", jsontext.KindBeginObject)
	if !ok {
		return v, false, err
	}
	d.scratch = appendCompact(d.scratch[:0], raw)
	object := &cmfv1.JsonObject{Json: string(d.scratch)}
	return protoreflect.ValueOfMessage(object.ProtoReflect()), true, nil
}

func (d *decoder) stringMap() (v protoreflect.Value, ok bool, err error) {
	if d.json.PeekKind() != jsontext.KindBeginObject {
		return v, false, d.mismatch("must be an object")
	}
	entries := map[string]string{}
	err = d.object(func(name []byte) error {
		key := string(name)
		if d.json.PeekKind() == jsontext.KindNull {
			return d.json.SkipValue()
		}
		raw, ok, err := d.scalar("must be a string", jsontext.KindString)
		if ok {
			entries[key] = string(d.unquote(raw))
		}
		return err
	})
	m := &cmfv1.StringMap{Entries: entries}
	return protoreflect.ValueOfMessage(m.ProtoReflect()), true, err
}

// unquote gives the content of a valid JSON string, valid until the next read
// or unquote.
func (d *decoder) unquote(raw jsontext.Value) []byte {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], raw) // raw was parsed, it cannot fail
	return d.scratch
}
