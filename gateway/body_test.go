package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func echoApplication(_ context.Context, request proto.Message) (proto.Message, error) {
	return request.(*cmfv1.CreateOrUpdateApplicationRequest).GetApplication(), nil
}

func TestBadBodies(t *testing.T) {
	deep := func(n int) string {
		return `{"spec":` + strings.Repeat(`{"a":`, n-2) + `{}` + strings.Repeat(`}`, n-2) + `}`
	}
	const yaml = "Content-Type: application/yaml"
	s := start(t, newControl().on("CreateOrUpdateApplication", echoApplication))
	for _, tc := range []struct {
		name, body string
		headers    []string
		want       []string // nil for accepted
	}{
		{"none", "", nil, []string{"A request body is required."}},
		{"white space", " \n", nil, []string{"A request body is required."}},
		{"null", "null", nil, []string{"A request body is required."}},
		{"YAML null", "# nothing\n~\n", []string{yaml}, []string{"A request body is required."}},
		{"an array", `[]`, nil, []string{"The body must be an object."}},
		{"a string", `"x"`, nil, []string{"The body must be an object."}},
		{"not JSON", `{"spec":{`, nil, []string{"The body is not valid JSON: it ends in the middle of a value."}},
		{"not JSON on line 2", "{\n  \"spec\": nope}", nil, []string{"The body is not valid JSON: line 2, column 12: invalid character 'o' in literal null (expecting 'u')."}},
		{"something behind", `{} {}`, nil, []string{"The body must end after the first JSON value."}},
		{"wrong types, all at once", `{"kind":1,"metadata":{"name":[],"labels":{"a.b":2}},"spec":"x"}`, nil,
			[]string{"kind: must be a string", "metadata.name: must be a string", `metadata.labels["a.b"]: must be a string`, "spec: must be an object"}},
		{"a duplicate key", `{"spec":{"a":1,"b":{"c":1,"c":2}}}`, nil, []string{"spec.b.c: duplicate key"}},
		{"not UTF-8", "{\"kind\":\"\xff\"}", nil, []string{"The body is not valid JSON: line 1, column 10: invalid UTF-8."}},
		{"64 levels", deep(64), nil, nil},
		{"65 levels", deep(65), nil, []string{"The body is nested more than 64 levels deep."}},
		{"YAML of 65 levels", deep(65), []string{yaml}, []string{"The body is not valid YAML: line 1: it is nested more than 64 levels deep."}},
		{"YAML with a duplicate key", "kind: a\nkind: b\n", []string{yaml}, []string{`The body is not valid YAML: line 2: the key "kind" is duplicated.`}},
		{"two YAML documents", "kind: a\n---\nkind: b\n", []string{yaml}, []string{"The body is not valid YAML: line 3: there must be one document only."}},
		{"broken YAML", "kind: a\n b: c\n", []string{yaml}, []string{"The body is not valid YAML: line 2: mapping values are not allowed in this context."}},
		{"infinity", "spec: {a: .inf}", []string{yaml}, []string{"The body is not valid YAML: line 1: JSON has no number .inf."}},
		{"a tag", "spec: !!binary aGVsbG8=", []string{yaml}, []string{`The body is not valid YAML: line 1: the tag "!!binary" is not supported.`}},
		{"compressed", "x", []string{"Content-Encoding: gzip"}, []string{"Content-Encoding gzip is not supported; send the body without an encoding."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := s.do(t, "POST", applicationsPath, tc.body, tc.headers...)
			if tc.want == nil {
				got.expect(t, http.StatusCreated, tc.body)
				return
			}
			status := http.StatusBadRequest
			if tc.name == "compressed" {
				status = http.StatusUnsupportedMediaType
			}
			got.expect(t, status, errorBody(tc.want...))
		})
	}
}

func TestAnOptionalBodyMayBeAbsent(t *testing.T) {
	c := newControl().returns("CreateSavepointForFlinkApplication", &cmfv1.Savepoint{Kind: "Savepoint"})
	s := start(t, c)
	for _, body := range []string{"", "null", " ", "{}"} {
		s.do(t, "POST", applicationPath+"/savepoints", body).expect(t, 201, `{"kind":"Savepoint"}`)
		request := c.last(t).request.(*cmfv1.CreateSavepointForFlinkApplicationRequest)
		if (request.GetSavepoint() != nil) != (body == "{}") {
			t.Errorf("body %q gave %v", body, request)
		}
	}
}

func TestBodiesOverTheLimit(t *testing.T) {
	s := start(t, newControl().on("CreateOrUpdateApplication", echoApplication), func(c *gateway.Config) { c.MaxBodyBytes = 100 })
	ofSize := func(n int) string { return `{"kind":"` + strings.Repeat("x", n-len(`{"kind":""}`)) + `"}` }
	chunked := func(t *testing.T, body string) reply {
		// A reader of unknown length.
		request, err := http.NewRequestWithContext(t.Context(), "POST", s.url+applicationsPath, io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		return s.send(t, request)
	}
	refused := errorBody("The request body is larger than 100 bytes.")
	s.do(t, "POST", applicationsPath, ofSize(100)).expect(t, 201, ofSize(100))
	s.do(t, "POST", applicationsPath, ofSize(101)).expect(t, 413, refused)
	chunked(t, ofSize(100)).expect(t, 201, ofSize(100))
	chunked(t, ofSize(101)).expect(t, 413, refused)
}

// endless is a body of n bytes that take no memory.
type endless struct{ left atomic.Int64 }

func ofBytes(n int64) *endless {
	e := &endless{}
	e.left.Store(n)
	return e
}

func (e *endless) Read(p []byte) (int, error) {
	n := min(int64(len(p)), e.left.Load())
	if n <= 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = ' '
	}
	e.left.Add(-n)
	return int(n), nil
}

// TestHugeBodiesUseLittleMemory: the gateway neither holds nor reads what is beyond
// the limit, whether or not the client says how much it is.
func TestHugeBodiesUseLittleMemory(t *testing.T) {
	const size, most = 256 << 20, 64 << 20
	s := start(t, newControl())
	for name, length := range map[string]int64{"known length": size, "unknown length": -1} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			body := ofBytes(size)
			request, err := http.NewRequestWithContext(t.Context(), "POST", s.url+applicationsPath, body)
			if err != nil {
				t.Fatal(err)
			}
			request.ContentLength = length
			if got := s.send(t, request); got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("status %d %s", got.status, got.body)
			}
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > most {
				t.Errorf("%d bytes were allocated for a body of %d", allocated, size)
			}
			if left := body.left.Load(); left < size/2 {
				t.Errorf("%d of %d bytes were taken", size-left, size)
			}
		})
	}
}

// TestHostileBodiesAreRejectedQuickly, long before their nominal size is worked off.
func TestHostileBodiesAreRejectedQuickly(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := range 20 {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 8), i)
	}
	merges := "base: &base {"
	for i := range 1000 {
		merges += fmt.Sprintf("k%d: v, ", i)
	}
	merges += "}\nspec: {<<: [" + strings.Repeat("*base,", 100_000) + "]}\n"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.Copy(z, ofBytes(4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := start(t, newControl())
	for _, tc := range []struct{ name, contentType, body, encoding string }{
		{"a million brackets", "application/json", `{"spec":` + strings.Repeat("[", 1_000_000), ""},
		{"a million objects", "application/json", strings.Repeat(`{"a":`, 700_000), ""},
		{"a million brackets in YAML", "application/yaml", strings.Repeat("[", 1_000_000), ""},
		{"a million dashes in YAML", "application/yaml", strings.Repeat("- ", 1_000_000), ""},
		{"a YAML alias bomb", "application/yaml", bomb, ""},
		{"a YAML merge bomb", "application/yaml", merges, ""},
		{"a YAML value that holds itself", "application/yaml", "spec: &a [*a, *a]", ""},
		{"a gzip bomb", "application/json", zipped.String(), "gzip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Now()
			headers := []string{"Content-Type: " + tc.contentType}
			if tc.encoding != "" {
				headers = append(headers, "Content-Encoding: "+tc.encoding)
			}
			got := s.do(t, "POST", applicationsPath, tc.body, headers...)
			if got.status != http.StatusBadRequest && got.status != http.StatusUnsupportedMediaType {
				t.Errorf("status %d %s", got.status, got.body)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
