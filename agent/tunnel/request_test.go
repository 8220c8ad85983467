package tunnel

import (
	"net/http"
	"strings"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestPaths(t *testing.T) {
	const (
		fine      = agentv1.TunnelFailure_TUNNEL_FAILURE_UNSPECIFIED
		invalid   = agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID
		forbidden = agentv1.TunnelFailure_TUNNEL_FAILURE_FORBIDDEN
	)
	for path, want := range map[string]agentv1.TunnelFailure{
		"/":                                     fine,
		"/index.html":                           fine,
		"/jobs/overview":                        fine,
		"/v1/jobs/":                             fine,
		"/config":                               fine,
		"/jars":                                 fine,
		"/jobs/a/plan":                          fine,
		"/assets/a.b-c_d":                       fine,
		"/taskmanagers/127.0.0.1:43211-ab/log":  fine,
		"/jobmanager/logs/flink--0-host.log.1":  fine,
		"/jobs/a/vertices/b/subtasks/metrics":   fine,
		"/styles.25112ea718f4efbe.css":          fine,
		"":                                      invalid,
		"jobs":                                  invalid,
		"http://169.254.169.254/":               invalid,
		"//evil.example/":                       invalid,
		"/jobs//overview":                       invalid,
		"/..":                                   invalid,
		"/.":                                    invalid,
		"/jobs/../config":                       invalid,
		"/jobs/..":                              invalid,
		"/jobs/./x":                             invalid,
		`/jobs\overview`:                        invalid,
		"/jobs/%2e%2e/x":                        invalid,
		"/jobmanager/logs/..%252f..%252fpasswd": invalid,
		"/a%2Fb":                                invalid,
		"/a%5Cb":                                invalid,
		"/a%00b":                                invalid,
		"/jobs/a/yarn-cancel%3Fx":               invalid,
		"/jobs/a/yarn%2Dcancel":                 invalid,
		"/a?b":                                  invalid,
		"/a#b":                                  invalid,
		"/a;b":                                  invalid,
		"/a b":                                  invalid,
		"/a\r\nHost: evil.example":              invalid,
		"/a\x00":                                invalid,
		"/é":                                    invalid,
		"/a\xff":                                invalid,
		"/" + strings.Repeat("a", 4096):         invalid,
		"/jobs/a/yarn-cancel":                   forbidden,
		"/jobs/a/yarn-stop":                     forbidden,
		"/v1/jobs/a/yarn-cancel/":               forbidden,
		"/jobs/a/YARN-Cancel":                   forbidden,
		"/jars/a.jar/plan":                      forbidden,
		"/v1/jars/a.jar/plan/":                  forbidden,
		"/V1/Jars/a.jar/Plan":                   forbidden,
		"/jars/a.jar/run":                       forbidden,
	} {
		m := get("one", path)
		got := fine
		if err := checkRequest(m); err != nil {
			got = failureOf(t.Context(), err).kind
		}
		if got != want {
			t.Errorf("%q is %s, want %s", path, got, want)
		}
	}
}

func TestInvalidRequestsAreNotSent(t *testing.T) {
	tr := begin(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("Flink was asked for %s", r.URL) },
		func(c *Config) { c.Namespaces = []string{"flink"} })
	for name, change := range map[string]func(*agentv1.TunnelRequest){
		"POST":              func(m *agentv1.TunnelRequest) { m.Method = http.MethodPost },
		"PATCH":             func(m *agentv1.TunnelRequest) { m.Method = http.MethodPatch },
		"DELETE":            func(m *agentv1.TunnelRequest) { m.Method = http.MethodDelete },
		"CONNECT":           func(m *agentv1.TunnelRequest) { m.Method = http.MethodConnect },
		"no method":         func(m *agentv1.TunnelRequest) { m.Method = "" },
		"lower case":        func(m *agentv1.TunnelRequest) { m.Method = "get" },
		"fragment in query": func(m *agentv1.TunnelRequest) { m.Query = "a#b" },
		"space in query":    func(m *agentv1.TunnelRequest) { m.Query = "a HTTP/1.1\r\nHost: evil.example\r\n" },
		"long query":        func(m *agentv1.TunnelRequest) { m.Query = strings.Repeat("a", maxQuery+1) },
		"no window":         func(m *agentv1.TunnelRequest) { m.Window = 0 },
		"other kind":        func(m *agentv1.TunnelRequest) { m.Ref.Kind = "Service" },
		"other group":       func(m *agentv1.TunnelRequest) { m.Ref.ApiVersion = "v1" },
		"other namespace":   func(m *agentv1.TunnelRequest) { m.Ref.Namespace = "kube-system" },
		"no object":         func(m *agentv1.TunnelRequest) { m.Ref = nil },
		"header with a line end": func(m *agentv1.TunnelRequest) {
			m.Headers = []*cmfv1.FlinkWebUIHeader{{Name: "Accept", Value: "*/*\r\nHost: evil.example"}}
		},
	} {
		tr.expectFailure(name, tr.fetch(get(name, "/jobs", change)), agentv1.TunnelFailure_TUNNEL_FAILURE_INVALID)
	}
}

// FuzzPath: whatever gets through means the same to Flink as to the check,
// which decodes twice and cuts at a question mark in between.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "/jobs/a/yarn-cancel", "/jars/x/plan", "/a%2e%2e/b", "//a", "/a?b", `/\..\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if checkPath(path) != nil {
			return
		}
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "%?#\\;& \r\n\x00") {
			t.Errorf("%q got through", path)
		}
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." || strings.EqualFold(segment, "yarn-cancel") || strings.EqualFold(segment, "yarn-stop") {
				t.Errorf("%q got through", path)
			}
		}
		request, err := newRequest(t.Context(), &urlOfTest, get("one", path))
		if err != nil || request.URL.EscapedPath() != path || request.URL.Host != urlOfTest.Host {
			t.Errorf("%q became %v, %v", path, request.URL, err)
		}
	})
}
