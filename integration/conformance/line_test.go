package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/gateway/contract"
	"github.com/openweir/weir/internal/await"
)

// line is one case of the contract: an operation that is answered with a
// status. It is run once in JSON and once in YAML, with resources of its own.
type line struct {
	// clause is the line of the contract: method, path and status.
	clause string
	// when says what makes it so.
	when string
	// given makes what has to be there before.
	given []step
	// query is without the question mark.
	query string
	// send is the body, in JSON. The variables of the scene stand in braces, in
	// it and in query.
	send string
	// unchanged sends the ETag of a GET before as If-None-Match.
	unchanged bool
	// says are parts of the answer, such as the field that an error names.
	says []string
	// then looks at the rest.
	then func(*scene, answer)
}

// split gives the parts of a clause.
func (l line) split() (method, path string, status int) {
	parts := strings.Fields(l.clause)
	if len(parts) != 3 {
		panic(fmt.Sprintf("the clause %q is not method, path and status", l.clause))
	}
	status, err := strconv.Atoi(parts[2])
	if err != nil {
		panic(fmt.Sprintf("the clause %q does not end in a status", l.clause))
	}
	return parts[0], parts[1], status
}

// format is one of the two that requests and answers can have.
type format struct {
	name, mediaType string
}

var (
	inJSON  = format{"JSON", "application/json"}
	inYAML  = format{"YAML", "application/yaml"}
	formats = []format{inJSON, inYAML}
)

// hold runs the cases of a table.
func hold(t *testing.T, lines []line) {
	t.Helper()
	for _, l := range lines {
		for _, f := range formats {
			t.Run(l.clause+" "+l.when+" "+f.name, func(t *testing.T) { l.run(newScene(t, f)) })
		}
	}
}

func (l line) run(s *scene) {
	s.t.Helper()
	for _, step := range l.given {
		step(s)
	}
	method, template, status := l.split()
	path := s.fill(template)
	if l.query != "" {
		path += "?" + s.fill(l.query)
	}
	if !l.unchanged {
		l.judge(s, s.ask(method, path, s.fill(l.send), ""), status)
		return
	}
	// What is reported of clusters changes by itself, so the second of two
	// requests may come too late.
	await.Success(s.t, "an answer that has not changed", func() error {
		first := s.ask(method, path, "", "")
		if first.header.Get("ETag") == "" {
			s.t.Fatalf("%s %s: no ETag", method, path)
		}
		second := s.ask(method, path, "", first.header.Get("ETag"))
		if second.status == http.StatusOK && second.header.Get("ETag") != first.header.Get("ETag") {
			return fmt.Errorf("%s %s has changed meanwhile", method, path)
		}
		l.judge(s, second, status)
		return nil
	})
}

func (l line) judge(s *scene, a answer, status int) {
	s.t.Helper()
	if a.status != status {
		s.t.Fatalf("%s: answered %d: %s", a.request, a.status, a.body)
	}
	_, template, _ := l.split()
	conforms(s.t, a, template, s.format, !strings.Contains(l.query, "fields="))
	for _, part := range l.says {
		if part = s.fill(part); !strings.Contains(string(a.body), part) {
			s.t.Errorf("%s: the answer does not say %q: %s", a.request, part, a.body)
		}
	}
	if l.then != nil {
		l.then(s, a)
	}
}

// conforms holds an answer to what the contract and the served document have
// for its status. whole answers have all fields that they can have.
func conforms(t *testing.T, a answer, template string, f format, whole bool) {
	t.Helper()
	code := strconv.Itoa(a.status)
	described, ok := served.response(a.method, template, code)
	if !ok {
		t.Errorf("%s: the served document has no status %s", a.request, code)
		return
	}
	if len(described.Content) == 0 {
		if len(a.body) != 0 {
			t.Errorf("%s: %s is to have no body, and has %q", a.request, code, a.body)
		}
		return
	}
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media != f.mediaType {
		t.Errorf("%s: answered as %q, want %s", a.request, a.header.Get("Content-Type"), f.mediaType)
	}
	for _, wrong := range served.check(described.Content[f.mediaType].Schema, "", a.object) {
		t.Errorf("%s: %s", a.request, wrong)
	}
	shape := shapeOf(a.method, template, code)
	if a.status >= 400 {
		shape = "RestError"
		if list, _ := a.object["errors"].([]any); len(list) == 0 {
			t.Errorf("%s: an error without a message: %s", a.request, a.body)
		}
	}
	if whole {
		for _, missing := range promised(shape, a.object) {
			t.Errorf("%s: %s", a.request, missing)
		}
	}
}

func shapeOf(method, template, code string) string {
	for _, operation := range law.Operations {
		if operation.Method == method && operation.Path == template {
			return operation.Responses[code]
		}
	}
	return ""
}

// answer is what a request was answered with.
type answer struct {
	method  string
	request string // method and path, for messages
	status  int
	header  http.Header
	body    []byte
	// object is the decoded body, nil where it is empty.
	object map[string]any
}

// ask sends a request. The body is JSON and sent in the scene's format, in
// which the answer is asked for too.
func (s *scene) ask(method, path, body, ifNoneMatch string) answer {
	s.t.Helper()
	content := []byte(body)
	if s.format == inYAML && body != "" {
		var err error
		if content, err = yaml.JSONToYAML(content); err != nil {
			s.t.Fatalf("%s %s: write %s as YAML: %v", method, path, body, err)
		}
	}
	header := http.Header{"Accept": {s.format.mediaType}}
	if body != "" {
		header.Set("Content-Type", s.format.mediaType)
	}
	if ifNoneMatch != "" {
		header.Set("If-None-Match", ifNoneMatch)
	}
	return s.send(method, path, content, header)
}

// send sends a request as it is.
func (s *scene) send(method, path string, body []byte, header http.Header) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, server+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{method: method, request: method + " " + path, status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		s.t.Fatalf("%s: read the answer: %v", a.request, err)
	}
	if len(a.body) == 0 {
		return a
	}
	text := a.body
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media == inYAML.mediaType {
		if text, err = yaml.YAMLToJSON(text); err != nil {
			s.t.Fatalf("%s: read the answer %q: %v", a.request, a.body, err)
		}
	}
	if err := json.Unmarshal(text, &a.object); err != nil {
		s.t.Fatalf("%s: read the answer %q: %v", a.request, a.body, err)
	}
	return a
}

// at is what the answer has at a path of names, nil where there is nothing. A
// number is the place in a list.
func (a answer) at(path string) any {
	var at any = a.object
	for name := range strings.SplitSeq(path, ".") {
		switch value := at.(type) {
		case map[string]any:
			at = value[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(value) {
				return nil
			}
			at = value[i]
		default:
			return nil
		}
	}
	return at
}

// has is a check of a line: the answer has the value at the path.
func has(path string, want any) func(*scene, answer) {
	return func(s *scene, a answer) {
		s.t.Helper()
		expected := want
		if text, ok := want.(string); ok {
			expected = s.fill(text)
		}
		if got := a.at(s.fill(path)); got != expected {
			s.t.Errorf("%s: %s is %v, want %v", a.request, s.fill(path), got, expected)
		}
	}
}

// all is several checks.
func all(checks ...func(*scene, answer)) func(*scene, answer) {
	return func(s *scene, a answer) {
		s.t.Helper()
		for _, check := range checks {
			check(s, a)
		}
	}
}

// lacking is a check of a line: the answer has nothing at the path.
func lacking(path string) func(*scene, answer) {
	return func(s *scene, a answer) {
		s.t.Helper()
		if got := a.at(path); got != nil {
			s.t.Errorf("%s: %s is %v, want nothing", a.request, path, got)
		}
	}
}

// pathVariable finds the variables of a path of the contract.
var pathVariable = regexp.MustCompile(`\{([A-Za-z]+)\}`)

// operationOf finds an operation of the contract.
func operationOf(method, path string) (contract.Operation, bool) {
	for _, operation := range law.Operations {
		if operation.Method == method && operation.Path == path {
			return operation, true
		}
	}
	return contract.Operation{}, false
}
