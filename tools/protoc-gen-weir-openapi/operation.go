package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/compiler/protogen"
)

// Errors that every method may answer, whatever it does; those that only one
// that writes may, since others write at the same time and some things are in
// use; and those that only one with a request body may.
var (
	commonErrors = []int{400, 401, 403, 429, 500, 501, 503, 504}
	writeErrors  = []int{409}
	bodyErrors   = []int{413, 415}
)

// pathVariable finds the variables of a path template.
var pathVariable = regexp.MustCompile(`\{([a-z_]+)\}`)

// addOperation adds one method under its path.
func addOperation(doc *document, schemas *schemaWriter, method *protogen.Method, rule *annotations.HttpRule) error {
	if len(rule.GetAdditionalBindings()) > 0 || rule.GetBody() == "*" || rule.GetResponseBody() != "" {
		return fmt.Errorf("additional bindings, the body * and response bodies are not supported")
	}
	rest, err := schemas.options.rest(method.Desc)
	if err != nil {
		return err
	}
	verb, template := verbAndPath(rule)
	fields := map[string]*protogen.Field{}
	for _, field := range method.Input.Fields {
		fields[string(field.Desc.Name())] = field
	}

	op := &operation{
		OperationID: strings.ToLower(method.GoName[:1]) + method.GoName[1:],
		Tags:        []string{tagOf(method.Parent)},
		Description: prose(method.Comments.Leading),
	}
	path := template
	for _, match := range pathVariable.FindAllStringSubmatch(template, -1) {
		field, ok := fields[match[1]]
		if !ok {
			return fmt.Errorf("the path names the unknown field %s", match[1])
		}
		delete(fields, match[1])
		path = strings.Replace(path, match[0], "{"+field.Desc.JSONName()+"}", 1)
		op.Parameters = append(op.Parameters, parameter{
			Name: field.Desc.JSONName(), In: "path", Required: true,
			Description: prose(field.Comments.Leading), Schema: schemas.parameter(field),
		})
	}
	if body, ok := fields[rule.GetBody()]; ok {
		delete(fields, rule.GetBody())
		op.RequestBody = &requestBody{
			Required: isRequired(body),
			Content:  content(schemas.reference(body.Message, sent)),
		}
	}
	_, conditional := fields[versionField]
	delete(fields, versionField)
	for _, field := range method.Input.Fields {
		if _, query := fields[string(field.Desc.Name())]; query {
			op.Parameters = append(op.Parameters, parameter{
				Name: field.Desc.JSONName(), In: "query",
				Description: prose(field.Comments.Leading), Schema: schemas.parameter(field),
			})
		}
	}
	if rest.Etag {
		op.Parameters = append(op.Parameters, parameter{
			Name: "If-None-Match", In: "header",
			Description: "An ETag. If the response would have the same ETag, it is 304 without a body.",
			Schema:      &schema{Type: "string"},
		})
	}
	if conditional {
		op.Parameters = append(op.Parameters, preconditions()...)
		rest.Errors = append(rest.Errors, http.StatusPreconditionFailed)
	}
	_, projected := fields["fields"]
	if verb != "get" {
		rest.Errors = append(rest.Errors, writeErrors...)
	}
	op.Responses = responses(doc, schemas, method.Output, rest, op.RequestBody != nil, projected)

	if doc.Paths[path] == nil {
		doc.Paths[path] = pathItem{}
	}
	if doc.Paths[path][verb] != nil {
		return fmt.Errorf("%s %s is defined twice", verb, path)
	}
	doc.Paths[path][verb] = op
	return nil
}

// versionField is the field of a request with its precondition, which REST has in
// headers.
const versionField = "resource_version"

// preconditions are the headers of an operation that changes a resource.
func preconditions() []parameter {
	return []parameter{
		{
			Name: "If-Match", In: "header",
			Description: "The ETag of the resource as it was read, or *. If what users specify of the resource has changed since, " +
				"or with * if the resource does not exist, the response is 412 and nothing is changed.",
			Schema: &schema{Type: "string"},
		},
		{
			Name: "If-None-Match", In: "header",
			Description: "Only *: if the resource exists, the response is 412 and nothing is changed.",
			Schema:      &schema{Type: "string"},
		},
	}
}

func verbAndPath(rule *annotations.HttpRule) (verb, path string) {
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "get", pattern.Get
	case *annotations.HttpRule_Put:
		return "put", pattern.Put
	case *annotations.HttpRule_Post:
		return "post", pattern.Post
	case *annotations.HttpRule_Delete:
		return "delete", pattern.Delete
	case *annotations.HttpRule_Patch:
		return "patch", pattern.Patch
	}
	return "", ""
}

func responses(doc *document, schemas *schemaWriter, output *protogen.Message, rest restRule, hasBody, projected bool) map[string]*response {
	result := map[string]*response{}
	plain := func(code int) *response {
		r := &response{Description: http.StatusText(code)}
		if rest.Etag && (code == rest.Success || code == http.StatusNotModified) {
			r.Headers = map[string]header{"ETag": {
				Description: "Identifies this version of the response.",
				Schema:      &schema{Type: "string"},
			}}
		}
		result[strconv.Itoa(code)] = r
		return r
	}
	for _, code := range rest.Also {
		plain(code)
	}
	success := plain(rest.Success)
	if rest.Success != http.StatusNoContent && !rest.EmptyBody {
		shape := answered
		if projected {
			shape = listed
		}
		success.Content = content(schemas.reference(output, shape))
	}
	codes := slices.Concat(rest.Errors, commonErrors)
	if hasBody {
		codes = append(codes, bodyErrors...)
	}
	for _, code := range codes {
		result[strconv.Itoa(code)] = errorResponse(doc, code)
	}
	return result
}

// errorResponse is the shared response of an error code.
func errorResponse(doc *document, code int) *response {
	name := strings.ReplaceAll(http.StatusText(code), " ", "")
	doc.Components.Responses[name] = &response{
		Description: http.StatusText(code),
		Content:     content(&schema{Ref: "#/components/schemas/RestError"}),
	}
	return &response{Ref: "#/components/responses/" + name}
}
