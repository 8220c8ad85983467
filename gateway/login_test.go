package gateway_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/gateway/metadataservice"
	"github.com/openweir/weir/internal/await"
	"github.com/openweir/weir/internal/logbuffer"
)

// startMDS serves a stand-in for the Metadata Service with TLS, and returns a client of it.
func startMDS(t *testing.T, handler http.HandlerFunc) *metadataservice.Client {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := metadataservice.New(server.URL+"/mds/", ca)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.CloseClientConnections()
		server.Close()
	})
	return client
}

func withMDS(client *metadataservice.Client, log *slog.Logger) func(*gateway.Config) {
	return func(c *gateway.Config) { c.MetadataService, c.Log = client, log }
}

// isLoginError checks for the form of errors that the Confluent CLI reads.
func (r reply) isLoginError(t *testing.T, status int, message string) {
	t.Helper()
	var body struct {
		StatusCode int    `json:"status_code"`
		Message    string `json:"message"`
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != status || body.StatusCode != status || body.Message != message {
		t.Errorf("got  %d %s\nwant %d %s", r.status, r.body, status, message)
	}
	if kind := r.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("the content type is %q", kind)
	}
}

func TestLoginsAreHandedToTheMetadataService(t *testing.T) {
	type received struct {
		method, path string
		header       http.Header
		body         string
	}
	requests := make(chan received, 1)
	client := startMDS(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- received{r.Method, r.URL.RequestURI(), r.Header, string(body)}
		h := w.Header()
		h.Set("Content-Type", "application/json;charset=utf-8")
		h.Set("Set-Cookie", "session=1")
		h.Set("Connection", "close")
		h.Set("Server", "Jetty")
		_, _ = io.WriteString(w, `{"auth_token":"x.y.z"}`)
	})
	c := newControl()
	s := start(t, c, withMDS(client, quiet()))
	for _, of := range []struct{ method, path, body string }{
		{"GET", "/security/1.0/authenticate", ""},
		{"GET", "/security/1.0/features", ""},
		{"POST", "/security/1.0/oidc/device/authenticate", ""},
		{"POST", "/security/1.0/oidc/device/check-auth", `{"user_code":"a","key":"b"}`},
		{"POST", "/security/1.0/oidc/device/extend-auth", `{"access_token":"a","refresh_token":"b"}`},
	} {
		t.Run(of.method+" "+of.path, func(t *testing.T) {
			got := s.do(t, of.method, of.path+"?x=1", of.body, "Authorization: Basic YWxpY2U6cHc=", "Content-Type: application/json", "Accept: application/json",
				"Cookie: session=2", "X-Forwarded-User: eve", "X-Custom: 1")
			got.expect(t, http.StatusOK, `{"auth_token":"x.y.z"}`)
			if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Set-Cookie") != "" || got.header.Get("Server") != "" {
				t.Errorf("the headers are %v", got.header)
			}
			request := await.Receive(t, "the request", requests)
			if request.method != of.method || request.path != "/mds"+of.path || request.body != of.body {
				t.Errorf("the service got %+v", request)
			}
			if request.header.Get("Authorization") != "Basic YWxpY2U6cHc=" || request.header.Get("Content-Type") != "application/json" {
				t.Errorf("the service got the headers %v", request.header)
			}
			for _, name := range []string{"Cookie", "X-Forwarded-User", "X-Custom"} {
				if request.header.Get(name) != "" {
					t.Errorf("the service got %s", name)
				}
			}
		})
	}
	for _, of := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/security/1.0/authenticate", http.StatusMethodNotAllowed},
		{"GET", "/security/1.0/oidc/device/check-auth", http.StatusMethodNotAllowed},
		{"GET", "/security/1.0/activenodes/http", http.StatusNotFound},
		{"GET", "/security/1.0/principals/User:alice/roleNames", http.StatusNotFound},
		{"GET", "/security/1.0/authenticate/x", http.StatusNotFound},
		{"GET", "/security/1.0/oidc/device/%2e%2e/%2e%2e/roles", http.StatusNotFound},
	} {
		if got := s.do(t, of.method, of.path, ""); got.status != of.want {
			t.Errorf("%s %s: %d %s", of.method, of.path, got.status, got.body)
		}
	}
	select {
	case request := <-requests:
		t.Errorf("the service got %+v", request)
	default:
	}
	if c.count() > 0 {
		t.Error("the control plane was called")
	}
}

func TestFailuresOfTheMetadataService(t *testing.T) {
	const unusable = "The Metadata Service gave a response that cannot be passed on."
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  int
		message string // empty where the body is that of the service
	}{
		"wrong password":         {answer(401, "application/json", `{"status_code":401,"message":"no"}`), 401, ""},
		"an error as JSON":       {answer(500, "application/json", `{"status_code":500,"message":"no"}`), 500, ""},
		"wrong password in HTML": {answer(401, "text/html", "<html>no</html>"), 401, "The Metadata Service refuses the request: Unauthorized."},
		"no bearer tokens":       {answer(404, "text/html", "<html>no</html>"), 404, "The Metadata Service refuses the request: Not Found."},
		"an error in HTML":       {answer(500, "text/html", "<html>no</html>"), 502, unusable},
		"success in HTML":        {answer(200, "text/html", "<html>log in</html>"), 502, unusable},
		"success without a body": {answer(200, "application/json", ""), 502, unusable},
		"a redirect":             {answer(307, "application/json", "{}"), 502, unusable},
		"a response too large":   {answer(200, "application/json", `"`+strings.Repeat("x", 1<<20)+`"`), 502, unusable},
		"a broken response": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}, 503, "The Metadata Service does not respond. Try again."},
	} {
		t.Run(name, func(t *testing.T) {
			var logged logbuffer.Buffer
			s := start(t, newControl(), withMDS(startMDS(t, test.handler), slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			got := s.do(t, "GET", "/security/1.0/authenticate", "", "Authorization: Basic YWxpY2U6aHVudGVyMg==")
			if test.message != "" {
				got.isLoginError(t, test.status, test.message)
			} else {
				got.expect(t, test.status, fmt.Sprintf(`{"status_code":%d,"message":"no"}`, test.status))
			}
			if (got.status == http.StatusServiceUnavailable) != (got.header.Get("Retry-After") != "") {
				t.Errorf("the headers are %v", got.header)
			}
			if strings.Contains(logged.String(), "YWxpY2U6") || strings.Contains(logged.String(), "hunter2") {
				t.Errorf("the log has the password:\n%s", logged.String())
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		listener := listen(t)
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		client, err := metadataservice.New("http://"+address, "")
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, newControl(), withMDS(client, quiet()))
		s.do(t, "GET", "/security/1.0/authenticate", "").isLoginError(t, http.StatusServiceUnavailable, "The Metadata Service does not respond. Try again.")
	})
	t.Run("a certificate of somebody else", func(t *testing.T) {
		server := httptest.NewUnstartedServer(answer(200, "application/json", "{}"))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.StartTLS()
		defer server.Close()
		client, err := metadataservice.New(server.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, newControl(), withMDS(client, quiet()))
		s.do(t, "GET", "/security/1.0/authenticate", "").isLoginError(t, http.StatusServiceUnavailable, "The Metadata Service does not respond. Try again.")
	})
}

func TestLoginsAreBounded(t *testing.T) {
	begun, release := make(chan struct{}, 64), make(chan struct{})
	client := startMDS(t, func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-release
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	})
	s := start(t, newControl(), withMDS(client, quiet()))
	s.do(t, "POST", "/security/1.0/oidc/device/check-auth", strings.Repeat("x", 64<<10+1)).isLoginError(t, http.StatusRequestEntityTooLarge, "The body must have at most 65536 bytes.")
	// Whoever does not send what was announced holds up nobody.
	for range 65 {
		slow, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = slow.Close() })
		if _, err := io.WriteString(slow, "POST /security/1.0/oidc/device/check-auth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan int, 64)
	for range 64 {
		go func() {
			response, err := s.client.Get(s.url + "/security/1.0/authenticate")
			if err != nil {
				ended <- 0
				return
			}
			response.Body.Close()
			ended <- response.StatusCode
		}()
	}
	for range 64 {
		await.Receive(t, "a login at the service", begun)
	}
	s.do(t, "GET", "/security/1.0/authenticate", "").isLoginError(t, http.StatusServiceUnavailable, "Too many users are logging in. Try again.")
	close(release)
	for range 64 {
		if code := await.Receive(t, "the end of a login", ended); code != http.StatusOK {
			t.Errorf("a login ended with %d", code)
		}
	}
	s.do(t, "GET", "/security/1.0/authenticate", "").expect(t, http.StatusOK, "{}")
}

// TestLoginIsNotSetUp: without a Metadata Service, the CLI is told, and asks for no
// password in the browser.
func TestLoginIsNotSetUp(t *testing.T) {
	s := start(t, newControl())
	const message = "Logging in is not set up here: Weir has no Metadata Service to hand it to (--mds-url)."
	s.do(t, "GET", "/security/1.0/authenticate", "").isLoginError(t, http.StatusNotFound, message)
	s.do(t, "POST", "/security/1.0/oidc/device/authenticate", "").isLoginError(t, http.StatusNotFound, message)
	var features struct{ Features map[string]bool }
	got := s.do(t, "GET", "/security/1.0/features", "")
	if err := json.Unmarshal([]byte(got.body), &features); err != nil || got.status != http.StatusOK || features.Features["oidc.login.device.1.enabled"] {
		t.Errorf("the features are %d %s", got.status, got.body)
	}
}

func TestMetadataServicesAreConfigured(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ url, ca, want string }{
		{"https://mds.example.com:8090", "", ""},
		{"https://mds.example.com/path/", "", ""},
		{"http://mds:8090", "", ""},
		{"", "", "--mds-url: must be "},
		{"mds:8090", "", "--mds-url: must be "},
		{"ftp://mds", "", "--mds-url: must be "},
		{"https://alice:secret@mds", "", "--mds-url: must be "},
		{"https://mds/?a=b", "", "--mds-url: must be "},
		{"https://mds/#a", "", "--mds-url: must be "},
		{"https://m ds", "", "--mds-url: must be "},
		{"https://mds", absent, "--mds-ca: open " + absent},
		{"https://mds", broken, "--mds-ca: " + broken + " does not contain a PEM certificate"},
		{"http://mds", broken, "--mds-ca: needs an https URL"},
	} {
		_, err := metadataservice.New(test.url, test.ca)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%q, %q: %v, want %q", test.url, test.ca, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error has the password: %v", err)
		}
	}
}
