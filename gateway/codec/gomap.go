package codec

import (
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// goMap finds a map of strings in the generated struct of its message. Read
// through protoreflect each entry of a map costs allocations, and labels and
// annotations are most of what a list of resources makes the encoder do.
type goMap struct {
	message reflect.Type // pointer to the generated struct; nil if there is none
	index   int
}

func goMapOf(desc protoreflect.FieldDescriptor) goMap {
	if !desc.IsMap() || desc.MapValue().Kind() != protoreflect.StringKind {
		return goMap{}
	}
	generated, err := protoregistry.GlobalTypes.FindMessageByName(desc.ContainingMessage().FullName())
	if err != nil {
		return goMap{}
	}
	message := reflect.TypeOf(generated.Zero().Interface())
	if message.Kind() != reflect.Pointer || message.Elem().Kind() != reflect.Struct {
		return goMap{}
	}
	number := strconv.Itoa(int(desc.Number()))
	for i := range message.Elem().NumField() {
		f := message.Elem().Field(i)
		// The tag reads "bytes,5,rep,name=labels,proto3": wire type, number.
		tag := strings.Split(f.Tag.Get("protobuf"), ",")
		if len(tag) > 1 && tag[1] == number && f.Type == reflect.TypeFor[map[string]string]() {
			return goMap{message: message, index: i}
		}
	}
	return goMap{}
}

// of gives the map of a message, if the message is of the generated type.
func (g goMap) of(m protoreflect.Message) (map[string]string, bool) {
	if g.message == nil {
		return nil, false
	}
	v := reflect.ValueOf(m.Interface())
	if v.Type() != g.message {
		return nil, false
	}
	entries, ok := v.Elem().Field(g.index).Interface().(map[string]string)
	return entries, ok
}
