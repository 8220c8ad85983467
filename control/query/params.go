package query

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Params are the list parameters as the client sent them. A string that is
// empty, a list without elements and a nil number stand for "not given".
type Params struct {
	Page, Size  *int32
	Sort        []string
	Filter      string
	Search      string
	SearchScope string
	Fields      string
}

// ParamsOf reads the parameters from any List request by the names that they
// have in REST. Those that the request does not have are not given.
func ParamsOf(request proto.Message) Params {
	r := reader{request.ProtoReflect()}
	return Params{
		Page:        r.number("page"),
		Size:        r.number("size"),
		Sort:        r.list("sort"),
		Filter:      r.text("filter"),
		Search:      r.text("search"),
		SearchScope: r.text("searchScope"),
		Fields:      r.text("fields"),
	}
}

type reader struct {
	message protoreflect.Message
}

// field finds a parameter that is there and has the shape expected.
func (r reader) field(name string, kind protoreflect.Kind, list bool) protoreflect.FieldDescriptor {
	fd := r.message.Descriptor().Fields().ByJSONName(name)
	if fd == nil || fd.Kind() != kind || fd.IsList() != list || !r.message.Has(fd) {
		return nil
	}
	return fd
}

func (r reader) number(name string) *int32 {
	fd := r.field(name, protoreflect.Int32Kind, false)
	if fd == nil {
		return nil
	}
	return proto.Int32(int32(r.message.Get(fd).Int()))
}

func (r reader) text(name string) string {
	fd := r.field(name, protoreflect.StringKind, false)
	if fd == nil {
		return ""
	}
	return r.message.Get(fd).String()
}

func (r reader) list(name string) []string {
	fd := r.field(name, protoreflect.StringKind, true)
	if fd == nil {
		return nil
	}
	values := r.message.Get(fd).List()
	all := make([]string, values.Len())
	for i := range all {
		all[i] = values.Get(i).String()
	}
	return all
}
