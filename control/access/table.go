package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Table is what each method needs, by its full name as gRPC has it.
type Table map[string][]rule

// rule is an AccessRule that is bound to the fields of the request.
type rule struct {
	verb        Verb
	t           Type
	environment protoreflect.FieldDescriptor // nil in the installation
	name        []alternatives               // segments of the name
	oneof       protoreflect.FieldDescriptor // nil if the rule always applies
}

// alternatives are paths of fields, of which the first that is not empty counts.
type alternatives [][]protoreflect.FieldDescriptor

// NewTable returns the rules of all services of the public API. Its error lists the
// methods without a rule and the rules that make no sense.
func NewTable() (Table, error) {
	table := Table{}
	var wrong []error
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		wrong = append(wrong, table.add(file))
		return true
	})
	return table, errors.Join(wrong...)
}

func (t Table) add(file protoreflect.FileDescriptor) error {
	var wrong []error
	for i := range file.Services().Len() {
		methods := file.Services().Get(i).Methods()
		for j := range methods.Len() {
			method := methods.Get(j)
			rules, err := rulesOf(method)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("access rule of %s: %w", method.FullName(), err))
			}
			t["/"+string(method.Parent().FullName())+"/"+string(method.Name())] = rules
		}
	}
	return errors.Join(wrong...)
}

func rulesOf(method protoreflect.MethodDescriptor) ([]rule, error) {
	options, _ := proto.GetExtension(method.Options(), cmfv1.E_Access).([]*cmfv1.AccessRule)
	if len(options) == 0 {
		return nil, errors.New("it has none")
	}
	rules := []rule{} // empty: every authenticated caller
	for _, option := range options {
		if option.GetScope() == cmfv1.AccessScope_ACCESS_SCOPE_AUTHENTICATED {
			if len(options) > 1 || option.GetVerb() != "" || option.GetResourceType() != "" || option.GetName() != "" {
				return nil, errors.New("a rule for every authenticated caller has only a scope, and is the only one")
			}
			continue
		}
		r, err := bind(option, method.Input())
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func bind(option *cmfv1.AccessRule, input protoreflect.MessageDescriptor) (out rule, err error) {
	var known bool
	if out.verb, known = parseVerb(option.GetVerb()); !known {
		return out, fmt.Errorf("unknown verb %q", option.GetVerb())
	}
	if out.t, known = parseType(option.GetResourceType()); !known {
		return out, fmt.Errorf("unknown resource type %q", option.GetResourceType())
	}
	if !types[out.t].verbs.Has(out.verb) {
		return out, fmt.Errorf("%s has no verb %s", out.t, out.verb)
	}
	if option.GetScope() != types[out.t].scope {
		return out, fmt.Errorf("the scope of %s is %s", out.t, types[out.t].scope)
	}
	if out.t.inEnvironment() {
		if out.environment = input.Fields().ByName("env_name"); out.environment == nil {
			return out, errors.New("the request has no field env_name")
		}
	}
	if option.GetName() == "" {
		return out, nil
	}
	for segment := range strings.SplitSeq(option.GetName(), "/") {
		var paths alternatives
		for path := range strings.SplitSeq(segment, "|") {
			if path == "" {
				continue
			}
			fields, err := fieldsOf(input, path)
			if err != nil {
				return out, err
			}
			paths = append(paths, fields)
			if fields[0].ContainingOneof() != nil && !fields[0].HasOptionalKeyword() {
				out.oneof = fields[0]
			}
		}
		out.name = append(out.name, paths)
	}
	return out, nil
}

func fieldsOf(message protoreflect.MessageDescriptor, path string) ([]protoreflect.FieldDescriptor, error) {
	var fields []protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return nil, fmt.Errorf("field %s: %s is not a message", path, fields[len(fields)-1].Name())
		}
		field := message.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			return nil, fmt.Errorf("field %s: %s has no %s", path, message.Name(), name)
		}
		fields, message = append(fields, field), field.Message()
	}
	if last := fields[len(fields)-1]; last.Kind() != protoreflect.StringKind || last.IsList() {
		return nil, fmt.Errorf("field %s is not a string", path)
	}
	return fields, nil
}

func (a alternatives) value(request protoreflect.Message) string {
	for _, fields := range a {
		message, last := request, len(fields)-1
		for _, field := range fields[:last] {
			message = message.Get(field).Message()
		}
		if value := message.Get(fields[last]).String(); value != "" {
			return value
		}
	}
	return ""
}

func (r *rule) nameIn(request protoreflect.Message) string {
	if len(r.name) == 0 {
		return ""
	}
	name := r.name[0].value(request)
	for _, segment := range r.name[1:] {
		name += "/" + segment.value(request)
	}
	return name
}

// Authorize judges a call. The context that it returns is the one for the call, which
// limits a list to what its caller may read.
func (t Table) Authorize(ctx context.Context, permissions *Permissions, method string, request proto.Message) (context.Context, error) {
	if permissions.principal.Unrestricted {
		return ctx, nil
	}
	rules, known := t[method]
	if !known || rules == nil {
		return ctx, fmt.Errorf("authorize: no rule for %s", method)
	}
	message := request.ProtoReflect()
	applied := len(rules) == 0
	for i := range rules {
		r := &rules[i]
		if r.oneof != nil && !message.Has(r.oneof) {
			continue
		}
		applied = true
		environment := ""
		if r.environment != nil {
			environment = message.Get(r.environment).String()
		}
		g, name := permissions.grant(r.t, environment), r.nameIn(message)
		if r.verb != List && r.verb != Watch {
			if !g.allows(r.verb, name) {
				return ctx, forbidden(permissions.principal, r.verb, r.t, environment, name)
			}
			continue
		}
		if !g.allowsSome(r.verb, name) {
			return ctx, forbidden(permissions.principal, r.verb, r.t, environment, name)
		}
		if !g.all.Has(r.verb) {
			ctx = context.WithValue(ctx, filterKey{}, &Filter{g, r.verb, name})
		}
	}
	if !applied {
		return ctx, forbidden(permissions.principal, rules[0].verb, rules[0].t, "", "")
	}
	return ctx, nil
}
