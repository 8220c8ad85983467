package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// route is what the gateway serves for one method of one path.
type route struct {
	method    string // of HTTP
	template  string // as google.api.http has it, such as /cmf/api/v1/environments/{env_name}
	pattern   string // as metrics and traces show it, such as /cmf/api/v1/environments/{envName}
	variables []bool // by segment of the template, without its open end: whether it is a name
	rpc       string // such as /cmf.v1.EnvironmentService/GetEnvironment

	// What follows is of routes of the API, as the options of the RPC have it.
	parameters            parameters // not nil
	success               int
	also                  []int
	etag                  bool
	conditional           bool // its requests have a versionField
	emptyBody             bool
	hasBody, bodyRequired bool        // without hasBody a request body means nothing
	watch                 *watchRoute // nil if there is no Watch of what it lists
}

// hasNoBody reports whether a success has no body.
func (rt *route) hasNoBody() bool { return rt.emptyBody || rt.success == http.StatusNoContent }

// apiPackage is the proto package whose services have REST paths.
const apiPackage protoreflect.FullName = "cmf.v1"

// addAPI adds the routes of all services of the API.
func (rs routes) addAPI() (err error) {
	protoregistry.GlobalFiles.RangeFilesByPackage(apiPackage, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				if !proto.HasExtension(method.Options(), annotations.E_Http) {
					continue // it has no REST path
				}
				rt, problem := routeOf(method)
				if problem == nil {
					problem = rs.add(rt)
				}
				if problem != nil {
					err = errors.Join(err, fmt.Errorf("route of %s: %w", method.FullName(), problem))
				}
			}
		}
		return true
	})
	return err
}

func routeOf(m protoreflect.MethodDescriptor) (*route, error) {
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	method, template := methodAndTemplate(rule)
	switch {
	case method == "":
		return nil, errors.New("its google.api.http has no method that is served")
	case len(rule.GetAdditionalBindings()) > 0:
		return nil, errors.New("additional bindings are not served")
	case m.IsStreamingClient() || m.IsStreamingServer():
		return nil, errors.New("streams are not served over REST")
	}
	if err := errors.Join(codec.Check(m.Input()), codec.Check(m.Output())); err != nil {
		return nil, err
	}
	rt := &route{
		method:   method,
		template: template,
		rpc:      "/" + string(m.Parent().FullName()) + "/" + string(m.Name()),
		success:  http.StatusOK,
	}
	rest, _ := proto.GetExtension(m.Options(), cmfv1.E_Rest).(*cmfv1.RestRule)
	if code := rest.GetSuccess(); code != 0 {
		rt.success = int(code)
	}
	for _, code := range rest.GetAlso() {
		rt.also = append(rt.also, int(code))
	}
	rt.etag, rt.emptyBody = rest.GetEtag(), rest.GetEmptyBody()

	bound := map[protoreflect.Name]bool{} // fields that come from path or body
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		if !strings.HasPrefix(segment, "{") {
			continue
		}
		field := m.Input().Fields().ByName(protoreflect.Name(strings.Trim(segment, "{}")))
		if field == nil || field.Kind() != protoreflect.StringKind {
			return nil, fmt.Errorf("%s in its path is not a string of its request", segment)
		}
		bound[field.Name()] = true
		segments[i] = "{" + field.JSONName() + "}"
	}
	rt.pattern = strings.Join(segments, "/")
	if err := rt.bindBody(m, rule.GetBody(), bound); err != nil {
		return nil, err
	}
	if rt.conditional = m.Input().Fields().ByName(versionField) != nil; rt.conditional {
		bound[versionField] = true // to the headers
	}
	var err error
	if rt.parameters, err = parametersOf(m.Input(), bound); err != nil {
		return nil, err
	}
	rt.watch, err = watchOf(m, rt)
	return rt, err
}

func methodAndTemplate(rule *annotations.HttpRule) (method, template string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

func (rt *route) bindBody(m protoreflect.MethodDescriptor, name string, bound map[protoreflect.Name]bool) error {
	if name == "" {
		return nil
	}
	field := m.Input().Fields().ByName(protoreflect.Name(name))
	if field == nil || field.Kind() != protoreflect.MessageKind || field.IsList() || field.IsMap() {
		return fmt.Errorf("its body %q is not a message of its request", name)
	}
	bound[field.Name()] = true
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	rt.hasBody, rt.bodyRequired = true, rules.GetRequired()
	return nil
}
