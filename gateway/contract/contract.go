// Package contract holds the REST contract as a table of facts, and the test
// that the API which the proto files describe is that contract.
package contract

import (
	_ "embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed contract.yaml
var source []byte

// Contract is what clients may rely on.
type Contract struct {
	Operations []Operation
	// Shapes are JSON objects by name, each as field path to type. A type may
	// end in " required" and may be "array of" another shape.
	Shapes map[string]map[string]string
}

// Operation is one method of one path.
type Operation struct {
	Method string
	Path   string
	// Parameters are types by place and name, such as "query page".
	Parameters map[string]string
	// Request is nil if there is no body.
	Request *Request
	// Responses are shapes by status code, empty if there is no body.
	Responses map[string]string
	// Etag reports that 304 comes with an ETag.
	Etag bool
}

// Request is a request body.
type Request struct {
	Shape    string
	Required bool
}

// Name is the method and the path.
func (o Operation) Name() string { return o.Method + " " + o.Path }

// Load reads the table.
func Load() (*Contract, error) {
	c := &Contract{}
	if err := yaml.Unmarshal(source, c); err != nil {
		return nil, fmt.Errorf("read the contract table: %w", err)
	}
	return c, nil
}

// Fields gives the fields of a shape, the shapes within it written out.
func (c *Contract) Fields(shape string) map[string]Field {
	fields := map[string]Field{}
	c.addFields(fields, shape, "")
	return fields
}

func (c *Contract) addFields(fields map[string]Field, shape, prefix string) {
	for path, text := range c.Shapes[shape] {
		field := parseField(text)
		if inner, ok := strings.CutPrefix(field.Type, "array of "); ok && c.Shapes[inner] != nil {
			field.Type = "array"
			c.addFields(fields, inner, prefix+path+"[].")
		}
		fields[prefix+path] = field
	}
}

// Field is what is known of one field or parameter.
type Field struct {
	Type     string
	Required bool
	// ReadOnly is a field that the server ignores in requests.
	ReadOnly bool
}

func parseField(text string) Field {
	name, required := strings.CutSuffix(text, " required")
	return Field{Type: name, Required: required}
}
