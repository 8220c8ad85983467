package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// document is the part of the served OpenAPI document that answers are held to.
type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]*schema
		Responses map[string]response
	}
}

type operation struct {
	Responses map[string]response
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct{ Schema *schema }
	Headers map[string]any
}

type schema struct {
	Ref                  string `json:"$ref"`
	AllOf                []*schema
	Type, Format         string
	Enum                 []any
	Pattern              string
	MinLength, MaxLength int
	Minimum              *float64
	Items                *schema
	Properties           map[string]*schema
	Required             []string
	// AdditionalProperties is true or a schema where there may be any.
	AdditionalProperties json.RawMessage
}

func readDocument(ctx context.Context) (*document, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the served document: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the served document: %w", err)
	}
	d := &document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read the served document: %w", err)
	}
	return d, nil
}

// response is what the document has for a status of an operation.
func (d *document) response(method, path, status string) (response, bool) {
	r, ok := d.Paths[path][strings.ToLower(method)].Responses[status]
	if name, isRef := strings.CutPrefix(r.Ref, "#/components/responses/"); isRef {
		r, ok = d.Components.Responses[name]
	}
	return r, ok
}

// check lists what in a value is not as the schema has it. Unlike the schemas
// of OpenAPI, it takes a field that is not described for an error.
func (d *document) check(s *schema, at string, value any) []string {
	s = d.resolve(s)
	var wrong []string
	note := func(format string, args ...any) {
		wrong = append(wrong, strings.TrimPrefix(at, ".")+": "+fmt.Sprintf(format, args...))
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		note("%v is none of %v", value, s.Enum)
	}
	switch s.Type {
	case "object":
		object, ok := value.(map[string]any)
		if !ok {
			note("is no object: %v", value)
			break
		}
		wrong = append(wrong, d.checkObject(s, at, object)...)
	case "array":
		list, ok := value.([]any)
		if !ok {
			note("is no array: %v", value)
		}
		for i, item := range list {
			wrong = append(wrong, d.check(s.Items, at+"["+strconv.Itoa(i)+"]", item)...)
		}
	case "string":
		if problem := checkString(s, value); problem != "" {
			note("%s", problem)
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			note("is no boolean: %v", value)
		}
	case "integer", "number":
		if problem := checkNumber(s, value); problem != "" {
			note("%s", problem)
		}
	default:
		note("has a schema of type %q", s.Type)
	}
	return wrong
}

// resolve follows references, which stand alone or in an allOf of one.
func (d *document) resolve(s *schema) *schema {
	for {
		switch {
		case s.Ref != "":
			s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		case len(s.AllOf) == 1:
			s = s.AllOf[0]
		default:
			return s
		}
	}
}

func (d *document) checkObject(s *schema, at string, object map[string]any) []string {
	var wrong []string
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s.%s: is missing", at, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		inner := s.Properties[name]
		switch {
		case inner != nil:
		case string(s.AdditionalProperties) == "true":
			continue
		case len(s.AdditionalProperties) > 0:
			inner = &schema{}
			if err := json.Unmarshal(s.AdditionalProperties, inner); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s.%s: %v", at, name, err))
				continue
			}
		default:
			wrong = append(wrong, fmt.Sprintf("%s.%s: is not described", at, name))
			continue
		}
		wrong = append(wrong, d.check(inner, at+"."+name, object[name])...)
	}
	return wrong
}

func checkString(s *schema, value any) string {
	text, ok := value.(string)
	switch {
	case !ok:
		return fmt.Sprintf("is no string: %v", value)
	case s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text):
		return fmt.Sprintf("%q does not match %s", text, s.Pattern)
	case len(text) < s.MinLength || (s.MaxLength > 0 && len(text) > s.MaxLength):
		return fmt.Sprintf("%q is not between %d and %d long", text, s.MinLength, s.MaxLength)
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339, text); err != nil || !strings.HasSuffix(text, "Z") {
			return fmt.Sprintf("%q is no time in UTC", text)
		}
	}
	return ""
}

func checkNumber(s *schema, value any) string {
	number, ok := value.(float64)
	switch {
	case !ok:
		return fmt.Sprintf("is no number: %v", value)
	case s.Type == "integer" && number != math.Trunc(number):
		return fmt.Sprintf("%v is no integer", number)
	case s.Minimum != nil && number < *s.Minimum:
		return fmt.Sprintf("%v is less than %v", number, *s.Minimum)
	}
	return ""
}

// promised lists the fields that the contract requires in an answer and that
// are not there, though what they are in is.
func promised(shape string, answer any) []string {
	var missing []string
	for path, field := range law.Fields(shape) {
		if field.Required && lacks(answer, strings.Split(path, ".")) {
			missing = append(missing, path+": is required by the contract and is missing")
		}
	}
	slices.Sort(missing)
	return missing
}

func lacks(value any, path []string) bool {
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	inner, there := object[name]
	if len(path) == 1 {
		return !there
	}
	if list, ok := inner.([]any); isList && ok {
		return slices.ContainsFunc(list, func(item any) bool { return lacks(item, path[1:]) })
	}
	return lacks(inner, path[1:])
}
