package tunnel

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

var urlOfTest = url.URL{Scheme: "http", Host: "app-rest.flink:8081"}

func TestOnlyAllowedHeadersArePassedOn(t *testing.T) {
	var asked *http.Request
	tr := begin(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Clone(r.Context())
		for name, value := range map[string]string{
			"Content-Type": "application/json", "ETag": `"a"`, "Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT",
			"Content-Disposition": "attachment", "Retry-After": "3",
			"Set-Cookie": "session=1", "Server": "Flink", "Access-Control-Allow-Origin": "*", "Content-Security-Policy": "default-src *",
			"Clear-Site-Data": `"*"`, "Refresh": "0; url=http://evil.example/", "Link": "<http://evil.example/>; rel=preload",
			"WWW-Authenticate": "Basic", "Keep-Alive": "timeout=5", "X-Anything": "1", "Location": "http://evil.example/",
		} {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, "{}")
	})
	got := tr.fetch(get("one", "/jobs/overview", func(m *agentv1.TunnelRequest) {
		m.Query = "a=b%20c&d"
		for name, value := range map[string]string{
			"accept": "application/json", "Accept-Language": "en", "If-None-Match": `"b"`,
			"Cookie": "session=1", "Authorization": "Bearer secret", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil.example",
			"Forwarded": "for=10.0.0.1", "x-confluent-cli-version": "4", "Host": "evil.example", "Connection": "X-Anything, close", "Upgrade": "websocket",
			"Transfer-Encoding": "chunked", "Content-Length": "5", "TE": "trailers", "Proxy-Authorization": "Basic x", "Origin": "null", "Referer": "http://evil.example/",
		} {
			m.Headers = append(m.Headers, &cmfv1.FlinkWebUIHeader{Name: name, Value: value})
		}
	}))
	if asked.Method != http.MethodGet || asked.RequestURI != "/jobs/overview?a=b%20c&d" || asked.ContentLength != 0 {
		t.Errorf("Flink was asked %s %s with %d bytes", asked.Method, asked.RequestURI, asked.ContentLength)
	}
	if asked.Host == "evil.example" {
		t.Error("the client chose the host")
	}
	want := http.Header{"Accept": {"application/json"}, "Accept-Language": {"en"}, "If-None-Match": {`"b"`}}
	for name := range asked.Header {
		if asked.Header.Get(name) != want.Get(name) {
			t.Errorf("Flink got %s: %s", name, asked.Header.Get(name))
		}
	}
	for name := range want {
		if asked.Header.Get(name) == "" {
			t.Errorf("Flink did not get %s", name)
		}
	}
	if got.end.GetFailure() != 0 || got.head.GetStatus() != 200 || string(got.body) != "{}" {
		t.Errorf("got %v", got)
	}
	allowed := map[string]string{
		"Content-Type": "application/json", "Etag": `"a"`, "Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT", "Content-Disposition": "attachment",
		"Retry-After": "3", "Content-Length": "2",
	}
	for _, h := range got.head.GetHeaders() {
		if allowed[h.GetName()] != h.GetValue() {
			t.Errorf("the client got %v", h)
		}
	}
	if len(got.head.GetHeaders()) != len(allowed) {
		t.Errorf("the client got %v", got.head)
	}
}

func TestStatusCodesOfFlinkArePassedOn(t *testing.T) {
	tr := begin(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			http.Error(w, `{"errors":["Not found."]}`, http.StatusNotFound)
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
		case "/304":
			w.WriteHeader(http.StatusNotModified)
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		}
	})
	for path, status := range map[string]int32{"/404": 404, "/500": 500, "/304": 304, "/204": 204, "/": 200} {
		if got := tr.fetch(get(path, path)); got.head.GetStatus() != status || got.end.GetFailure() != 0 {
			t.Errorf("%s: %v, %v", path, got.head, got.end)
		}
	}
}

func TestEncodedBodiesArePassedOnUnchanged(t *testing.T) {
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write([]byte(strings.Repeat("a", 100)))
	_ = writer.Close()
	tr := begin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes())
			return
		}
		if asked, ok := r.Header["Accept-Encoding"]; ok {
			t.Errorf("Flink was asked for %v", asked)
		}
		_, _ = io.WriteString(w, "plain")
	})
	got := tr.fetch(get("zipped", "/", func(m *agentv1.TunnelRequest) {
		m.Headers = []*cmfv1.FlinkWebUIHeader{{Name: "Accept-Encoding", Value: "gzip"}}
	}))
	if got.header("Content-Encoding") != "gzip" || !bytes.Equal(got.body, zipped.Bytes()) {
		t.Errorf("got %v with %d bytes", got.head, len(got.body))
	}
	if got := tr.fetch(get("plain", "/")); got.header("Content-Encoding") != "" || string(got.body) != "plain" {
		t.Errorf("got %v with %q", got.head, got.body)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	tr := begin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("Flink was asked %s", r.Method)
		}
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "12345")
	})
	got := tr.fetch(get("one", "/", func(m *agentv1.TunnelRequest) { m.Method = http.MethodHead }))
	if got.head.GetStatus() != 200 || got.header("Content-Length") != "5" || len(got.body) != 0 || got.end.GetFailure() != 0 {
		t.Errorf("got %v, %q, %v", got.head, got.body, got.end)
	}
}

func TestRedirects(t *testing.T) {
	const refused = ""
	followed := false
	tr := begin(t, func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.URL.Path != "/jobs/here"
		to, _ := url.QueryUnescape(r.URL.RawQuery)
		w.Header().Set("Location", strings.ReplaceAll(to, "SELF", r.Host))
		w.WriteHeader(http.StatusFound)
	})
	for location, want := range map[string]string{
		"overview":                    "/jobs/overview",
		"./overview?a=b":              "/jobs/overview?a=b",
		"../config":                   "/config",
		"../../../config":             "/config",
		"/":                           "/",
		"/#/overview":                 "/",
		"/jobs/overview":              "/jobs/overview",
		"http://SELF/jobs/overview?a": "/jobs/overview?a",
		"http://SELF":                 "/",
		"http://evil.example/":        refused,
		"//evil.example/":             refused,
		"https://SELF/":               refused,
		"http://user@SELF/":           refused,
		"http://169.254.169.254/":     refused,
		"http://SELF.evil.example/":   refused,
		"javascript:alert(1)":         refused,
		`/\evil.example`:              refused,
		"/a%2f..":                     refused,
		"/jobs/x/yarn-cancel":         refused,
		"http://[::1":                 refused,
		"/a//b":                       refused,
	} {
		got := tr.fetch(get(location, "/jobs/here", func(m *agentv1.TunnelRequest) { m.Query = url.QueryEscape(location) }))
		if want == refused {
			tr.expectFailure("redirect to "+location, got, agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER)
			continue
		}
		if got.header("Location") != want || got.head.GetStatus() != http.StatusFound {
			t.Errorf("redirect to %q became %v, want %q", location, got.head, want)
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
}
