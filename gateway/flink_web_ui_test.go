package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/inprocess"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/internal/await"
)

const (
	webUI          = "/cmf/api/v1/environments/test/applications/app1/flink-web-ui"
	statementWebUI = "/cmf/api/v1/environments/test/statements/stmt1/flink-web-ui"
)

type webUIStream = grpc.ServerStreamingServer[cmfv1.FetchFlinkWebUIResponse]

// webUIs is a control plane whose web UIs do what the test says.
type webUIs struct {
	cmfv1.UnimplementedFlinkWebUIServiceServer
	fetch func(*cmfv1.FetchFlinkWebUIRequest, webUIStream) error

	mu       sync.Mutex
	requests []*cmfv1.FetchFlinkWebUIRequest
}

func (w *webUIs) FetchFlinkWebUI(r *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
	w.mu.Lock()
	w.requests = append(w.requests, proto.CloneOf(r))
	w.mu.Unlock()
	return w.fetch(r, s)
}

func (w *webUIs) asked() []*cmfv1.FetchFlinkWebUIRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests
}

// webUITransports are the two ways to the control plane.
var webUITransports = map[string]func(testing.TB, *webUIs) grpc.ClientConnInterface{
	"in process": func(t testing.TB, w *webUIs) grpc.ClientConnInterface {
		conn := inprocess.New(inprocess.Config{Log: quiet(), SharedReplies: true})
		cmfv1.RegisterFlinkWebUIServiceServer(conn, w)
		t.Cleanup(conn.Close)
		return conn
	},
	"gRPC server": func(t testing.TB, w *webUIs) grpc.ClientConnInterface {
		server, listener := grpc.NewServer(), listen(t)
		cmfv1.RegisterFlinkWebUIServiceServer(server, w)
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(listener) })
		conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = conn.Close()
			server.Stop()
			serving.Wait()
		})
		return conn
	},
}

func headPart(status int32, headers ...string) *cmfv1.FetchFlinkWebUIResponse {
	head := &cmfv1.FlinkWebUIHead{Status: status}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		head.Headers = append(head.Headers, &cmfv1.FlinkWebUIHeader{Name: name, Value: value})
	}
	return &cmfv1.FetchFlinkWebUIResponse{Part: &cmfv1.FetchFlinkWebUIResponse_Head{Head: head}}
}

func bodyPart(body string) *cmfv1.FetchFlinkWebUIResponse {
	return &cmfv1.FetchFlinkWebUIResponse{Part: &cmfv1.FetchFlinkWebUIResponse_Body{Body: []byte(body)}}
}

// flinkAnswering is a control plane that sends the given parts and ends with the
// given error.
func flinkAnswering(end error, parts ...*cmfv1.FetchFlinkWebUIResponse) *webUIs {
	return &webUIs{fetch: func(_ *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
		for _, part := range parts {
			if err := s.Send(part); err != nil {
				return err
			}
		}
		return end
	}}
}

func TestWebUIResponsesArePassedOn(t *testing.T) {
	for name, connect := range webUITransports {
		t.Run(name, func(t *testing.T) {
			w := flinkAnswering(nil, headPart(203, "Content-Type: text/html", `ETag: "a"`, "Content-Encoding: gzip", "Content-Length: 6"), bodyPart("abc"), bodyPart("def"))
			s := startWith(t, connect(t, w))
			got := s.do(t, "GET", webUI+"/jobs/overview?a=b%20c", "", "Accept: text/html", "Accept-Encoding: gzip", "Cookie: a=b",
				"Authorization: Bearer secret", "X-Forwarded-For: 10.0.0.1", "x-confluent-cli-version: 4", "Origin: null")
			got.expect(t, 203, "abcdef")
			for name, want := range map[string]string{
				"Content-Type": "text/html", "Etag": `"a"`, "Content-Encoding": "gzip", "Content-Length": "6",
				"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "null",
				"Access-Control-Allow-Credentials": "true", "Referrer-Policy": "no-referrer",
			} {
				if value := got.header.Get(name); value != want {
					t.Errorf("%s is %q, want %q", name, value, want)
				}
			}
			policy := got.header.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "sandbox allow-scripts ") || strings.Contains(policy, "allow-same-origin") {
				t.Errorf("the policy is %q", policy)
			}
			want := &cmfv1.FetchFlinkWebUIRequest{
				EnvName: "test", Target: &cmfv1.FetchFlinkWebUIRequest_AppName{AppName: "app1"}, Method: "GET", Path: "/jobs/overview", Query: "a=b%20c",
				Headers: []*cmfv1.FlinkWebUIHeader{{Name: "Accept", Value: "text/html"}, {Name: "Accept-Encoding", Value: "gzip"}},
			}
			if asked := w.asked()[0]; !proto.Equal(asked, want) {
				t.Errorf("asked for %v, want %v", asked, want)
			}

			head := s.do(t, "HEAD", statementWebUI+"/", "")
			head.expect(t, 203, "")
			want = &cmfv1.FetchFlinkWebUIRequest{EnvName: "test", Target: &cmfv1.FetchFlinkWebUIRequest_StmtName{StmtName: "stmt1"}, Method: "HEAD", Path: "/"}
			if asked := w.asked()[1]; !proto.Equal(asked, want) {
				t.Errorf("asked for %v, want %v", asked, want)
			}
			if head.header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("another origin is let in without having asked")
			}
		})
	}
}

func TestHeadersOfAHostileWebUIAreDropped(t *testing.T) {
	w := flinkAnswering(nil, headPart(200, "Set-Cookie: session=1", "Content-Security-Policy: default-src *", "Access-Control-Allow-Origin: *",
		"Clear-Site-Data: *", "Refresh: 0; url=http://evil.example", "Link: <http://evil.example>; rel=preload", "X-Anything: 1", "Connection: close",
		"Transfer-Encoding: chunked", "WWW-Authenticate: Basic", "Cache-Control: public", "Content-Disposition: attachment\r\nSet-Cookie: a=b",
		"Service-Worker-Allowed: /", "Content-Language: en"), bodyPart("<script>"))
	got := startWebUIs(t, w).do(t, "GET", webUI+"/", "")
	got.expect(t, 200, "<script>")
	for _, name := range []string{"Set-Cookie", "Clear-Site-Data", "Refresh", "Link", "X-Anything", "Www-Authenticate", "Content-Disposition",
		"Access-Control-Allow-Origin", "Service-Worker-Allowed"} {
		if value, ok := got.header[name]; ok {
			t.Errorf("%s: %s got through", name, value)
		}
	}
	for name, want := range map[string]string{"Content-Type": "application/octet-stream", "Cache-Control": "private, no-cache", "Content-Language": "en"} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if policies := got.header["Content-Security-Policy"]; len(policies) != 1 || !strings.HasPrefix(policies[0], "sandbox") {
		t.Errorf("the policies are %q", policies)
	}
}

func startWebUIs(t testing.TB, w *webUIs, configure ...func(*gateway.Config)) *rest {
	t.Helper()
	return startWith(t, webUITransports["in process"](t, w), configure...)
}

// TestAWebUIMayLoadItsOwnResources, and not what belongs to the web UI of another job.
func TestAWebUIMayLoadItsOwnResources(t *testing.T) {
	s := startWebUIs(t, flinkAnswering(nil, headPart(200)))
	host := strings.TrimPrefix(s.url, "http://")
	for name, test := range map[string]struct {
		path    string
		headers []string
		want    string
	}{
		"itself":               {webUI + "/", nil, host + webUI + "/"},
		"of a statement":       {statementWebUI + "/a/b", nil, host + statementWebUI + "/"},
		"behind a proxy":       {webUI + "/", []string{"X-Forwarded-Host: weir.example, inner"}, "weir.example" + webUI + "/"},
		"at a port":            {webUI + "/", []string{"X-Forwarded-Host: weir.example:8443"}, "weir.example:8443" + webUI + "/"},
		"behind the CLI":       {webUI + "/", []string{"x-confluent-cli-version: 4"}, "'self'"},
		"an address in braces": {webUI + "/", []string{"X-Forwarded-Host: [::1]:8080"}, "'self'"},
		"a hostile host":       {webUI + "/", []string{"X-Forwarded-Host: *; script-src *"}, "'self'"},
		"a strange name":       {"/cmf/api/v1/environments/a;b,c'd%20e/applications/app1/flink-web-ui/", nil, host + "/cmf/api/v1/environments/a%3Bb%2Cc%27d%20e/applications/app1/flink-web-ui/"},
	} {
		got := s.do(t, "GET", test.path, "", test.headers...).header.Get("Content-Security-Policy")
		if !strings.Contains(got, "; default-src "+test.want+" 'unsafe-inline' ") {
			t.Errorf("%s: the policy is %q, want %s", name, got, test.want)
		}
	}
}

func TestPathsOfWebUIs(t *testing.T) {
	const refused = ""
	for target, want := range map[string]string{
		webUI + "/":                              "/",
		webUI + "/index.html":                    "/index.html",
		webUI + "/jobs/":                         "/jobs/",
		webUI + "/a/b/c/d":                       "/a/b/c/d",
		webUI + "/taskmanagers/127.0.0.1:1-ab":   "/taskmanagers/127.0.0.1:1-ab",
		webUI + "/taskmanagers/127.0.0.1%3A1-ab": "/taskmanagers/127.0.0.1:1-ab",
		webUI + "/%6Aobs":                        "/jobs",
		webUI + "/a'b(c)!":                       "/a'b(c)!",
		"//cmf/api/v1//environments/test/applications/app1//flink-web-ui/jobs": "/jobs",
		webUI + "//":                                    refused,
		webUI + "//evil.example/":                       refused,
		webUI + "/http://evil.example/":                 refused,
		webUI + "/a//b":                                 refused,
		webUI + "/.":                                    refused,
		webUI + "/..":                                   refused,
		webUI + "/../app2/flink-web-ui/":                refused,
		webUI + "/../../../environments":                refused,
		webUI + "/a/%2e%2e/b":                           refused,
		webUI + "/a/%2E/b":                              refused,
		webUI + "/jobmanager/logs/..%2f..%2fpasswd":     refused,
		webUI + "/jobmanager/logs/..%252f..%252fpasswd": refused,
		webUI + "/a%5Cb":                                refused,
		webUI + `/a\b`:                                  refused,
		webUI + "/a%00":                                 refused,
		webUI + "/a%0d%0aHost:x":                        refused,
		webUI + "/a%3Fb":                                refused,
		webUI + "/a%23b":                                refused,
		webUI + "/a;b":                                  refused,
		webUI + "/%ff":                                  refused,
		webUI + "/%C3%A9":                               refused,
		"http://localhost" + webUI + "/":                refused,
	} {
		w := flinkAnswering(nil, headPart(200, "Content-Type: text/plain"))
		got := rawGet(t, startWebUIs(t, w), target)
		asked := w.asked()
		switch {
		case want == refused && (got.status != http.StatusBadRequest || len(asked) > 0 || !strings.HasPrefix(got.body, `{"errors":[{"message":"`)):
			t.Errorf("%s: %d %s, asked for %v", target, got.status, got.body, asked)
		case want != refused && (got.status != http.StatusOK || len(asked) != 1 || asked[0].GetPath() != want):
			t.Errorf("%s: %d %s, asked for %v, want %s", target, got.status, got.body, asked, want)
		}
	}
}

func TestAWebUIPathWithoutATrailingSlashIsRedirectedRelatively(t *testing.T) {
	w := flinkAnswering(nil, headPart(200))
	s := startWebUIs(t, w)
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for target, want := range map[string]string{webUI: "flink-web-ui/", webUI + "?a=b": "flink-web-ui/?a=b", statementWebUI: "flink-web-ui/"} {
		if got := s.do(t, "GET", target, ""); got.status != http.StatusTemporaryRedirect || got.header.Get("Location") != want {
			t.Errorf("%s: %d, Location %q", target, got.status, got.header.Get("Location"))
		}
	}
}

func TestRedirectsOfFlinkStayWithinItsWebUI(t *testing.T) {
	const refused = ""
	for _, test := range [][3]string{ // path, Location of the control plane, Location of the gateway
		{"/", "/jobs/overview", "./jobs/overview"},
		{"/a", "/", "./"},
		{"/jobs/a/b", "/config?x=y", "../../config?x=y"},
		{"/jobs/", "/jobs/a", "../jobs/a"},
		{"/a", "/http:", "./http:"},
		{"/a", "//evil.example/", refused},
		{"/a", "http://evil.example/", refused},
		{"/a", "/../../applications", refused},
		{"/a", "/%2e%2e/x", refused},
		{"/a", "", refused},
	} {
		w := flinkAnswering(nil, headPart(302, "Location: "+test[1]))
		s := startWebUIs(t, w)
		s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := s.do(t, "GET", webUI+test[0], "")
		if test[2] == refused {
			if got.status != http.StatusBadGateway || got.header.Get("Location") != "" {
				t.Errorf("%v: %d, Location %q", test, got.status, got.header.Get("Location"))
			}
			continue
		}
		if got.status != http.StatusFound || got.header.Get("Location") != test[2] {
			t.Errorf("%v: %d, Location %q", test, got.status, got.header.Get("Location"))
		}
	}
}

func TestWebUIsAreReadOnly(t *testing.T) {
	w := flinkAnswering(nil, headPart(200))
	s := startWebUIs(t, w)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"} {
		for _, path := range []string{"/jars/upload", "/jars/a.jar/run", "/jobs/a", "/", ""} {
			got := s.do(t, method, webUI+path, "")
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD, OPTIONS" || !strings.Contains(got.body, "Method "+method+" is not allowed") {
				t.Errorf("%s %s: %d, Allow %q, %s", method, path, got.status, got.header.Get("Allow"), got.body)
			}
		}
	}
	if got := s.do(t, "OPTIONS", webUI+"/jobs", ""); got.status != http.StatusNoContent || got.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	preflight := s.do(t, "OPTIONS", webUI+"/jobmanager/log", "", "Origin: null", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: cache-control")
	for name, want := range map[string]string{"Access-Control-Allow-Origin": "null", "Access-Control-Allow-Headers": "Cache-Control", "Access-Control-Allow-Methods": ""} {
		if got := preflight.header.Get(name); preflight.status != http.StatusNoContent || got != want {
			t.Errorf("a preflight is answered %d with %s %q, want %q", preflight.status, name, got, want)
		}
	}
	for _, header := range []string{"Upgrade: websocket", "Upgrade: h2c"} {
		if got := s.do(t, "GET", webUI+"/", "", header, "Connection: Upgrade"); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", header, got.status, got.body)
		}
	}
	if asked := w.asked(); len(asked) > 0 {
		t.Errorf("the control plane was asked for %v", asked)
	}
}

// TestWritesFromOtherOriginsAreRejected: a sandboxed web UI is one.
func TestWritesFromOtherOriginsAreRejected(t *testing.T) {
	c := newControl()
	s := start(t, c)
	const start = "/cmf/api/v1/environments/test/applications/app1/start"
	for _, headers := range [][]string{{"Sec-Fetch-Site: cross-site", "Origin: null"}, {"Origin: null"}, {"Origin: http://evil.example"}, {"Sec-Fetch-Site: same-site"}} {
		if got := s.do(t, "POST", start, "", headers...); got.status != http.StatusForbidden {
			t.Errorf("POST with %v: %d %s", headers, got.status, got.body)
		}
	}
	if c.count() > 0 {
		t.Errorf("the control plane was called: %v", c.last(t))
	}
	for _, headers := range [][]string{nil, {"Sec-Fetch-Site: same-origin", "Origin: " + s.url}, {"Origin: " + s.url}, {"Sec-Fetch-Site: none"}} {
		before := c.count()
		if s.do(t, "POST", start, "", headers...); c.count() == before {
			t.Errorf("POST with %v is refused", headers)
		}
	}
}

func TestFailuresOfWebUIs(t *testing.T) {
	gone, err := status.New(codes.Unavailable, "no").WithDetails(&cmfv1.HttpStatus{Code: 502}, &cmfv1.RestError{Errors: []*cmfv1.Error{{Message: "It redirects."}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		control *webUIs
		status  int
		body    string
	}{
		"no such application": {flinkAnswering(status.Error(codes.NotFound, "Application 'app1' not found.")), 404, errorBody("Application 'app1' not found.")},
		"502":                 {flinkAnswering(gone.Err()), 502, errorBody("It redirects.")},
		"timeout":             {flinkAnswering(context.DeadlineExceeded), 504, errorBody("The request took too long.")},
		"no head":             {flinkAnswering(nil, bodyPart("a")), 502, errorBody("Flink's response has no valid status.")},
		"a strange status":    {flinkAnswering(nil, headPart(101)), 502, errorBody("Flink's response has no valid status.")},
		"nothing":             {flinkAnswering(nil), 500, errorBody("Internal error.")},
	} {
		t.Run(name, func(t *testing.T) {
			startWebUIs(t, test.control).do(t, "GET", webUI+"/", "").expect(t, test.status, test.body)
		})
	}
}

// TestAnIncompleteResponseAbortsTheConnection, with and without a Content-Length.
func TestAnIncompleteResponseAbortsTheConnection(t *testing.T) {
	for name, connect := range webUITransports {
		for _, headers := range [][]string{{"Content-Length: 100"}, nil} {
			t.Run(fmt.Sprint(name, headers), func(t *testing.T) {
				s := startWith(t, connect(t, flinkAnswering(status.Error(codes.Unavailable, "the agent has gone"), headPart(200, headers...), bodyPart("half"))))
				request, err := http.NewRequestWithContext(t.Context(), "GET", s.url+webUI+"/jobmanager/log", nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := s.client.Do(request)
				if err != nil {
					return // cut off before the head was on its way
				}
				defer response.Body.Close()
				if body, err := io.ReadAll(response.Body); err == nil {
					t.Errorf("%q was taken for the whole answer", body)
				}
			})
		}
	}
}

// TestAWebUIRequestEndsWhenItsClientDisconnects: nothing more is read from Flink.
func TestAWebUIRequestEndsWhenItsClientDisconnects(t *testing.T) {
	ended := make(chan struct{})
	w := &webUIs{fetch: func(_ *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
		defer close(ended)
		if err := s.Send(headPart(200)); err != nil {
			return err
		}
		for {
			if err := s.Send(bodyPart(strings.Repeat("a", 32<<10))); err != nil {
				return err
			}
		}
	}}
	s := startWith(t, webUITransports["gRPC server"](t, w))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s/log HTTP/1.1\r\nHost: localhost\r\n\r\n", webUI); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	await.Closed(t, "the end of the call of a client that has left", ended)
}

// TestOtherReplicasAreTried where the first cannot reach the agent.
func TestOtherReplicasAreTried(t *testing.T) {
	for name, connect := range webUITransports {
		t.Run(name, func(t *testing.T) {
			w := &webUIs{}
			w.fetch = func(_ *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
				if len(w.asked()) < 3 {
					s.SetTrailer(metadata.Pairs("weir-replica", "replica-3"))
					return status.Error(codes.Unavailable, "Elsewhere.")
				}
				return s.Send(headPart(204))
			}
			s := startWith(t, connect(t, w))
			if got := s.do(t, "GET", webUI+"/", ""); got.status != http.StatusNoContent {
				t.Errorf("%d %s", got.status, got.body)
			}
			w.fetch = func(_ *cmfv1.FetchFlinkWebUIRequest, s webUIStream) error {
				s.SetTrailer(metadata.Pairs("weir-replica", "replica-3"))
				return status.Error(codes.Unavailable, "Elsewhere.")
			}
			before := len(w.asked())
			if got := s.do(t, "GET", webUI+"/", ""); got.status != http.StatusServiceUnavailable {
				t.Errorf("%d %s", got.status, got.body)
			}
			if n := len(w.asked()) - before; n > 16 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}
