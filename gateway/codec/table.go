package codec

import (
	"fmt"
	"maps"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// kind is how one value looks in JSON.
type kind uint8

const (
	kindString    kind = iota
	kindBool           // true, false
	kindInt32          // number without fraction or exponent
	kindInt64          // the same
	kindDouble         // number
	kindTimestamp      // string
	kindDuration       // string
	kindObject         // cmf.v1.JsonObject: any JSON object
	kindStringMap      // cmf.v1.StringMap: JSON object of strings
	kindMessage        // JSON object with known fields
)

// shape is how often a value stands in its field.
type shape uint8

const (
	single shape = iota
	list
	dictionary // map with string keys
)

// field is one field of a message, prepared for both directions.
type field struct {
	desc    protoreflect.FieldDescriptor
	name    string
	key     []byte // the name, quoted, with its colon
	kind    kind
	shape   shape
	always  bool
	message *table // of kindMessage
	strings goMap  // of a map of strings
}

// table is the layout of one message.
type table struct {
	fields []*field
	byName map[string]*field
}

// tables holds finished tables by full message name. Descriptors are fixed at
// build time, so that entries never go stale and their number is bounded.
var tables sync.Map // protoreflect.FullName → *table

// Check reports whether the codec can carry messages of this descriptor and
// all that they contain. Whoever serves a message checks it at start, so that
// a proto that outgrew the codec is found before a request is.
func Check(desc protoreflect.MessageDescriptor) error {
	_, err := tableOf(desc)
	return err
}

func tableOf(desc protoreflect.MessageDescriptor) (*table, error) {
	if t, ok := tables.Load(desc.FullName()); ok {
		return t.(*table), nil
	}
	b := builder{}
	t, err := b.build(desc)
	if err != nil {
		return nil, err
	}
	// Published only once all are whole: another goroutine may read them now.
	for name, built := range maps.All(b) {
		tables.LoadOrStore(name, built)
	}
	return t, nil
}

// builder holds the tables under construction, so that recursive messages
// find themselves.
type builder map[protoreflect.FullName]*table

func (b builder) build(desc protoreflect.MessageDescriptor) (*table, error) {
	if t, ok := b[desc.FullName()]; ok {
		return t, nil
	}
	t := &table{byName: map[string]*field{}}
	b[desc.FullName()] = t
	for i := range desc.Fields().Len() {
		f, err := b.field(desc.Fields().Get(i))
		if err != nil {
			return nil, err
		}
		t.fields = append(t.fields, f)
		t.byName[f.name] = f
	}
	return t, nil
}

func (b builder) field(desc protoreflect.FieldDescriptor) (*field, error) {
	f := &field{desc: desc, name: desc.JSONName()}
	key, err := jsontext.AppendQuote(nil, f.name)
	if err != nil {
		return nil, fmt.Errorf("quote the name of %s: %w", desc.FullName(), err)
	}
	f.key = append(key, ':')
	f.always, _ = proto.GetExtension(desc.Options(), cmfv1.E_Always).(bool)

	value := desc
	switch {
	case desc.IsMap():
		if desc.MapKey().Kind() != protoreflect.StringKind {
			return nil, fmt.Errorf("%s: maps have string keys in JSON", desc.FullName())
		}
		f.shape, value = dictionary, desc.MapValue()
		f.strings = goMapOf(desc)
	case desc.IsList():
		f.shape = list
	}
	switch value.Kind() {
	case protoreflect.StringKind:
		f.kind = kindString
	case protoreflect.BoolKind:
		f.kind = kindBool
	case protoreflect.Int32Kind:
		f.kind = kindInt32
	case protoreflect.Int64Kind:
		f.kind = kindInt64
	case protoreflect.DoubleKind:
		f.kind = kindDouble
	case protoreflect.MessageKind:
		f.kind = messageKind(value.Message())
	default:
		return nil, fmt.Errorf("%s: the contract has no JSON form for %s", desc.FullName(), value.Kind())
	}
	if f.kind == kindMessage {
		if f.message, err = b.build(value.Message()); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func messageKind(desc protoreflect.MessageDescriptor) kind {
	switch desc.FullName() {
	case "google.protobuf.Timestamp":
		return kindTimestamp
	case "google.protobuf.Duration":
		return kindDuration
	case "cmf.v1.JsonObject":
		return kindObject
	case "cmf.v1.StringMap":
		return kindStringMap
	}
	return kindMessage
}
