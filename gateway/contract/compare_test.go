package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/openweir/weir/gen/openapi"
)

// TestGeneratedAPIMatchesTheContract compares every path, method, parameter, status
// code and field, both ways.
func TestGeneratedAPIMatchesTheContract(t *testing.T) {
	found := compare(t, openapi.JSON)
	used := map[int]bool{}
	for _, difference := range found {
		i := slices.IndexFunc(deviations, func(d deviation) bool { return d.covers(difference) })
		if i < 0 {
			t.Errorf("differs from the contract: %s", difference)
		}
		used[i] = true
	}
	for i, d := range deviations {
		if !used[i] {
			t.Errorf("the deviation %q (%s) is not there any more", d.pattern, d.reason)
		}
	}
}

// TestComparisonDetectsEveryKindOfDifference changes the document in one way at a
// time.
func TestComparisonDetectsEveryKindOfDifference(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"a path is missing", `"/cmf/api/v1/secrets":`, `"/cmf/api/v1/secret":`, "operation missing: GET /cmf/api/v1/secrets"},
		{"a path is added", `"/cmf/api/v1/secrets":`, `"/cmf/api/v1/secret":`, "operation added: GET /cmf/api/v1/secret"},
		{"a method is missing", `"delete": {`, `"patch": {`, "operation missing: DELETE /cmf/api/v1/secrets/{secretName}"},
		{"a parameter is missing", `"name": "page-token"`, `"name": "page_token"`, "parameter missing: GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results: query page-token"},
		{"a parameter is added", `"name": "page-token"`, `"name": "page_token"`, "parameter added: GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results: query page_token"},
		{"a status is missing", `"410":`, `"411":`, "status missing: GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results: 410"},
		{"a status is added", `"410":`, `"411":`, "status added: GET /cmf/api/v1/environments/{envName}/statements/{stmtName}/results: 411"},
		{"a field is missing", `"created_time":`, `"createdTime":`, "field missing: Environment answered: created_time"},
		{"a field is added", `"created_time":`, `"createdTime":`, "field added: Environment answered: createdTime"},
		{"a type is another", `"format": "int64"`, `"format": "decimal"`, "type of Savepoint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.ReplaceAll(string(openapi.JSON), tt.old, tt.new)
			found := compare(t, []byte(changed))
			if !slices.ContainsFunc(found, func(d string) bool { return strings.HasPrefix(d, tt.want) }) {
				t.Errorf("%q is not found; found:\n%s", tt.want, strings.Join(found, "\n"))
			}
		})
	}
}

// comparison collects the differences between the table and a document.
type comparison struct {
	contract *Contract
	document *document
	found    map[string]bool
}

func compare(t *testing.T, text []byte) []string {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{contract: table, document: doc, found: map[string]bool{}}
	c.operations()
	return slices.Sorted(maps.Keys(c.found))
}

func (c *comparison) addf(format string, args ...any) {
	c.found[fmt.Sprintf(format, args...)] = true
}

func (c *comparison) operations() {
	ours := c.document.operations()
	for _, want := range c.contract.Operations {
		got, ok := ours[want.Name()]
		delete(ours, want.Name())
		if !ok {
			c.addf("operation missing: %s", want.Name())
			continue
		}
		c.parameters(want, got)
		c.request(want, got)
		c.responses(want, got)
	}
	for name := range ours {
		c.addf("operation added: %s", name)
	}
}

func (c *comparison) parameters(want Operation, got described) {
	ours := map[string]Field{}
	for _, p := range got.Parameters {
		ours[p.In+" "+p.Name] = Field{Type: c.document.typeOf(p.Schema), Required: p.Required}
	}
	theirs := map[string]Field{}
	for name, text := range want.Parameters {
		theirs[name] = parseField(text)
	}
	c.fields("parameter", want.Name(), theirs, ours)
}

func (c *comparison) request(want Operation, got described) {
	if want.Request == nil || got.RequestBody == nil {
		if (want.Request == nil) != (got.RequestBody == nil) {
			c.addf("request body: %s: only one of the two has one", want.Name())
		}
		return
	}
	if got.RequestBody.Required && !want.Request.Required {
		c.addf("request body demanded: %s", want.Name())
	}
	c.body(want.Name(), want.Request.Shape, "sent", got.RequestBody.Content)
}

func (c *comparison) responses(want Operation, got described) {
	for code, shape := range want.Responses {
		ours, ok := got.Responses[code]
		if !ok {
			c.addf("status missing: %s: %s", want.Name(), code)
			continue
		}
		ours = c.document.response(ours)
		c.body(want.Name()+" "+code, shape, "answered", ours.Content)
		if _, etag := ours.Headers["ETag"]; code == "304" && etag != want.Etag {
			c.addf("ETag: %s: %v, in the contract %v", want.Name(), etag, want.Etag)
		}
	}
	for code := range got.Responses {
		if _, ok := want.Responses[code]; !ok {
			c.addf("status added: %s: %s", want.Name(), code)
		}
	}
}

func (c *comparison) body(where, shape, direction string, content map[string]media) {
	s, err := body(content)
	switch {
	case err != nil:
		c.addf("body: %s: %v", where, err)
	case (s == nil) != (shape == ""):
		c.addf("body: %s: only one of the two has one", where)
	case s != nil:
		c.fields("field", shape+" "+direction, c.contract.Fields(shape), c.document.fields(s))
	}
}

// fields compares two sets of fields or parameters. A client built for the
// contract can live with an API that demands less and promises more.
func (c *comparison) fields(what, where string, theirs, ours map[string]Field) {
	for name, want := range theirs {
		got, ok := ours[name]
		switch {
		case !ok:
			c.addf("%s missing: %s: %s", what, where, name)
			continue
		case !refines(got.Type, want.Type):
			c.addf("type of %s: %s: %s, in the contract %s", where, name, got.Type, want.Type)
		}
		if demanding := what == "parameter" || strings.HasSuffix(where, " sent"); demanding {
			if got.Required && !want.Required {
				c.addf("%s demanded: %s: %s", what, where, name)
			}
		} else if want.Required && !got.Required {
			c.addf("%s not promised: %s: %s", what, where, name)
		}
	}
	for name, got := range ours {
		ignored := got.ReadOnly && strings.HasSuffix(where, " sent")
		if _, ok := theirs[name]; !ok && !ignored {
			c.addf("%s added: %s: %s", what, where, name)
		}
	}
}

// refines tells whether a type is the other one, or only adds a format to it.
func refines(got, want string) bool {
	return got == want || strings.HasPrefix(got, want+":")
}
