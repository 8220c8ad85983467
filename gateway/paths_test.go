package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestPaths(t *testing.T) {
	type want struct {
		status int
		env    string // the name that the control plane is asked for, if it is
		body   string // of an error
	}
	found := func(env string) want { return want{status: http.StatusOK, env: env} }
	unknown := func(path string) want {
		return want{status: http.StatusNotFound, body: errorBody("Resource not found: [" + path + "]")}
	}
	for target, want := range map[string]want{
		"/cmf/api/v1/environments/test":              found("test"),
		"/cmf/api/v1/environments/a.b-c":             found("a.b-c"),
		"/cmf/api/v1/environments/a%20b%25":          found("a b%"),
		"/cmf/api/v1/environments/a%2525":            found("a%25"),
		"/cmf/api/v1/environments/%C3%A9":            found("é"),
		"/cmf/api/v1/environments/a:b":               found("a:b"),
		"/cmf/api/v1/environments/test/":             found("test"),
		"//cmf/api//v1///environments/test":          found("test"),
		"/cmf/api/v1/environments/test?unknown=1":    found("test"),
		"/%63mf/api/v1/environments/test":            found("test"),
		"/":                                          unknown(""),
		"/hello":                                     unknown("hello"),
		"/hello?x=1":                                 unknown("hello"),
		"/hello/":                                    unknown("hello/"),
		"/cmf/api/v1":                                unknown("cmf/api/v1"),
		"/CMF/api/v1/environments/test":              unknown("CMF/api/v1/environments/test"),
		"/cmf/api/v1/environments//test":             unknown("cmf/api/v1/environments//test"),
		"/cmf/api/v1/environments/test/x":            unknown("cmf/api/v1/environments/test/x"),
		"/cmf/api/v1/environments/..":                unknown("cmf/api/v1/environments/.."),
		"/cmf/api/v1/environments/x/../test":         unknown("cmf/api/v1/environments/x/../test"),
		"/cmf/api/v1/environments/.":                 unknown("cmf/api/v1/environments/."),
		"/cmf/api/v1/environments/%2e%2e":            unknown("cmf/api/v1/environments/.."),
		"/cmf/api/v1/environments/a%2Fb":             unknown("cmf/api/v1/environments/a/b"),
		"/cmf/api/v1/environments/test%2fstatements": unknown("cmf/api/v1/environments/test/statements"),
		"/cmf/api/v1%2Fenvironments/test":            unknown("cmf/api/v1/environments/test"),
		"/cmf/api/v1/environments/a%00b":             unknown(`cmf/api/v1/environments/a\u0000b`),
		"/cmf/api/v1/environments/%ff":               unknown("cmf/api/v1/environments/\ufffd"),
	} {
		t.Run(target, func(t *testing.T) {
			c := newControl().returns("GetEnvironment", &cmfv1.Environment{Name: "x"})
			got := rawGet(t, start(t, c), target)
			if got.status != want.status {
				t.Errorf("status %d, want %d: %s", got.status, want.status, got.body)
			}
			if want.env == "" {
				if body := strings.ReplaceAll(want.body, `\\u`, `\u`); got.body != body {
					t.Errorf("got  %s\nwant %s", got.body, body)
				}
				if c.count() != 0 {
					t.Errorf("the control plane was asked: %v", c.last(t))
				}
				return
			}
			if request := c.last(t).request; !proto.Equal(request, &cmfv1.GetEnvironmentRequest{EnvName: want.env}) {
				t.Errorf("asked for %v, want %q", request, want.env)
			}
		})
	}
}

// rawGet sends a request target as it is, which http.Client would tidy up.
func rawGet(t *testing.T, s *rest, target string) reply {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

// TestAnEmptyNameMatchesNoPath: a script whose variable is empty must not hit
// what stands around it.
func TestAnEmptyNameMatchesNoPath(t *testing.T) {
	for request, status := range map[string]int{
		"DELETE /cmf/api/v1/environments/":                          http.StatusMethodNotAllowed,
		"DELETE /cmf/api/v1/environments//":                         http.StatusMethodNotAllowed,
		"DELETE /cmf/api/v1/environments//applications/app1":        http.StatusNotFound,
		"DELETE /cmf/api/v1/environments//applications/?force=true": http.StatusNotFound,
		"DELETE /cmf/api/v1/environments/test/applications/":        http.StatusMethodNotAllowed,
		"POST /cmf/api/v1/environments/test/applications//start":    http.StatusNotFound,
	} {
		t.Run(request, func(t *testing.T) {
			c := newControl()
			method, path, _ := strings.Cut(request, " ")
			if got := start(t, c).do(t, method, path, ""); got.status != status {
				t.Errorf("status %d, want %d: %s", got.status, status, got.body)
			}
			if c.count() != 0 {
				t.Errorf("the control plane was called: %v", c.last(t))
			}
		})
	}
}

func TestMethods(t *testing.T) {
	const collection, item = "/cmf/api/v1/environments", "/cmf/api/v1/environments/test"
	for request, want := range map[string]struct {
		status int
		allow  string
	}{
		"PUT " + collection:         {http.StatusMethodNotAllowed, "GET, HEAD, POST, OPTIONS"},
		"PATCH " + collection:       {http.StatusMethodNotAllowed, "GET, HEAD, POST, OPTIONS"},
		"TRACE " + collection:       {http.StatusMethodNotAllowed, "GET, HEAD, POST, OPTIONS"},
		"NONSENSE " + collection:    {http.StatusMethodNotAllowed, "GET, HEAD, POST, OPTIONS"},
		"POST " + item:              {http.StatusMethodNotAllowed, "DELETE, GET, HEAD, OPTIONS"},
		"OPTIONS " + collection:     {http.StatusNoContent, "GET, HEAD, POST, OPTIONS"},
		"OPTIONS " + item + "/":     {http.StatusNoContent, "DELETE, GET, HEAD, OPTIONS"},
		"OPTIONS /hello":            {http.StatusNotFound, ""},
		"POST /healthz":             {http.StatusMethodNotAllowed, "GET, HEAD, OPTIONS"},
		"GET " + item:               {http.StatusOK, ""},
		"HEAD " + item:              {http.StatusOK, ""},
		"HEAD /cmf/api/v1/catalogs": {http.StatusNotFound, ""},
	} {
		t.Run(request, func(t *testing.T) {
			c := newControl().returns("GetEnvironment", &cmfv1.Environment{Name: "test"})
			method, path, _ := strings.Cut(request, " ")
			got := start(t, c).do(t, method, path, "")
			if got.status != want.status || got.header.Get("Allow") != want.allow {
				t.Errorf("got %d, Allow %q; want %d, Allow %q", got.status, got.header.Get("Allow"), want.status, want.allow)
			}
			if got.status == http.StatusMethodNotAllowed && !strings.HasPrefix(got.body, `{"errors":[{"message":"Method `+method+` is not allowed`) {
				t.Errorf("body %s", got.body)
			}
		})
	}
}

// TestHeadIsGetWithoutBody: the headers are those of the GET.
func TestHeadIsGetWithoutBody(t *testing.T) {
	c := newControl().returns("GetApplication", &cmfv1.FlinkApplication{Kind: "FlinkApplication"})
	s := start(t, c)
	const path = "/cmf/api/v1/environments/test/applications/app1"
	get, head := s.do(t, "GET", path, ""), s.do(t, "HEAD", path, "")
	if head.status != http.StatusOK || head.body != "" {
		t.Errorf("HEAD answered %d %q", head.status, head.body)
	}
	for _, name := range []string{"Content-Type", "Content-Length", "Etag", "Cache-Control", "Vary"} {
		if g, h := get.header.Get(name), head.header.Get(name); g != h || g == "" {
			t.Errorf("%s: %q with GET, %q with HEAD", name, g, h)
		}
	}
}

func TestMethodOverrideIsIgnored(t *testing.T) {
	c := newControl().returns("CreateOrUpdateEnvironment", &cmfv1.Environment{Name: "test"})
	s := start(t, c)
	s.do(t, "POST", "/cmf/api/v1/environments", `{"name":"test"}`, "X-HTTP-Method-Override: GET")
	if got := c.last(t).method; got != "/cmf.v1.EnvironmentService/CreateOrUpdateEnvironment" {
		t.Errorf("called %s", got)
	}
	got := s.do(t, "POST", "/cmf/api/v1/environments", "page=1", "X-HTTP-Method-Override: GET",
		"Content-Type: application/x-www-form-urlencoded")
	if got.status != http.StatusUnsupportedMediaType {
		t.Errorf("a form was answered %d %s", got.status, got.body)
	}
}
