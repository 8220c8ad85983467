package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// parameters are the query parameters of a route, by their names.
type parameters map[string]parameter

// parameter is one of them.
type parameter struct {
	repeated bool
	// canonical checks a value and gives its one spelling that the generated
	// handlers cannot misread. Its error is a rule, such as "must be an
	// integer".
	canonical func(string) (string, error)
}

// parametersOf makes each field of a request that is not bound to path or body
// a query parameter.
func parametersOf(request protoreflect.MessageDescriptor, bound map[protoreflect.Name]bool) (parameters, error) {
	ps := parameters{}
	for i := range request.Fields().Len() {
		field := request.Fields().Get(i)
		if bound[field.Name()] {
			continue
		}
		p := parameter{repeated: field.IsList()}
		switch field.Kind() {
		case protoreflect.StringKind:
			p.canonical = canonicalString
		case protoreflect.BoolKind:
			p.canonical = canonicalBool
		case protoreflect.Int32Kind:
			p.canonical = canonicalInteger(32)
		case protoreflect.Int64Kind:
			p.canonical = canonicalInteger(64)
		default:
			return nil, fmt.Errorf("field %s cannot be a query parameter", field.Name())
		}
		ps[field.JSONName()] = p
	}
	return ps, nil
}

// parse reads a query. What it returns holds known parameters only, each
// checked and in its canonical spelling; violations name what is wrong. A
// parameter without a value counts as absent.
func (ps parameters) parse(query string) (values url.Values, violations []string) {
	values = url.Values{}
	if query == "" {
		return values, nil
	}
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, []string{"The query string is malformed: " + err.Error() + "."}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p, ok := ps[name]
		if !ok {
			continue
		}
		present := slices.DeleteFunc(given[name], func(v string) bool { return v == "" })
		if len(present) > 1 && !p.repeated {
			violations = append(violations, name+": must be given only once")
			continue
		}
		for _, v := range present {
			c, err := p.canonical(v)
			if err != nil {
				violations = append(violations, name+": "+err.Error())
				continue
			}
			values.Add(name, c)
		}
	}
	return values, violations
}

func canonicalString(v string) (string, error) {
	if !utf8.ValidString(v) {
		return "", errors.New("must be UTF-8")
	}
	return v, nil
}

func canonicalBool(v string) (string, error) {
	switch v = strings.ToLower(v); v {
	case "true", "false":
		return v, nil
	}
	return "", errors.New("must be true or false")
}

func canonicalInteger(bits int) func(string) (string, error) {
	return func(v string) (string, error) {
		i, err := strconv.ParseInt(v, 10, bits)
		if errors.Is(err, strconv.ErrRange) {
			limit := int64(1)<<(bits-1) - 1
			return "", fmt.Errorf("must be an integer between %d and %d", -limit-1, limit)
		}
		if err != nil {
			return "", errors.New("must be an integer")
		}
		return strconv.FormatInt(i, 10), nil
	}
}
