package access

import (
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// views are the verbs that change nothing.
var views = verbs(Get, List, Watch, ViewResults, ViewWebUI)

// Changes returns the methods that change something: those with a verb that does and,
// where every authenticated caller may call the method, those that are not GET in REST.
// All are unary.
func (t Table) Changes() map[string]bool {
	changes := map[string]bool{}
	for name, rules := range t {
		if t.isChange(name, rules) {
			changes[name] = true
		}
	}
	return changes
}

func (t Table) isChange(name string, rules []rule) bool {
	for i := range rules {
		if !views.Has(rules[i].verb) {
			return true
		}
	}
	if len(rules) > 0 {
		return false
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(name[1:], "/", ".")))
	method, ok := found.(protoreflect.MethodDescriptor)
	if err != nil || !ok || method.IsStreamingServer() {
		return false
	}
	rest, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	return rest.GetGet() == ""
}

// Resource returns the resource that the first rule of a method is about. Without
// rules, the type is that of the service, and the name the first field that is one.
func (t Table) Resource(method string, request proto.Message) (resourceType, environment, name string) {
	rules, message := t[method], request.ProtoReflect()
	if len(rules) == 0 {
		service, _, _ := strings.Cut(method[strings.LastIndexByte(method, '.')+1:], "/")
		fields := message.Descriptor().Fields()
		for i := range fields.Len() {
			if field := fields.Get(i); field.Kind() == protoreflect.StringKind && strings.HasSuffix(string(field.Name()), "_name") {
				name = message.Get(field).String()
				break
			}
		}
		return strings.TrimSuffix(service, "Service"), "", name
	}
	r := &rules[0]
	if r.environment != nil {
		environment = message.Get(r.environment).String()
	}
	return r.t.String(), environment, r.nameIn(message)
}
