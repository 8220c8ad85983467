package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// watchRoute is the REST face of a Watch: the path of its List, with the query
// parameter watch=true. A Watch belongs to the List that it is named like.
type watchRoute struct {
	list       *route
	rpc        string
	request    protoreflect.MessageType
	response   protoreflect.MessageType
	names      map[string]protoreflect.FieldDescriptor // by variable of the path
	parameters parameters
	// version is of the request; kind, object and reached are of the response.
	version, kind, object, reached protoreflect.FieldDescriptor
}

const (
	watchParameter   = "watch"
	versionParameter = "resourceVersion"
)

// watchOf finds the Watch of a List; nil if there is none.
func watchOf(list protoreflect.MethodDescriptor, rt *route) (*watchRoute, error) {
	plural, ok := strings.CutPrefix(string(list.Name()), "List")
	if !ok {
		return nil, nil
	}
	method := list.Parent().(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name("Watch" + plural))
	if method == nil {
		return nil, nil
	}
	w := &watchRoute{list: rt, names: map[string]protoreflect.FieldDescriptor{}, rpc: "/" + string(method.Parent().FullName()) + "/" + string(method.Name())}
	if err := w.bind(method); err != nil {
		return nil, fmt.Errorf("watch of %s: %w", rt.pattern, err)
	}
	return w, nil
}

func (w *watchRoute) bind(method protoreflect.MethodDescriptor) error {
	if !method.IsStreamingServer() || method.IsStreamingClient() {
		return fmt.Errorf("%s is not a stream of responses", method.FullName())
	}
	var err error
	if w.request, err = protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName()); err != nil {
		return fmt.Errorf("find %s: %w", method.Input().FullName(), err)
	}
	if w.response, err = protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName()); err != nil {
		return fmt.Errorf("find %s: %w", method.Output().FullName(), err)
	}
	fields := method.Input().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Kind() != protoreflect.StringKind || f.IsList() {
			return fmt.Errorf("field %s of its request is not one string", f.Name())
		}
	}
	bound := map[protoreflect.Name]bool{}
	for segment := range strings.SplitSeq(w.list.template, "/") {
		name := strings.Trim(segment, "{}")
		if name == segment {
			continue
		}
		field := fields.ByName(protoreflect.Name(name))
		if field == nil {
			return fmt.Errorf("its request has no field for %s", segment)
		}
		bound[field.Name()], w.names[name] = true, field
	}
	if w.parameters, err = parametersOf(method.Input(), bound); err != nil {
		return err
	}
	w.version = fields.ByJSONName(versionParameter)
	out := method.Output().Fields()
	w.kind, w.object, w.reached = out.ByJSONName("type"), out.ByJSONName("object"), out.ByJSONName(versionParameter)
	if w.version == nil || w.kind == nil || w.kind.Enum() == nil || w.object == nil || w.object.Message() == nil || w.reached == nil {
		return fmt.Errorf("%s and %s do not have the fields of a watch", method.Input().Name(), method.Output().Name())
	}
	return nil
}

// requested reports whether a request of the list's path is for the watch.
func (w *watchRoute) requested(r *http.Request) (bool, error) {
	if w == nil || r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, watchParameter) && !strings.Contains(r.URL.RawQuery, "%") {
		return false, nil
	}
	all := r.URL.Query()[watchParameter] // a malformed query is reported by parameters.parse
	if len(all) > 1 {
		return false, fmt.Errorf("%s: must be given only once", watchParameter)
	}
	if len(all) == 0 || all[0] == "" {
		return false, nil
	}
	given := all[0]
	value, err := canonicalBool(given)
	if err != nil {
		return false, fmt.Errorf("%s: %w", watchParameter, err)
	}
	return value == "true", nil
}

// read makes the request of the RPC.
func (w *watchRoute) read(r *http.Request, names map[string]string) (proto.Message, []string) {
	values, violations := w.parameters.parse(r.URL.RawQuery)
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, violations
	}
	for _, name := range slices.Sorted(maps.Keys(w.list.parameters)) {
		if _, taken := w.parameters[name]; !taken && given.Get(name) != "" {
			violations = append(violations, name+": cannot be given together with watch")
		}
	}
	if len(violations) > 0 {
		return nil, violations
	}
	request := w.request.New()
	for name, field := range w.names {
		request.Set(field, protoreflect.ValueOfString(names[name]))
	}
	for name := range w.parameters {
		if value := values.Get(name); value != "" {
			request.Set(w.request.Descriptor().Fields().ByJSONName(name), protoreflect.ValueOfString(value))
		}
	}
	// An EventSource that reconnects repeats its first URL and adds how far it
	// has come since.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		value, err := canonicalString(last)
		if err != nil {
			return nil, []string{"Last-Event-ID: " + err.Error()}
		}
		request.Set(w.version, protoreflect.ValueOfString(value))
	}
	return request.Interface(), nil
}
