package main

// The part of OpenAPI 3.0.3 that the API needs. Maps are encoded in the order
// of their keys, so the document is the same for the same proto files.

type document struct {
	OpenAPI    string              `json:"openapi"`
	Info       info                `json:"info"`
	Tags       []tag               `json:"tags"`
	Paths      map[string]pathItem `json:"paths"`
	Components components          `json:"components"`
}

type info struct {
	Title       string  `json:"title"`
	Description string  `json:"description"`
	License     license `json:"license"`
	Version     string  `json:"version"`
}

type license struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// pathItem has operations by method in lower case.
type pathItem map[string]*operation

type operation struct {
	OperationID string               `json:"operationId"`
	Tags        []string             `json:"tags"`
	Description string               `json:"description,omitempty"`
	Parameters  []parameter          `json:"parameters,omitempty"`
	RequestBody *requestBody         `json:"requestBody,omitempty"`
	Responses   map[string]*response `json:"responses"`
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema"`
}

type requestBody struct {
	Required bool                 `json:"required,omitempty"`
	Content  map[string]mediaType `json:"content"`
}

// response is either a reference or the rest.
type response struct {
	Ref         string               `json:"$ref,omitempty"`
	Description string               `json:"description,omitempty"`
	Headers     map[string]header    `json:"headers,omitempty"`
	Content     map[string]mediaType `json:"content,omitempty"`
}

type header struct {
	Description string  `json:"description,omitempty"`
	Schema      *schema `json:"schema"`
}

type mediaType struct {
	Schema *schema `json:"schema"`
}

type components struct {
	Schemas   map[string]*schema   `json:"schemas"`
	Responses map[string]*response `json:"responses"`
}

type schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	AllOf                []*schema          `json:"allOf,omitempty"`
	Type                 string             `json:"type,omitempty"`
	Format               string             `json:"format,omitempty"`
	Description          string             `json:"description,omitempty"`
	Enum                 []any              `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	MinLength            uint64             `json:"minLength,omitempty"`
	MaxLength            uint64             `json:"maxLength,omitempty"`
	Minimum              *int64             `json:"minimum,omitempty"`
	Nullable             bool               `json:"nullable,omitempty"`
	ReadOnly             bool               `json:"readOnly,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	MaxProperties        uint64             `json:"maxProperties,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // true or *schema
}

// mediaTypes are what every body can be.
var mediaTypes = []string{"application/json", "application/yaml"}

func content(s *schema) map[string]mediaType {
	types := map[string]mediaType{}
	for _, name := range mediaTypes {
		types[name] = mediaType{Schema: s}
	}
	return types
}

func newDocument() *document {
	return &document{
		OpenAPI: "3.0.3",
		Info: info{
			Title:       "Weir",
			Description: "A control plane for Apache Flink on many Kubernetes clusters.",
			License:     license{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"},
			Version:     "v1",
		},
		Paths: map[string]pathItem{},
		Components: components{
			Schemas:   map[string]*schema{},
			Responses: map[string]*response{},
		},
	}
}
